"""The facts that a decision needs, and consents as the actor may see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from hub.consent.document import read
from hub.consent.elements import Content, content_in, content_of, joined
from hub.consent.rules import CARE, OWN, Decision, Facts, Grant, Ground, Question, decide, in_force
from hub.db.engine import fetch, look_up
from hub.db.lists import marks, padded
from hub.db.merged import ROW_BY_ROW
from hub.db.together import Among, Asked, Rows, Values, ask_together
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.kernel.jsontext import decode
from hub.members import queries as members
from hub.members.document import contact_of
from hub.members.queries import MemberRow
from hub.members.rules import masked_cin
from hub.mou import queries as mou
from hub.mou.rules import DataElement


def granted(member: str, discloser: str, element: DataElement, recipient: str) -> tuple[str, list[Any]]:
    """A condition for searches: today a term and a grant let this data element of the member go to the recipient.

    `member` and `discloser` are SQL expressions. It may let through more than `decide` permits, never less: what
    leaves is filtered by the decision function.
    """
    on = clock.today()
    return _granted(member, discloser), [recipient, CARE, on, on, recipient, element.value, on, on]


def granted_to_many(member: str, discloser: str, element: DataElement, recipient: str) -> tuple[str, list[Any]]:
    """`granted`, for a statement that reads a great many rows: who may disclose is asked once, not with every row."""
    on = clock.today()
    return _granted_to_many(member, discloser), [recipient, element.value, on, on, recipient, CARE, on, on]


@cache
def _granted_to_many(member: str, discloser: str) -> str:
    return f"""({discloser} IN (SELECT t.discloser FROM mou_term t WHERE t.recipient = {{}}
        AND t.element = {{}} AND t.from_date <= {{}} AND (t.until_date IS NULL OR t.until_date >= {{}}))
        AND EXISTS (SELECT 1 FROM consent_grant g WHERE g.member = {member} AND g.discloser = {discloser}
        AND g.recipient = {{}} AND g.purpose = {{}} AND g.from_date <= {{}}
        AND (g.until_date IS NULL OR g.until_date >= {{}})))"""


@cache
def _granted(member: str, discloser: str) -> str:
    return f"""(EXISTS (SELECT 1 FROM consent_grant g WHERE g.member = {member} AND g.discloser = {discloser}
        AND g.recipient = {{}} AND g.purpose = {{}} AND g.from_date <= {{}}
        AND (g.until_date IS NULL OR g.until_date >= {{}}) {ROW_BY_ROW})
        AND EXISTS (SELECT 1 FROM mou_term t WHERE t.discloser = {discloser} AND t.recipient = {{}}
        AND t.element = {{}} AND t.from_date <= {{}}
        AND (t.until_date IS NULL OR t.until_date >= {{}}) {ROW_BY_ROW}))"""


NOTHING = Facts(None, frozenset(), ())


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record today of what several disclosers may tell one recipient of some members."""

    agreements: Mapping[str, Facts]  # by discloser: its MOU and what it shares, and no grants
    granted: Mapping[tuple[str, str], Facts]  # by member and discloser: with the grants as well
    members: frozenset[str] = frozenset()
    disclosers: frozenset[str] = frozenset()

    def facts(self, member: str, discloser: str) -> Facts:
        return self.granted.get((member, discloser)) or self.agreements.get(discloser, NOTHING)


_UNKNOWN = Known({}, {})
_MEMORY = object()


async def known(recipient: str, members: Iterable[str], disclosers: Iterable[str], on: date) -> Known:
    """In one query, for however many rows."""
    of, by = padded(sorted(members)), padded(sorted(disclosers))
    if not of:
        return _UNKNOWN
    (found,) = await ask_together(_asked(recipient, (marks(of), of), (marks(by), by), on))
    return replace(found, members=frozenset(of), disclosers=frozenset(by))


def _asked(recipient: str, of: Values, by: Values, on: date) -> Asked[Known]:
    members, named = of
    between, args = mou.agreed(recipient, by, on)
    return Asked(
        "SELECT g.member, g.discloser, g.consent AS basis, g.purpose, g.labels AS listed, g.from_date, g.until_date"
        f" FROM consent_grant g WHERE g.recipient = {{}} AND g.member IN ({members})"
        f" UNION ALL SELECT NULL, m.discloser, m.agreement, NULL, m.elements, m.since, NULL FROM ({between}) m",
        [recipient, *named, *args],
        partial(_known, recipient),
    )


