#!/bin/sh
# install.sh TREE LIST [--bytecode]: the members of the workspace that LIST names, built and installed below TREE as they will lie in
# the environment: TREE/code holds modules, their bytecode if wanted, and commands, TREE/data the files beside them.
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
