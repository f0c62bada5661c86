#!/usr/bin/env bash
# What make installs with: scripts/install.sh ENVIRONMENT WHAT ARGUMENTS...
# Makes the environment if it is missing, says WHAT it installs, and gives the ARGUMENTS to uv (the
# one on the PATH, else one in .venv), or to pip where uv cannot be had. PYTHON names the interpreter.
set -euo pipefail
environment=$1 what=$2
shift 2
python=${PYTHON:-python3}
own=.venv/bin

fail() {
    echo "$1"
    exit 1
}

# On a terminal the line counts the seconds; elsewhere it is said once.
say() {
    if [ -n "${ticker:-}" ]; then
        kill "$ticker"
        # Waited for, so that bash does not report its end.
        wait "$ticker" 2>/dev/null || true
    fi
    [ ! -t 1 ] || printf '\r\033[K'
    ticker=
    [ $# -gt 0 ] || return 0
    if [ -t 1 ]; then
        (
            SECONDS=0
            while :; do
                printf '\r%s ... %d s' "$1" "$SECONDS"
                sleep 1
            done
        ) &
        ticker=$!
    else
        echo "$1 ..."
    fi
}

command -v "$python" >/dev/null ||
    fail "$python was not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 setup"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 setup"

trap 'say' EXIT
if ! [ -x "$environment/bin/python" ]; then
    say "Making the environment $environment"
    if ! told=$("$python" -m venv "$environment" 2>&1); then
        rm -rf "$environment"
        say
        fail "$told
Could not make $environment: on Debian and Ubuntu, install the package python3-venv."
    fi
fi

# uv is optional: without it, pip installs.
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    if ! [ -x "$own/uv" ]; then
        say "Installing uv, the fast installer"
        "$own/python" -m pip install --quiet -c constraints.txt uv >/dev/null 2>&1 || true
    fi
    [ ! -x "$own/uv" ] || uv=$own/uv
fi

# Compiled at once, as pip does: each command of a first demo, and each test's, starts faster.
if [ -n "$uv" ]; then
    say "Installing $what into $environment, with uv"
    if "$uv" pip install --quiet --compile-bytecode --python "$environment/bin/python" "$@" 2>/dev/null; then
        exit 0
    fi
fi
# Where an index is known to pip alone, or uv has no network: what pip says then is the error.
say "Installing $what into $environment, with pip (a minute or two)"
"$environment/bin/python" -m pip install --quiet "$@"
