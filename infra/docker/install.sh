#!/bin/sh
# install.sh TREE LIST [--bytecode]: builds the workspace members in the file LIST, and installs them below TREE in the layout
# of the environment: TREE/code has modules, optionally their bytecode, and commands; TREE/data has the packages' data files.
set -eu
tree=$1 list=$2 bytecode=${3:-}
while read -r member; do
    uv build --quiet --offline --wheel --out-dir /wheels "$member"
done <"$list"
mkdir -p "$tree/code" "$tree/data"
uv pip install --quiet --offline --no-cache --no-deps --prefix "$tree/code" /wheels/*.whl
cd "$tree/code"
find . -name __pycache__ -prune -o -type f -path './lib/*' ! -path '*.dist-info/*' ! -name '*.py' -print |
    while read -r file; do
        mkdir -p "$tree/data/$(dirname "$file")"
        mv "$file" "$tree/data/$file"
    done
find "$tree" -type d -empty -delete
mkdir -p "$tree/code" "$tree/data"
find "$tree" -exec touch --date=2000-01-01T00:00:00Z {} +
[ "$bytecode" = --bytecode ] || exit 0
python -m compileall -q -s "$tree/code" -p "$VIRTUAL_ENV" "$tree/code"
find "$tree" -exec touch --date=2000-01-01T00:00:00Z {} +
