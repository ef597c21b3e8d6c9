#!/usr/bin/env bash
# Says which of the few things that the set-up cannot bring itself are missing, and the exact package to install.
set -u
python=${1:-python3}
missing=()
command -v git >/dev/null 2>&1 || missing+=("git:git")
if ! command -v "$python" >/dev/null 2>&1; then
    missing+=("$python:python3")
    missing+=("venv and pip of $python:python3-venv")
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" --version 2>&1 | cut -d' ' -f2), and the hub needs 3.11 or newer." >&2
    echo "Install one, for example:    apt-get install python3.11 python3.11-venv" >&2
    echo "then say which to use:       make PYTHON=python3.11 ..." >&2
    exit 1
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=("venv and pip of $python:python3-venv")
fi
[ ${#missing[@]} -eq 0 ] && exit 0
packages=()
for entry in "${missing[@]}"; do
    echo "Missing on this machine: ${entry%%:*}" >&2
    packages+=("${entry##*:}")
done
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo "
echo "Install it with:    ${sudo}apt-get install ${packages[*]}" >&2
exit 1
