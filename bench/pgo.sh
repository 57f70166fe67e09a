#!/usr/bin/env bash
# Builds Stonegate twice: with counters, which a short benchmark run fills, then with what they tell the optimiser.
# The result is target/pgo/stonegate. Needs the toolchain's own llvm-profdata, which rustup has.
set -euo pipefail
cd "$(dirname "$0")/.."

host="$(rustc -vV | sed -n 's/^host: //p')"
profdata="$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata"
if [[ ! -x "$profdata" ]] && ! rustup -q component add llvm-tools; then
  echo "llvm-profdata is missing, and rustup could not add the component llvm-tools." >&2
  echo "Without it there is only the ordinary release build; \`bash bench/run.sh\` measures that." >&2
  exit 1
fi

out="${CARGO_TARGET_DIR:-$PWD/target}/pgo"
mkdir -p "$out"
rm -rf "$out/counts"

# A target is named so that build scripts and macros, which run on the builder's machine, are left as they are.
build() {
  RUSTFLAGS="$1" cargo build --quiet --release --package stonegate --target "$host" --target-dir "$2"
}

build "-Cprofile-generate=$out/counts" "$out/counting"
cargo build --quiet --release --package stonegate-bench
"${CARGO_TARGET_DIR:-target}/release/stonegate-bench" run --quick --stonegate "$out/counting/$host/release/stonegate"

"$profdata" merge -o "$out/stonegate.profdata" "$out/counts"
build "-Cprofile-use=$out/stonegate.profdata" "$out/optimised"
cp "$out/optimised/$host/release/stonegate" "$out/stonegate"
echo "$out/stonegate"
