#!/bin/sh
# Make or update the virtual environment. Usage: setup.sh VENV STAMP
# Needs Python >= 3.11 with its venv module and nothing else; says in one sentence what is missing.
set -eu
venv=$1
stamp=$2

python=
for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "isoloop needs Python 3.11 or newer, and none was found on PATH: apt-get install python3 python3-venv" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "isoloop needs Python's venv module, which $python lacks: apt-get install python3-venv (or python$version-venv)" >&2
    exit 1
fi

# A venv whose interpreter is gone or too old, or that was moved with its folder, is made anew.
if ! "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    ! grep -q "$(pwd)/$venv/bin" "$venv/bin/pip" 2>/dev/null; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
# Compiled once here, so that the first flight does not have to.
"$venv/bin/python" -c 'from isoloop.plant import Plant, PlantConfig; Plant(PlantConfig.from_preset(), 1, 100, [])'
date >"$stamp"
echo "isoloop is set up in $venv; try: $venv/bin/isoloop run ms22"
