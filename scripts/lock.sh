#!/usr/bin/env bash
# Locks the dependencies: versions and hashes, but no address of any registry. Called by `make lock`.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${BIN:-.venv/bin}/uv"
lock() {
    # shellcheck disable=SC2086  # UPGRADE is empty or one option
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "make lock" ${UPGRADE:-} "$@"
}
lock pyproject.toml requirements/build.in -o requirements/run.txt
lock pyproject.toml requirements/build.in --extra dev -c requirements/run.txt -o requirements/dev.txt
lock requirements/node.in -o requirements/node.txt

if command -v npm >/dev/null; then
    npm install --package-lock-only --ignore-scripts --loglevel=error
    "${BIN:-.venv/bin}/python" - <<'PYTHON'
"""Drop from npm's lock whatever holds an address (funding, deprecation notices); npm needs only versions and hashes."""
import json
from pathlib import Path

path = Path("package-lock.json")
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    for key in [key for key, value in package.items() if "://" in json.dumps(value)]:
        del package[key]
path.write_text(json.dumps(lock, indent=2) + "\n")
PYTHON
else
    echo "No npm here: package-lock.json is as it was." >&2
fi
if grep -Hn '://' requirements/*.txt package-lock.json; then
    echo "A lock holds an address; nothing that names a host may be committed." >&2
    exit 1
fi
