"""Recording a member. Finding and showing one is for pages that know of consents (`hub.referrals.pages.people`)."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post

from hub.kernel.errors import Invalid, Issue
from hub.members.actions import record_member
from hub.members.document import patient
from hub.members.forms import LANGUAGES, NewMember
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

TITLE = "Record a member"
_FIELDS = {
    "Patient.identifier": "cin",
    "Patient.name.family": "family",
    "Patient.name.given": "given",
    "Patient.birthDate": "birth_date",
}


@get("/members/new", opt={"needs": "member.write"})
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    return _form_page(request, Form.blank(NewMember))


@post("/members/new", opt={"needs": "member.write"})
async def create(request: Request[Any, Any, Any]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, NewMember)
    if form.ok:
        said = form.data
        document = patient(
            cin=said.cin,
            given=said.given,
            family=said.family,
            birth_date=said.birth_date,
            phone=said.phone,
            address=said.address,
            language=said.language,
        )
        try:
            stored = await record_member(actor, document, said.case_number if actor.is_county else None)
        except Invalid as refusal:
            form.refuse(_at_fields(refusal))
        else:
            if stored.created:
                return redirect(f"/members/{stored.id}", flash="The member is recorded.")
            words = "This CIN was on file already: it is the same member. Nothing on record was changed."
            return redirect(f"/members/{stored.id}", flash=words, tone="info")
    return _form_page(request, form)


def _at_fields(refusal: Invalid) -> Invalid:
    """The rules speak of the Patient; the form has fields."""
    issues = [Issue(_FIELDS.get(one.where, one.where), one.words, one.code) for one in refusal.issues]
    return Invalid(refusal.words, issues=issues)


def _form_page(request: WebRequest, form: Form[NewMember]) -> Html:
    return page(
        request,
        "members/new.html",
        title=TITLE,
        status=form.status,
        form=form,
        languages=LANGUAGES,
        is_county=actor_of(request).is_county,
    )


ROUTES: list[Any] = [new, create]
SUBJECTS: dict[str, str] = {}
