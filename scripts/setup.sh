#!/bin/sh
# Finds a Python 3.11 or newer and lets it run scripts/prepare.py, which does the rest.
# PYTHON=/path/to/python chooses one.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# A name of a version manager's shim may be on PATH and yet not run: hence the test of each.
for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.11 python3.12 python3.13 python3.14 \
    "${PYENV_ROOT:-${HOME:-/root}/.pyenv}"/versions/3.1[1-9].*/bin/python; do
    if usable "$python"; then
        exec "$python" -I "$here/prepare.py" "$@"
    fi
done

echo "mtv needs Python 3.11 or newer, and found none. Install one (sudo apt-get install python3)," >&2
echo "or name one: make PYTHON=/path/to/python3.11 ..." >&2
exit 1
