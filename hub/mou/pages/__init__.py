"""The pages of MOUs: the register, one MOU, and a page for each part of it."""

from typing import Any

from hub.mou.pages import drafting, people, register, signing

ROUTES: list[Any] = [*register.ROUTES, *drafting.ROUTES, *people.ROUTES, *signing.ROUTES]
SUBJECTS = {"Agreement": "/mous/{id}"}
