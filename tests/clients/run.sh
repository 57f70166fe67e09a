#!/usr/bin/env bash
# Runs the vendors' real clients against a real `stonegate`. Arguments go to pytest: `run.sh -k thinking`.
#
# STONEGATE_BIN names the program to test; without it, it is built here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/setup.sh"

if [[ -z ${STONEGATE_BIN:-} ]]; then
    root=$(cd "$here/../.." && pwd)
    (cd "$root" && cargo build --quiet -p stonegate)
    target=${CARGO_TARGET_DIR:-target}
    [[ $target == /* ]] || target=$root/$target
    STONEGATE_BIN=$target/debug/stonegate
fi
export STONEGATE_BIN

cd "$here"
exec .work/venv/bin/python -m pytest "$@"