def foreseen(member: str, discloser: str, actor: Actor, among: Among, memory: dict[Any, Any]) -> Asked[None]:
    """What `permit` will ask for rows that are just being looked up, so that it finds it in the `memory`. `member` and
    `discloser`: the rows' columns.
    """
    unless = (discloser, actor.home)
    asked = _asked(actor.home, among.values(member, unless), among.values(discloser, unless), clock.today())

    def note(rows: Rows) -> None:
        of, by = among.held(member, unless), among.held(discloser, unless)
        memory[_MEMORY] = replace(asked.read(rows), members=of, disclosers=by)

    return Asked(asked.sql, asked.args, note)


def _known(recipient: str, rows: Rows) -> Known:
    since: dict[str, tuple[Any, str]] = {}
    terms: dict[str, frozenset[DataElement]] = {}
    grants: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for row in rows:
        member, discloser, basis, start = row["member"], row["discloser"], row["basis"], row["from_date"]
        if member is not None:
            grant = Grant(basis, discloser, recipient, row["purpose"], _labels(row["listed"]), start, row["until_date"])
            grants[member, discloser] = (*grants.get((member, discloser), ()), grant)
            continue
        terms[discloser] = terms.get(discloser, NOTHING.terms) | mou.elements_in(row["listed"])
        if start is not None and (discloser not in since or mou.governs((start, basis), since[discloser])):
            since[discloser] = start, basis
    agreements = {one: Facts(basis, terms[one], ()) for one, (_, basis) in since.items()}
    granted = {
        (member, one): Facts(agreements[one].agreement, agreements[one].terms, given)
        for (member, one), given in grants.items()
        if one in agreements
    }
    return Known(agreements, granted)


@lru_cache(maxsize=1024)
def _labels(text: str) -> frozenset[str]:
    return frozenset(text.split())


def asked_facts(member: str, discloser: str, recipient: str, on: date) -> Asked[Facts]:
    """The facts of one release, for who asks more than that together."""
    asked = _asked(recipient, ("{}", [member]), ("{}", [discloser]), on)
    return Asked(asked.sql, asked.args, lambda rows: _known(recipient, rows).facts(member, discloser))


async def facts(member: str, discloser: str, recipient: str, on: date) -> Facts:
    (found,) = await ask_together(asked_facts(member, discloser, recipient, on))
    return found if found.agreement is not None else await _without_terms(discloser, recipient, on)


async def _without_terms(discloser: str, recipient: str, on: date) -> Facts:
    """Where no term leads to an MOU, there may be one that shares nothing this way: a refusal tells the two apart."""
    agreement = await mou.agreement_in_force(discloser, recipient, on)
    return Facts(agreement.id, frozenset(), ()) if agreement else NOTHING


def _asking(discloser: str, recipient: str, content: Content, on: date, loop: bool) -> Question:
    return Question(
        discloser, recipient, CARE, on, content.elements, content.unmapped, content.paths, content.labels, loop
    )


def question(
    discloser: str,
    recipient: str,
    documents: Iterable[Mapping[str, Any] | str],
    *,
    on: date,
    loop: bool = False,
    purpose: str = CARE,
) -> Question:
    """What releasing these documents asks. What is stored may be given as it is stored."""
    asked = _asking(discloser, recipient, joined(tuple([content_in(one) for one in documents])), on, loop)
    return asked if purpose == CARE else replace(asked, purpose=purpose)


async def may_release(
    member: str,
    discloser: str,
    recipient: str,
    documents: Iterable[Mapping[str, Any] | str],
    *,
    loop: bool = False,
    on: date | None = None,
    known: Facts | None = None,
) -> Decision:
    """Ask the one decision function about these documents of a member. `on`: the day to which a loop goes back;
    `known`: today's facts, where they were read already in this unit of work.
    """
    if discloser == recipient:
        return OWN
    today = clock.today()
    asked = question(discloser, recipient, documents, on=today, loop=loop)
    if known is None or known.agreement is None:
        known = await facts(member, discloser, recipient, today)
    decision = decide(asked, known)
    return decision if decision.permitted else await _refused(asked, decision, on)


async def _refused(asked: Question, decision: Decision, on: date | None) -> Decision:
    """Today's MOU and consents decide. What closes a loop may also go under the terms of its own day, so that a loop
    can be closed after its MOU has ended; nothing else goes back in time.
    """
    if decision.failed is Ground.AUTHORITY:
        decision = decide(asked, await _without_terms(asked.discloser, asked.recipient, asked.on))
    if not asked.loop or on is None or on >= asked.on:
        return decision
    agreement = await mou.agreement_of_terms(asked.discloser, asked.recipient, on)
    terms = await mou.terms(asked.discloser, asked.recipient, on) if agreement else frozenset()
    then = decide(replace(asked, on=on), Facts(agreement, terms, ()))
    return then if then.permitted else decision


