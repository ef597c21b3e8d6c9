"""MOUs as bare rows, for tests that need one in a state that the way through the actions does not leave."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.kernel import clock
from hub.kernel.ids import new_id
from hub.mou.tables import Agreement, AgreementParty

SINCE = date(2026, 1, 1)


async def bare_mou(county: str, plan: str, state: str = "executed", **columns: Any) -> str:
    """Returns its id. It has parties and dates, and no history."""
    mou = new_id()
    row = {"effective_date": SINCE, "executed_on": SINCE, **columns}
    await Agreement.insert(
        Agreement(
            id=mou,
            kind="county-mcp-ihss",
            title="IHSS MOU",
            county=county,
            plan=plan,
            state=state,
            template="dhcs-ihss-2024",
            created_at=clock.start_of(SINCE),
            **row,
        )
    )
    for organization, role in ((county, "county"), (plan, "plan")):
        await AgreementParty.insert(AgreementParty(agreement=mou, organization=organization, role=role))
    return mou
