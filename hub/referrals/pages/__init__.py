"""The pages of referrals, and of the member, who is seen through consents and referrals."""

from __future__ import annotations

from typing import Any

from hub.referrals.pages import lists, new, people, show, steps

ROUTES: list[Any] = [*lists.ROUTES, *new.ROUTES, *show.ROUTES, *steps.ROUTES, *people.ROUTES]
SUBJECTS = {
    "Task": "/referrals/{id}",
    "Patient": "/members/{id}",
    "ReferralDraft": "/referrals/new/{id}",
}
