#!/bin/sh
# Forecasts of imported neuralforecast models against the original's. Usage: check.sh path/to/vane
# PYTHON names an interpreter that has neuralforecast; without one the check is skipped.
set -eu
vane=$1
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if ! "$python" -c 'import neuralforecast' 2> /dev/null; then
    echo "skipped: import of neuralforecast models ($python has no neuralforecast; set PYTHON)"
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$python" "$here/check.py" "$vane" "$dir"
