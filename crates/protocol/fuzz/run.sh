#!/usr/bin/env bash
# A while of each fuzz target, one after another; the first crash ends it.
#
#   run.sh [SECONDS]   a minute each, or that long
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzzing needs a nightly compiler and cargo-fuzz; run:" >&2
  echo "  rustup toolchain install nightly && cargo install cargo-fuzz" >&2
  exit 1
fi

for target in fuzz/fuzz_targets/*.rs; do
  name="$(basename "$target" .rs)"
  seeds=()
  case "$name" in parse | clients) seeds=(tests/golden/fixtures) ;; esac
  mkdir -p "fuzz/corpus/$name"
  echo "fuzzing $name for $seconds s"
  cargo +nightly fuzz run "$name" "fuzz/corpus/$name" "${seeds[@]}" -- -max_total_time="$seconds"
done
