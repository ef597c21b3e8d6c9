"""`hub demo` touches nothing that it did not make, and says what to do. No story is told here."""

from __future__ import annotations

import asyncio
import gc
import io
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from hub.db.engine import bind, fetch_value, make_engine
from hub.db.migrate import migrate
from hub.demo import command
from hub.demo.command import Refused, prepare, run_demo
from hub.demo.marker import Folder, Mark, begin, finish
from hub.directory.actions import add_organization
from hub.kernel.actor import HUB
from hub.settings import Settings
from tests.kit.postgres import Postgres


@pytest.fixture(autouse=True)
def short_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schema and marks as in earnest, but only one county."""

    async def make(own: Settings, mark: Mark, progress: Callable[[float], None]) -> dict[str, Any]:
        await migrate()
        await begin(mark)
        await add_organization(HUB, "county", "Alameda County", "Alameda", "county-01", 1)
        await finish(mark)
        return {"base": own.base, "users": [], "systems": []}

    monkeypatch.setattr(command, "make_demonstration", make)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield Settings(data=tmp_path / "data")
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database("demo_refusals")
    yield Settings(data=tmp_path / "data", database_url=url)
    server.drop_database("demo_refusals")


def on(own: Settings, work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        engine = make_engine(own.database)
        bind(engine)
        try:
            return await work()
        finally:
            await engine.close()

    return asyncio.run(whole())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(own: Settings) -> dict[str, Any]:
    return prepare(own, Console(file=io.StringIO()))


async def counties() -> int:
    return int(await fetch_value("SELECT count(*) FROM organization"))


async def somebodys_county() -> None:
    await migrate()
    await add_organization(HUB, "county", "Yuba County", "Yuba", "county-58", 58)


def test_an_empty_database_with_its_schema_is_taken(own: Settings) -> None:
    on(own, migrate)
    start(own)
    assert on(own, counties) == 1
    assert Folder(own.data).mark() is not None


def test_a_database_that_it_did_not_make_is_left_alone(own: Settings) -> None:
    on(own, somebodys_county)
    with pytest.raises(Refused, match="did not make"):
        start(own)
    assert on(own, counties) == 1
    assert Folder(own.data).mark() is None


async def other_software() -> None:
    await fetch_value("CREATE TABLE invoice (id integer)")


def test_a_database_of_other_software_is_left_alone(own: Settings) -> None:
    on(own, other_software)
    with pytest.raises(Refused, match="did not make"):
        start(own)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letters.txt"
    file.write_text("Dear county,\n" * 100, "utf-8")
    with pytest.raises(Refused, match="cannot be opened"):
        start(Settings(data=tmp_path / "data", database_url=f"sqlite:///{file}"))
    assert file.read_text("utf-8").startswith("Dear county")


def test_the_data_folder_of_a_real_hub_is_left_alone(own: Settings) -> None:
    (own.data / "keys").mkdir(parents=True)
    with pytest.raises(Refused, match="it holds keys"):
        start(own)
    assert not (own.data / "demo").exists()


def test_a_folder_whose_demonstration_lies_in_another_database_is_refused(own: Settings, tmp_path: Path) -> None:
    start(own)
    other = own.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.sqlite'}"})
    on(other, somebodys_county)
    with pytest.raises(Refused, match="belongs to another database"):
        start(other)
    assert on(other, counties) == 1


def test_a_copied_database_without_its_folder_is_refused(own: Settings, tmp_path: Path) -> None:
    start(own)
    with pytest.raises(Refused, match="did not make here"):
        start(own.model_copy(update={"data": tmp_path / "elsewhere", "database_url": own.database}))


def test_a_folder_whose_database_is_gone_says_what_to_do(tmp_path: Path) -> None:
    own = Settings(data=tmp_path / "data")
    start(own)
    (own.data / "hub.sqlite").unlink()
    with pytest.raises(Refused, match="Delete the folder"):
        start(own)


def half_made(own: Settings) -> None:
    mark = Mark("half")
    Folder(own.data).write(mark)

    async def half() -> None:
        await somebodys_county()
        await begin(mark)

    on(own, half)


def test_one_that_was_stopped_in_the_middle_begins_anew(tmp_path: Path) -> None:
    own, said = Settings(data=tmp_path / "data"), io.StringIO()
    half_made(own)
    prepare(own, Console(file=said))
    assert "begins anew" in said.getvalue()
    assert on(own, counties) == 1
    mark = Folder(own.data).mark()
    assert mark is not None and mark.finished and mark.id != "half"


@pytest.mark.postgres
def test_on_postgresql_one_that_was_stopped_in_the_middle_says_what_to_do(postgres: Postgres, tmp_path: Path) -> None:
    own = Settings(data=tmp_path / "data", database_url=postgres.create_database("demo_half"))
    half_made(own)
    with pytest.raises(Refused, match="Drop the database and create it anew"):
        start(own)
    assert on(own, counties) == 1
    postgres.drop_database("demo_half")


def test_one_that_was_stopped_before_its_first_mark_goes_on(own: Settings) -> None:
    Folder(own.data).write(Mark("early"))
    on(own, migrate)
    start(own)
    assert on(own, counties) == 1


def test_a_second_start_makes_nothing_anew(own: Settings) -> None:
    start(own)
    before = Folder(own.data).mark()
    start(own)
    assert Folder(own.data).mark() == before and on(own, counties) == 1


def test_a_port_that_is_taken_is_said_before_anything_is_made(own: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = own.model_copy(update={"port": other.getsockname()[1]})
        with pytest.raises(Exception, match="HUB_PORT"):
            run_demo(taken, lambda _: pytest.fail("must not serve"))
    assert not own.data.exists()


def test_the_command_prints_the_refusal_and_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hub.cli

    own = Settings(data=tmp_path / "data", port=free_port())
    on(own, somebodys_county)
    monkeypatch.setattr(hub.cli, "settings", lambda: own)
    done = CliRunner().invoke(hub.cli.main, ["demo"])
    gc.enable()  # the command leaves it off until it serves
    assert done.exit_code == 1 and "did not make" in done.output


def test_the_demonstration_sends_no_mail_to_the_world(own: Settings) -> None:
    served: list[Settings] = []
    run_demo(own.model_copy(update={"smtp_url": "smtp://mail.example", "port": free_port()}), served.append)
    assert [one.smtp_url for one in served] == [""]
