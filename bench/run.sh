#!/usr/bin/env bash
# Builds the release of Stonegate and of the benchmark, and runs it: `bash bench/run.sh --quick`. With `--stonegate PROGRAM`
# that is measured; `make bench-gateway` measures the profile-guided build.
set -euo pipefail
cd "$(dirname "$0")/.."
# Apart, so that the benchmark's own choice of features does not change what is measured.
[[ " $* " == *" --stonegate"* ]] || cargo build --quiet --release --package stonegate
cargo build --quiet --release --package stonegate-bench
exec "${CARGO_TARGET_DIR:-target}/release/stonegate-bench" run "$@"
