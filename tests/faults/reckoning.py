"""After a fault: what was acknowledged, against what is there; and whether anything is there by half."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from hub.audit.keys import Keys
from hub.audit.verifying import verify
from hub.db.engine import bind, fetch, make_engine
from hub.kernel.jsontext import decode
from tests.faults.hubs import Hub, until
from tests.faults.load import IDENTIFIER, Ledger

DOCUMENTS = {
    "Patient": "member",
    "Consent": "consent",
    "ServiceRequest": "service_request",
    "Task": "task",
    "Procedure": "procedure",
    "Organization": "organization",
    "Practitioner": "person",
}
CREATED = {  # the entry in the trail that each resource begins with
    "Patient": "members:member:record",
    "Consent": "consent:consent:record",
    "ServiceRequest": "referrals:request:create",
    "Task": "referrals:task:create",
}


class Books:
    """The database as it stands."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: dict[tuple[str, str, int], str] = {}

    async def read(self) -> Books:
        for kind, table in DOCUMENTS.items():
            for row in await fetch(f"SELECT * FROM {table}"):
                self.rows[kind, row["id"]] = row
        for row in await fetch("SELECT resource_type, resource_id, version, document FROM resource_version"):
            self.versions[row["resource_type"], row["resource_id"], row["version"]] = row["document"]
        return self


async def on_database(hub: Hub, work: Callable[[], Any]) -> Any:
    """Run something on the hub's database, beside it."""
    engine = make_engine(hub.url)
    bind(engine)
    try:
        return await work()
    finally:
        await engine.close()


async def books_of(hub: Hub) -> Books:
    found: Books = await on_database(hub, Books().read)
    return found


async def settle(hub: Hub, ledgers: list[Ledger], before: Books) -> None:
    """Nothing acknowledged is lost, nothing is there by half, and the trail is whole."""

    async def all_of_it() -> None:
        books = await Books().read()
        for ledger in ledgers:
            nothing_is_lost(books, ledger)
        nothing_is_by_half(books)
        bundles_are_whole(books)
        await consequences_are_there(books, before)
        await trail_is_whole(hub)

    await on_database(hub, all_of_it)


def nothing_is_lost(books: Books, ledger: Ledger) -> None:
    for told in ledger.stored:
        kept = books.versions.get((told.resource_type, told.id, told.version))
        assert kept is not None, f"lost: {told}"
        assert told.text in (None, kept), f"not what was acknowledged: {told}"
        current = books.rows.get((told.resource_type, told.id))
        assert current is not None and current["version"] >= told.version, f"only its version is left: {told}"


def nothing_is_by_half(books: Books) -> None:
    """Each row has all its versions and stands at the last; each version has its row."""
    last: dict[tuple[str, str], list[int]] = defaultdict(list)
    for kind, row_id, version in books.versions:
        last[kind, row_id].append(version)
    for (kind, row_id), row in books.rows.items():
        kept = sorted(last.pop((kind, row_id), []))
        assert kept == list(range(1, row["version"] + 1)), f"by half: {kind}/{row_id}"
        assert row["document"] == books.versions[kind, row_id, row["version"]], f"by half: {kind}/{row_id}"
    assert {kind for kind, _ in last} <= {"PractitionerRole"}, "versions without a row"


def bundles_are_whole(books: Books) -> None:
    """Also those of which nothing was heard: a Task with its ServiceRequest, each sent once."""
    sent: Counter[tuple[str, str]] = Counter()
    for (kind, _), row in books.rows.items():
        if kind in ("ServiceRequest", "Task"):
            for mark in decode(row["document"]).get("identifier", []):
                if mark.get("system") == IDENTIFIER:
                    sent[kind, mark["value"]] += 1
    assert set(sent.values()) <= {1}, "something was stored twice"
    for kind, value in sent:
        assert kind == "ServiceRequest" or ("ServiceRequest", value) in sent


async def consequences_are_there(books: Books, before: Books) -> None:
    """What belongs to a change is there with it: the event, the duty, the entry in the trail, the two memberships.
    What was there at the start may have ended, and a simulated past has no entries in the trail.
    """
    events = {
        (row["task"], row["task_version"]) for row in await fetch("SELECT task, task_version FROM referral_event")
    }
    stated = {(row_id, version) for kind, row_id, version in books.versions if kind == "Task"}
    assert events == stated, f"no event: {events ^ stated}"

    owed: dict[str, list[str]] = defaultdict(list)
    for row in await fetch("SELECT subject_id, rule FROM duty WHERE state = 'open' AND subject_type = 'Task'"):
        owed[row["subject_id"]].append(row["rule"])
    expected = {
        "requested": ["referral-answer"],
        "accepted": ["referral-progress"],
        "in-progress": ["referral-progress"],
        "cancelled": ["referral-close-own"],
    }
    all_tasks = {row_id for kind, row_id in books.rows if kind == "Task"}
    tasks = {
        row_id: row
        for (kind, row_id), row in books.rows.items()
        if kind == "Task" and (kind, row_id) not in before.rows
    }
    wrong = {row_id for row_id, row in tasks.items() if owed[row_id] != expected[row["status"]]}
    assert not wrong and set(owed) <= all_tasks, f"not its duty: {wrong}"

    begun = await fetch("SELECT action, subject_id FROM audit_entry WHERE outcome = 'permitted'")
    entries = Counter((row["action"], row["subject_id"]) for row in begun)
    for kind, action in CREATED.items():
        recorded = {row_id for (one, row_id), count in entries.items() if one == action and count == 1}
        there = {row_id for (one, row_id) in books.rows if one == kind}
        assert recorded <= there, "an entry in the trail without what it tells of"
        old = {row_id for (one, row_id) in before.rows if one == kind}
        assert there - old <= recorded, f"not in the trail: {kind}"
    steps = sum(count for (one, _), count in entries.items() if one.startswith("referrals:task:"))
    at_start = {(row_id, version) for kind, row_id, version in before.versions if kind == "Task"}
    assert steps == len(stated - at_start), "each step has one entry in the trail"

    patients = {row_id for kind, row_id in books.rows if kind == "Patient"}
    served = Counter(row["member"] for row in await fetch("SELECT member FROM member_organization"))
    asked = {row["member"] for row in tasks.values()}
    assert asked <= patients and all(served[member] >= 2 for member in asked)


async def trail_is_whole(hub: Hub) -> None:
    """Every entry has its place, chained and signed, within a moment."""

    async def sealed() -> bool:
        left = "SELECT (SELECT count(*) FROM audit_entry) - COALESCE((SELECT MAX(seq) FROM audit_seal), 0) AS n"
        return bool((await fetch(left))[0]["n"] == 0)

    await until(sealed)
    report = await verify(make_engine(hub.url), Keys(hub.folder / "keys"))
    assert report.ok and not report.unsealed, f"not whole: {report}"