def visible_patients(actor: Actor) -> tuple[str, list[Any]]:
    """Condition on alias `r` of `member`: the organization's own records, and what it may have of others'."""
    sql, args = granted("r.id", "r.source", DataElement.IDENTITY, actor.home)
    return f"(r.source = {{}} OR {sql})", [actor.home, *args]


class Ask(NamedTuple):
    """Whose data a row holds, who discloses them, and whether they go back to the referrer to close the loop.

    `past`: whether versions before the current one go out too. What was taken out of a record is not told any more.
    """

    member: str
    discloser: str
    loop: bool = False
    on: date | None = None
    past: bool = False


async def permit(
    actor: Actor, rows: Iterable[dict[str, Any]], asks: Iterable[Ask], memory: dict[Any, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows that the decision function lets out to the actor's organization, each with its `basis`.

    `memory` is that of one request, while nothing is written: what was looked up for other rows serves these as well.
    """
    recipient, today = actor.home, clock.today()
    asks = list(asks)
    theirs = [ask for ask in asks if ask.discloser != recipient]
    members, disclosers = {ask.member for ask in theirs}, {ask.discloser for ask in theirs}
    on_record: Known | None = memory.get(_MEMORY) if memory else None
    if on_record is None or not (members <= on_record.members and disclosers <= on_record.disclosers):
        on_record = await known(recipient, members, disclosers, today)
        if memory is not None and members:
            memory[_MEMORY] = on_record
    granted, agreements = on_record.granted.get, on_record.agreements.get
    questions: dict[tuple[str, Content, bool], Question] = {}
    let_through = []
    for row, (member, discloser, loop, on, past) in zip(rows, asks, strict=True):
        if discloser == recipient:
            decision = OWN
        elif past or not row.get("past"):
            key = discloser, content_of(row["document"]), loop
            asked = questions.get(key)
            if asked is None:
                asked = questions[key] = _asking(discloser, recipient, key[1], today, loop)
            decision = decide(asked, granted((member, discloser)) or agreements(discloser, NOTHING))
            if not decision.permitted:
                decision = await _refused(asked, decision, on)
        else:
            continue
        if decision.permitted:
            row["basis"] = decision.basis
            let_through.append(row)
    return let_through


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent as the member's page shows it."""

    id: str
    member: str
    status: str
    recorder: str
    recorder_name: str
    given_on: date
    from_date: date
    until_date: date | None
    revoked_on: date | None
    version: int
    parties: tuple[tuple[str, str], ...]  # (discloser, recipient) ids, as it names them
    names: Mapping[str, str]  # of the organizations that it names
    labels: tuple[str, ...]
    form: str

    def state_on(self, day: date) -> str:
        """One word: active, not yet, ended, revoked, refused, or FHIR's own."""
        if self.status == "active":
            if day < self.from_date:
                return "not yet"
            return "active" if in_force(self.from_date, self.until_date, day) else "ended"
        return {"inactive": "revoked", "rejected": "refused"}.get(self.status, self.status)

    @property
    def directions(self) -> tuple[str, ...]:
        """`Alameda to Golden Poppy`, for each way."""
        return tuple(f"{self.names[one]} to {self.names[other]}" for one, other in self.parties)

    def covers(self, discloser: str, recipient: str, day: date) -> bool:
        return self.state_on(day) == "active" and (discloser, recipient) in self.parties


_VISIBLE = """(r.recorder = {} OR EXISTS (SELECT 1 FROM consent_party cp WHERE cp.consent = r.id
    AND cp.organization = {}))"""


def visible(actor: Actor) -> tuple[str, list[Any]]:
    """Condition on alias `r`: consents that the actor's organization recorded, or that name it."""
    return _VISIBLE, [actor.home, actor.home]


_CONSENT = (
    "SELECT r.id, r.member, r.status, r.recorder, o.short_name AS recorder_name, r.given_on, r.from_date, "
    "r.until_date, r.revoked_at, r.version, r.document FROM consent r JOIN organization o ON o.id = r.recorder"
)


async def consents_of(actor: Actor, member: str) -> list[ConsentRow]:
    """Newest first."""
    actor.require("consent.read")
    condition, args = visible(actor)
    rows = await fetch(
        f"{_CONSENT} WHERE {condition} AND r.member = {{}} ORDER BY r.given_on DESC, r.id DESC", *args, member
    )
    return [await _row(row) for row in rows]


async def consent_shown(actor: Actor, consent_id: str) -> ConsentRow:
    """One consent. Raises `NotFound` also for one that the asker may not know of."""
    await consent(actor, consent_id)
    return await _row((await fetch(f"{_CONSENT} WHERE r.id = {{}}", consent_id))[0])


async def _row(row: dict[str, Any]) -> ConsentRow:
    revoked_at, document = row.pop("revoked_at"), decode(row.pop("document"))
    said = read(document)
    bare = [[one.removeprefix("Organization/") for one in side] for side in (said.disclosers, said.recipients)]
    named = sorted({one for side in bare for one in side})
    marks = ", ".join("{}" for _ in named)
    names = await fetch(f"SELECT id, short_name FROM organization WHERE id IN ({marks})", *named) if named else []
    attachment = document.get("sourceAttachment") or {}
    return ConsentRow(
        **row,
        revoked_on=clock.legal_date(revoked_at) if revoked_at else None,
        parties=tuple((one, other) for one in bare[0] for other in bare[1] if one != other),
        names={one: one for one in named} | {name["id"]: name["short_name"] for name in names},
        labels=said.labels,
        form=str(attachment.get("title") or "See the source of the document"),
    )


async def consent(actor: Actor, consent_id: str) -> dict[str, Any]:
    """The stored row. Raises `NotFound` also for a consent that the asker may not know of."""
    actor.require("consent.read")
    condition, args = visible(actor)
    rows = await fetch(
        f"SELECT r.id, r.version, r.member, r.status, r.recorder, r.document FROM consent r WHERE r.id = {{}} "
        f"AND {condition}",
        consent_id,
        *args,
    )
    if not rows:
        raise NotFound("There is no such consent on file for your organization.")
    return rows[0]


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A member as the asker's organization may see them now. `row` is None while a name may not be shown."""

    id: str
    cin_end: str
    row: MemberRow | None
    own: bool
    phone: str
    address: str
    language: str
    basis: str
    version: int

    @property
    def shown(self) -> str:
        """For a heading."""
        return self.row.short_name if self.row else f"Member {self.cin_end}"


async def member_seen(actor: Actor, member_id: str) -> SeenMember:
    """Ask the decision function about the member's record. Raises `NotFound` for one whom the organization does not
    serve.
    """
    known = await members.member(actor, member_id)
    raw = (await fetch("SELECT document, version FROM member WHERE id = {}", member_id))[0]
    document = decode(raw["document"])
    decision = await may_release(member_id, known.source, actor.home, [document])
    own = known.source == actor.home
    if not decision.permitted:
        return SeenMember(member_id, masked_cin(known.cin), None, own, "", "", "", decision.basis, raw["version"])
    row = known if own else replace(known, case_number=None)  # the case number is the county's own element
    return SeenMember(member_id, masked_cin(known.cin), row, own, *contact_of(document), decision.basis, raw["version"])


@dataclass(frozen=True, slots=True)
class Found:
    """A member found, and why. `row` is None where the name is withheld: then only the CIN finds them."""

    id: str
    cin_end: str
    row: MemberRow | None
    reason: str


async def members_found(actor: Actor, words: str) -> list[Found]:
    """By CIN, case number or name, only as far as the organization may know the one who matches.

    Somebody whose details are withheld is found by the whole CIN alone: a name or a case number that matches would
    itself be told.
    """
    matches = await members.search(actor, words)
    shown = await names_shown(actor, [match.member.id for match in matches])
    found = []
    for match in matches:
        row, own = match.member, match.member.source == actor.home
        if match.reason == "case number" and not own:
            continue
        if row.id in shown:
            found.append(
                Found(row.id, masked_cin(row.cin), row if own else replace(row, case_number=None), match.reason)
            )
        elif match.reason == "CIN":
            found.append(Found(row.id, masked_cin(row.cin), None, "CIN"))
    return found


async def names_shown(actor: Actor, ids: list[str]) -> dict[str, str]:
    """`Rosa M.` for each of these members whose name the organization may see now."""
    if not ids:
        return {}
    condition, args = visible_patients(actor)
    of = padded(ids)
    rows = await look_up(
        "SELECT r.id, r.source, r.given, r.family, r.document FROM member r"
        f" WHERE r.id IN ({marks(of)}) AND {condition}",
        *of,
        *args,
    )
    shown = await permit(actor, rows, [Ask(row["id"], row["source"]) for row in rows])
    return {row["id"]: f"{row['given']} {row['family'][:1]}." for row in shown}
