#!/bin/sh
# Connects Claude Code on this machine to the gateway named below. It installs nothing, says what it is about to write, and
# asks first. Read it before you run it:   curl -fsSL 'GATEWAY/setup' | less
set -eu

gateway='GATEWAY'
settings=${CLAUDE_CONFIG_DIR:-$HOME/.claude}/settings.json

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# This text comes by standard input, so that questions go to the terminal. STONEGATE_YES=1 answers them.
confirm() {
    [ "${STONEGATE_YES:-}" = 1 ] && return
    printf '%s [y/N] ' "$1"
    answer=
    { read -r answer </dev/tty; } 2>/dev/null || fail "There is no terminal to ask at. Set STONEGATE_YES=1 to agree."
    case $answer in
        y | Y | yes) ;;
        *) fail "Nothing was changed." ;;
    esac
}

# With the stonegate command line, it keeps the sign-in and can undo what it writes.
by_stonegate() {
    printf 'This runs, with the stonegate command line that is installed here:\n\n'
    printf '    stonegate setup %s\n    stonegate login\n    stonegate configure claude\n\n' "$gateway"
    confirm 'Go on?'
    stonegate setup "$gateway"
    stonegate login
    stonegate configure claude
    printf '\nStart Claude Code:   claude\n'
}

# Without it, Claude Code signs in by itself. Its settings are merged by a program that knows JSON.
by_claude_code() {
    printf 'This writes two members to %s:\n\n' "$settings"
    printf '    "forceLoginMethod": "gateway"\n    "forceLoginGatewayUrl": "%s"\n\n' "$gateway"
    confirm 'Go on?'
    mkdir -p "$(dirname "$settings")"
    if [ ! -s "$settings" ]; then
        printf '{\n  "forceLoginMethod": "gateway",\n  "forceLoginGatewayUrl": "%s"\n}\n' "$gateway" >"$settings"
    elif command -v node >/dev/null 2>&1; then
        SETTINGS=$settings GATEWAY=$gateway node -e '
            const fs = require("fs"), { SETTINGS: path, GATEWAY: url } = process.env;
            const settings = JSON.parse(fs.readFileSync(path, "utf8"));
            Object.assign(settings, { forceLoginMethod: "gateway", forceLoginGatewayUrl: url });
            fs.writeFileSync(path, JSON.stringify(settings, null, 2) + "\n");' ||
            fail "$settings could not be changed; add the two members by hand."
    elif command -v python3 >/dev/null 2>&1; then
        SETTINGS=$settings GATEWAY=$gateway python3 -c '
import json, os
path = os.environ["SETTINGS"]
settings = json.load(open(path))
settings.update(forceLoginMethod="gateway", forceLoginGatewayUrl=os.environ["GATEWAY"])
text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
open(path, "w").write(text)' || fail "$settings could not be changed; add the two members by hand."
    else
        fail "There is neither node nor python3 to change $settings with; add the two members by hand."
    fi
    printf 'Done. Start Claude Code, and sign in as it says:   claude\n'
}

main() {
    if ! command -v claude >/dev/null 2>&1; then
        fail "Claude Code is not installed. Install it, then run this again:   npm install -g @anthropic-ai/claude-code"
    fi
    if command -v stonegate >/dev/null 2>&1; then
        by_stonegate
    else
        by_claude_code
    fi
}

# At the end, so that half a download does nothing.
main
