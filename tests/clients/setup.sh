#!/usr/bin/env bash
# Installs the pinned clients into .work/, which git ignores. Quick when nothing has changed since the last time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=${PYTHON:-python3}
stamp=.work/installed
wanted=$({
    cat requirements.txt package.json package-lock.json setup.sh
    "$python" --version
    node --version
    pwd
} | sha256sum)

if [[ -f $stamp && $(cat "$stamp") == "$wanted" ]]; then
    exit 0
fi

mkdir -p .work
rm -rf .work/venv .work/node "$stamp"

echo "Python clients: anthropic, openai, boto3, cohere, LangChain, llm, OpenTelemetry; and moto, Schemathesis and scim2-tester"
"$python" -m venv .work/venv
.work/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt

echo "Node clients: @anthropic-ai/sdk, @anthropic-ai/claude-code, openai, @openai/codex; and oidc-provider"
mkdir -p .work/node
cp package.json package-lock.json .work/node/
# Scripts of packages do not run on their own; the one that is needed is called by its name below. The engine that
# Claude Code asks for matters not: its program is native, and Node only unpacks it.
npm ci --prefix .work/node --ignore-scripts --no-audit --no-fund --loglevel=error
claude_code=.work/node/node_modules/@anthropic-ai/claude-code
node "$claude_code/install.cjs"

asked=$(node -p 'require("./package.json").dependencies["@anthropic-ai/claude-code"]')
there=$(HOME="$PWD/.work" .work/node/node_modules/.bin/claude --version)
if [[ $there != "$asked "* ]]; then
    echo "Claude Code $asked was asked for, but what is installed answers: $there" >&2
    echo "Look whether the package of this platform, @anthropic-ai/claude-code-<os>-<cpu>, was left out by npm." >&2
    exit 1
fi
echo "$wanted" >"$stamp"
