"""Hooks of Schemathesis: whatever it learns of the very key, user and tenant that it asks with, it does nothing to them.

Otherwise it would lock itself out by its own requests, and have nothing but refusals to look at from then on.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis

OWN = frozenset(os.environ.get("SPARED", "").split())
NOBODY = "nobody-at-all"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Names nobody in the place of what is spared."""
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if value in OWN:
            parameters[name] = NOBODY
