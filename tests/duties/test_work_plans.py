"""What a work list asks is found by an index, so that it costs the same in a State's hub as in a county's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from hub.db.engine import Engine, fetch
from hub.db.sqlite import PooledSQLiteEngine
from hub.duties.queries import WorkFilter, work_of
from hub.duties.rules import Group
from tests.duties.test_work import TODAY, owes

# The plan is asked of SQLite alone: PostgreSQL reads small tables whole, whatever indexes they have.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])

Asked = tuple[str, Sequence[Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What the database was asked."""
    seen: list[Asked] = []
    run = PooledSQLiteEngine.look_up

    async def noting(self: PooledSQLiteEngine, sql: str, args: Sequence[Any]) -> Any:
        seen.append((sql, args))
        return await run(self, sql, args)

    monkeypatch.setattr(PooledSQLiteEngine, "look_up", noting)
    return seen


async def steps_on_duties(engine: Engine, asked: list[Asked]) -> set[str]:
    steps: set[str] = set()
    for sql, args in asked:
        rows = await engine.fetch(f"EXPLAIN QUERY PLAN {sql}", args)
        steps |= {row["detail"] for row in rows if row["detail"].split()[1:2] in (["d"], ["duty"])}
    return steps


@pytest.mark.parametrize("everybody", [False, True])
@pytest.mark.parametrize("show", [None, *Group])
async def test_duties_are_counted_and_put_in_order_by_indexes_alone(
    cast: Any, database: Engine, asked: list[Asked], show: Group | None, everybody: bool
) -> None:
    for days in (-1, 0, 2, 30):
        await owes(cast, f"progress {days}", TODAY + timedelta(days=days))
        await owes(cast, f"answer {days}", TODAY + timedelta(days=days), rule="referral-answer")
    await owes(cast, "theirs", TODAY, by="poppy", to="alameda", position="mcp_ihss_liaison")
    if everybody:
        await fetch("UPDATE appointment SET counterpart = NULL WHERE person = {}", cast.marisol.id)
    asked.clear()
    work = await work_of(cast.marisol, TODAY, WorkFilter(show))
    assert len(work.rows) == (9 if show is None else work.counts[show]) > 0
    steps = await steps_on_duties(database, asked)
    assert steps
    by_id = "SEARCH d USING INDEX sqlite_autoindex_duty_1 (id=?)"
    assert {step for step in steps if "USING COVERING INDEX" not in step} <= {by_id}
