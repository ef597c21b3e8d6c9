"""The versions of the rules: a change of law is a new row."""

from __future__ import annotations

from datetime import date

from hub.audit.actions import Entry, record
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.duties import rules
from hub.duties.queries import has_rules
from hub.duties.rules import FIRST_RULES
from hub.duties.tables import RuleVersion
from hub.kernel.actor import HUB, Actor
from hub.kernel.errors import Forbidden, Invalid, Issue
from hub.kernel.ids import new_id


@unit_of_work
async def seed_rules(actor: Actor) -> int:
    """Put the first version of every rule into the database. What is there already stays as it is."""
    known = {row["rule"] for row in await fetch("SELECT DISTINCT rule FROM rule_version")}
    rows = [rule for rule in FIRST_RULES if rule.id not in known]
    if not rows:
        return 0
    await RuleVersion.insert(
        *[
            RuleVersion(
                id=new_id(), rule=r.id, version=1, trigger=r.trigger, words=r.words,
                owed_by=", ".join(r.owed_by), limit_count=r.limit,
                limit_unit=r.unit.value if r.unit else None,
                authority=r.authority, effective_from=r.effective_from, verified=r.verified, shared=r.shared,
                note=r.note,
            )
            for r in rows
        ]
    )  # fmt: skip
    await record(actor, Entry("duties:rule:seed", "Rule", detail={"rules": [rule.id for rule in rows]}))
    return len(rows)


async def ensure_rules() -> None:
    """A database that has no rule at all gets the first ones."""
    if not await has_rules():
        await seed_rules(HUB)


@unit_of_work
async def add_rule_version(
    actor: Actor,
    rule: str,
    *,
    effective_from: date,
    authority: str,
    limit_count: int | None,
    limit_unit: str | None,
    verified: bool,
    words: str | None = None,
    note: str | None = None,
) -> str:
    """A change of law is a new row. What was owed under an earlier one keeps that one."""
    if not (actor.is_hub or actor.can("rule.write")):
        raise Forbidden("Only an administrator of the hub changes its rules.")
    await ensure_rules()
    found = await fetch(
        "SELECT version, trigger, words, owed_by, shared FROM rule_version WHERE rule = {}"
        " ORDER BY version DESC LIMIT 1",
        rule,
    )
    if not found:
        raise Invalid("There is no such rule.", issues=[Issue("rule", "Choose a rule that the hub knows.")])
    if (limit_count is None) != (limit_unit is None) or (
        limit_unit is not None and limit_unit not in set(rules.LimitUnit)
    ):
        raise Invalid(
            "The limit needs a number and a unit.",
            issues=[Issue("limit_unit", f"One of {', '.join(rules.LimitUnit)}.")],
        )
    last, row_id = found[0], new_id()
    await RuleVersion.insert(
        RuleVersion(
            id=row_id, rule=rule, version=last["version"] + 1, trigger=last["trigger"],
            words=words or last["words"], owed_by=last["owed_by"], limit_count=limit_count,
            limit_unit=limit_unit, authority=authority, effective_from=effective_from, verified=verified,
            shared=bool(last["shared"]), note=note,
        )
    )  # fmt: skip
    detail = {"rule": rule, "version": last["version"] + 1, "effective_from": effective_from.isoformat()}
    await record(actor, Entry("duties:rule:add", "Rule", row_id, basis=authority, detail=detail))
    return row_id
