"""What the set-up promises: locks without addresses, nobody else's code, a wheel that carries its pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "package-lock.json", *sorted((ROOT / "requirements").glob("*.txt"))]

# Written in two halves, so that this file does not hold them.
OTHERS_HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
]
OTHERS_PATHS = ["/ro" + "ot/", "/wo" + "rk/main", "/wo" + "rk/shared", "/wo" + "rk/.library", "/Us" + "ers/"]
HOME = re.compile("/ho" + r"me/\w+/")


def committed() -> list[Path]:
    """Every file that git holds, or would with the next commit of everything."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_holds_an_address(lock: Path) -> None:
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_package_in_a_lock_has_its_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", lock.read_text())
    unhashed = [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert pins(lock)
    assert unhashed == []


def test_the_dev_lock_contains_the_run_lock_and_both_contain_the_build_backend() -> None:
    run, dev = pins(ROOT / "requirements" / "run.txt"), pins(ROOT / "requirements" / "dev.txt")
    assert "hatchling" in run
    assert run.items() <= dev.items()


def test_no_file_holds_a_path_of_somebodys_machine_or_a_registrys_host() -> None:
    found = []
    for path in committed():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        held = [word for word in OTHERS_HOSTS + OTHERS_PATHS if word in text] + HOME.findall(text)
        found += [f"{path.relative_to(ROOT)}: {word}" for word in held]
    assert found == []


def test_no_third_partys_code_is_committed() -> None:
    theirs = ("node_modules/", "static/vendor/", "tests/vendor/")
    names = [path.relative_to(ROOT).as_posix() for path in committed()]
    assert [name for name in names if name.startswith(theirs) or name.endswith((".min.js", ".min.css"))] == []


def test_the_help_of_make_names_every_target_that_a_person_may_call() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = re.findall(r"^  make ([a-z-]+) +\S", said, re.MULTILINE)
    assert sorted(named) == sorted(declared[1].split())
    assert {"demo", "test"} <= set(named)


def test_what_ci_runs_is_what_a_person_runs() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


def test_every_folder_of_the_hub_is_a_package_so_that_the_import_rules_see_it() -> None:
    folders = {path.parent for path in (ROOT / "hub").rglob("*.py")}
    bare = [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]
    assert sorted(bare) == []


def test_the_versions_of_the_front_end_are_exact() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    loose = [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)]
    assert loose == []


def test_the_wheel_carries_the_templates_and_the_static_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    expected = {
        f"hub/{target}/{path.relative_to(ROOT / source).as_posix()}"
        for source, target in (("templates", "_templates"), ("static", "_static"))
        for path in (ROOT / source).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    assert "hub/_static/vendor/uswds/css/uswds.min.css" in expected
    assert "hub/_static/vendor/htmx/htmx.min.js" in expected
    assert expected <= held
    assert not any(name.startswith(("tests/", "node_modules/")) for name in held)
