"""What an executed MOU permits, as rows that the exchange joins with. Only other actions of MOUs call these."""

from __future__ import annotations

from datetime import date, timedelta

from hub.db.engine import fetch
from hub.mou.queries import AgreementView
from hub.mou.rules import DataElement, Direction, Renewal
from hub.mou.tables import MouTerm


async def put_in_force(view: AgreementView) -> None:
    """What was agreed becomes what the exchange enforces, from the first to the last day of the MOU.

    One that renews itself has no last day until somebody ends it.
    """
    start = view.row.effective_date
    rows = [
        term(view, direction, element, start)
        for direction in view.directions
        for element in sorted(direction.elements)
        if start is not None
    ]
    await MouTerm.insert(*rows)


def term(view: AgreementView, direction: Direction, element: DataElement, start: date) -> MouTerm:
    return MouTerm(
        agreement=view.id,
        discloser=direction.discloser,
        recipient=direction.recipient,
        element=element.value,
        from_date=start,
        until_date=view.row.end_date if view.row.renewal == Renewal.FIXED else None,
    )


async def end_terms(
    agreement_id: str,
    last: date,
    discloser: str | None = None,
    recipient: str | None = None,
    element: DataElement | None = None,
) -> None:
    """No term outlives its MOU. One that was never to begin ends on the day before it would have."""
    wanted = {"discloser": discloser, "recipient": recipient, "element": element and element.value}
    given = {column: value for column, value in wanted.items() if value is not None}
    rows = await fetch(
        "SELECT id, from_date FROM mou_term WHERE agreement = {} AND (until_date IS NULL OR until_date > {})"
        + "".join(f" AND {column} = {{}}" for column in given),
        agreement_id,
        last,
        *given.values(),
    )
    for row in rows:
        until = max(last, row["from_date"] - timedelta(days=1))
        await MouTerm.update({"until_date": until}).where(MouTerm.id == row["id"])
