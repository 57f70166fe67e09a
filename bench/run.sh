#!/usr/bin/env bash
# Builds the release of Stonegate and of the benchmark, and runs it: `make bench`, or `bash bench/run.sh --quick`.
set -euo pipefail
cd "$(dirname "$0")/.."
# Apart, so that the benchmark's own choice of features does not change what is measured.
cargo build --quiet --release --package stonegate
cargo build --quiet --release --package stonegate-bench
exec "${CARGO_TARGET_DIR:-target}/release/stonegate-bench" run "$@"
