"""Before a referral is sent: what would go, to whom, on which basis, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from hub.consent.queries import ConsentRow, consents_of, facts, question
from hub.consent.rules import Decision, Ground, covers, decide
from hub.directory import queries as directory
from hub.directory.queries import Holder
from hub.directory.rules import LIAISON_OF
from hub.duties.queries import RuleRow, rules_in_force
from hub.duties.rules import due_date
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import due_in_words
from hub.mou import queries as mou
from hub.mou.queries import AgreementRow
from hub.mou.rules import ELEMENT_WORDS, DataElement
from hub.referrals.actions.clocks import ANSWER
from hub.referrals.actions.desk import NewReferral, request_of, task_of
from hub.referrals.actions.releases import with_what_they_bring

_UNSENT = "unsent"  # stands for the id that the ServiceRequest will have


@dataclass(frozen=True, slots=True)
class Preview:
    """The three that a release needs, each by itself, and the one decision that holds."""

    decision: Decision
    agreement: AgreementRow | None
    elements: tuple[str, ...]  # what goes, in the words of the MOU
    excess: tuple[str, ...]  # what of it the MOU does not agree to share
    consented: bool
    consent: ConsentRow | None

    @property
    def failed(self) -> Ground | None:
        return self.decision.failed


async def preview(actor: Actor, new: NewReferral) -> Preview:
    """Ask the decision function about the very documents that `send_referral` would store."""
    today = clock.today()
    at = clock.now()
    documents = [request_of(actor, new, at), task_of(actor, new, at, _UNSENT)]
    asked = question(actor.home, new.owner, await with_what_they_bring(actor, new.member, documents), on=today)
    known = await facts(new.member, actor.home, new.owner, today)
    excess = {asked.paths[path] for path in asked.paths if asked.paths[path] not in known.terms}
    bare = replace(asked, elements=frozenset(), unmapped=(), paths={})
    grant = next((one for one in known.grants if covers(one, bare)), None)
    consents = {one.id: one for one in await consents_of(actor, new.member)} if grant else {}
    return Preview(
        decision=decide(asked, known),
        agreement=await mou.agreement_in_force(actor.home, new.owner, today),
        elements=_words(asked.elements),
        excess=() if known.agreement is None else (*_words(excess), *asked.unmapped),
        consented=grant is not None,
        consent=consents.get(grant.consent) if grant else None,
    )


def _words(elements: frozenset[DataElement] | set[DataElement]) -> tuple[str, ...]:
    return tuple(ELEMENT_WORDS[one][0] for one in DataElement if one in elements)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What happens once it is sent: who answers, by when, under which rule."""

    liaison: Holder | None
    rule: RuleRow | None
    due_words: str


async def afterwards(owner: directory.OrganizationRow, requester: str, today: date) -> Afterwards:
    position = LIAISON_OF.get(owner.kind)
    liaison = await directory.holder(position, owner.id, requester, today) if position else None
    rule = (await rules_in_force(ANSWER, today)).get(ANSWER)
    if rule is None or rule.limit_count is None:
        return Afterwards(liaison, rule, "")
    holidays = await directory.holidays(owner.id)
    due = due_date(today, rule.limit_count, rule.limit_unit, holidays)
    return Afterwards(liaison, rule, due_in_words(due, today, holidays))
