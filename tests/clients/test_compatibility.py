"""The table of what becomes of every member (`docs/compatibility.md`) knows all that the newest SDKs can send.

The rows themselves are written and held by the test matrix; this test fails when an SDK learns to send something new.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from anthropic.types import message_create_params as messages
from anthropic.types.beta import beta_content_block_param, beta_tool_union_param
from anthropic.types.beta import message_create_params as beta_messages
from openai.types.chat import chat_completion_content_part_param, chat_completion_message_param
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response_create_params as responses
from openai.types.responses import response_input_item_param, tool_param

PAGE = Path(__file__).parents[2] / "docs/compatibility.md"
# Every request has them, and the row would say no more than that.
PLAIN = {"model", "messages", "message", "input", "stream", "text", "custom", "user", "assistant", "modelId"}


def words(title: str) -> set[str]:
    """What the first column of a section speaks of."""
    section = next(part for part in PAGE.read_text().split("\n## ") if part.startswith(title))
    rows = re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)
    return {word for row in rows for word in re.split(r"[ ,:.()]+", row)}


def members(*types: Any) -> set[str]:
    return {name for kind in types for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}


def variants(union: Any, discriminator: str = "type") -> set[str]:
    """The values by which the variants of a union are told apart."""
    found = set()
    for variant in typing.get_args(getattr(union, "__value__", union)):
        hints = typing.get_type_hints(variant, include_extras=False) if isinstance(variant, type) else {}
        found |= literals(hints.get(discriminator))
    return found


def literals(hint: Any) -> set[str]:
    arguments = typing.get_args(hint)
    nested = {text for argument in arguments for text in literals(argument)}
    return {argument for argument in arguments if isinstance(argument, str)} | nested


def undated(names: Iterable[str]) -> set[str]:
    """`bash_20250124` is a `bash`, and the output of a call goes with the call."""
    return {re.sub(r"(_\d{8}|_\d{4}_\d{2}_\d{2}|_output)$", "", name) for name in names}


CONVERSE = botocore.session.get_session().get_service_model("bedrock-runtime").shape_for("ConverseStreamRequest")

ALL = {
    "Anthropic Messages": [
        members(messages.MessageCreateParamsBase, beta_messages.MessageCreateParamsBase) - {"betas"} | {"anthropic_beta"},
        variants(beta_tool_union_param.BetaToolUnionParam),
        variants(beta_content_block_param.BetaContentBlockParam),
    ],
    "OpenAI Chat Completions": [
        members(chat.CompletionCreateParamsBase),
        variants(chat_completion_content_part_param.ChatCompletionContentPartParam),
        variants(chat_completion_message_param.ChatCompletionMessageParam, "role"),
    ],
    "OpenAI Responses": [
        members(responses.ResponseCreateParamsBase),
        variants(tool_param.ToolParam),
        variants(response_input_item_param.ResponseInputItemParam),
    ],
    "Bedrock Converse": [
        set(CONVERSE.members),
        set(CONVERSE.members["messages"].member.members["content"].member.members),
        set(CONVERSE.members["toolConfig"].members["tools"].member.members) - {"toolSpec"},
    ],
}


@pytest.mark.parametrize("title", ALL)
def test_the_table_knows_all_that_can_be_sent(title: str) -> None:
    known = words(title)
    for sent in ALL[title]:
        assert len(sent) > 1, "the SDK's types have another form than this test reads"
        assert undated(sent) - PLAIN - known == set()
