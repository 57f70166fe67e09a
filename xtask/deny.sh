#!/usr/bin/env bash
# Licences, sources, bans and advisories by cargo-deny, which is installed into .tools/ when the machine has none.
# The advisory database lives outside of the package registries: where it cannot be reached, that one part is
# skipped and says so; the rest is always checked.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
tool=$(command -v cargo-deny || true)
if [ -z "$tool" ]; then
  tool=.tools/bin/cargo-deny
  [ -x "$tool" ] || cargo install cargo-deny --version "$version" --locked --root .tools --quiet
fi
"$tool" --log-level error check --hide-inclusion-graph licenses bans sources
if timeout 60 "$tool" --log-level off fetch db >/dev/null 2>&1; then
  "$tool" --log-level error check advisories
else
  echo "deny: the advisory database cannot be reached from here; advisories were not checked"
fi
