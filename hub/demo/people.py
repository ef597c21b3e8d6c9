"""Who takes part: counties by their numbers, made-up plans, and the people who work for them. Pure data."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """A made-up managed care plan with its people: responsible person, liaisons, compliance officer."""

    key: str
    name: str
    short: str
    responsible: str
    liaisons: tuple[str, ...]
    compliance: str
    system: str | None = None  # the name of its software, where it calls the API
    algorithm: str = "ES384"
    scopes: str = "system/*.cruds"

    @property
    def identifier(self) -> str:
        return f"plan-{self.key}"


PLANS: tuple[Plan, ...] = (
    Plan("golden-poppy", "Golden Poppy Health Plan", "Golden Poppy", "Daniel Kim", ("Priya Raman", "Owen Castellanos"),
         "Grace Lindqvist", "Golden Poppy care management"),
    Plan("bay-laurel", "Bay Laurel Care", "Bay Laurel", "Miriam Feld", ("Lena Haddad", "Joaquín Sepúlveda"),
         "Tobias Wren", "Bay Laurel referral engine", "RS384"),
    Plan("blue-oak", "Blue Oak Community Plan", "Blue Oak", "Yolanda Pickett", ("Marcus Deng",),
         "Beatriz Amaral", "Blue Oak interface", "ES384",
         "system/Patient.crus system/Consent.crus system/ServiceRequest.crus system/Task.crus system/Procedure.crus"),
    Plan("manzanita", "Manzanita Health Plan", "Manzanita", "Stefan Kovac", ("Amara Njoku",), "Ruth Delacroix"),
    Plan("silver-lupine", "Silver Lupine Care", "Silver Lupine", "Noor Rahimi", ("Elliot Brandt",), "Cheng Yifan"),
    Plan("toyon", "Toyon Family Health", "Toyon", "Paloma Reyes", ("Gordon Tso",), "Ingrid Salo"),
    Plan("valley-quail", "Valley Quail Health Plan", "Valley Quail", "Dolores Cheung", ("Mai See Her",),
         "Patrick Oyelaran"),
    Plan("yarrow", "Yarrow Community Care", "Yarrow", "Vincent Aoki", ("Hannah Strom",), "Lucía Barrientos"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CountyTeam:
    """The people of a county who work with plans."""

    number: int
    key: str
    responsible: str
    liaisons: tuple[str, ...]
    compliance: str


MAIN = "alameda"

TEAMS: tuple[CountyTeam, ...] = (
    CountyTeam(1, "alameda", "Thomas Okafor", ("Marisol Vega", "Hovsep Petrosyan"), "Arturo Silva"),
    CountyTeam(49, "sonoma", "Judith Amsel", ("Sam Whitfield",), "Rebecca Tolliver"),
    CountyTeam(10, "fresno", "Pao Yang", ("Esperanza Duarte",), "Neil Farrow"),
    CountyTeam(19, "los-angeles", "Adrienne Cole", ("Tuan Ly", "Socorro Baeza"), "Malik Stroud"),
    CountyTeam(34, "sacramento", "Natalya Orlova", ("Kevin Iwasaki",), "Delphine Roy"),
    CountyTeam(43, "santa-clara", "Rajiv Menon", ("Trang Doan",), "Colette Hines"),
    CountyTeam(12, "humboldt", "Wade Sorensen", ("Autumn Lake",), "Frank Teixeira"),
    CountyTeam(39, "san-joaquin", "Carmen Urquidez", ("Phal Sok",), "Glenn Abbott"),
)

TITLES = {
    "county_responsible_person": "Deputy Director, Adult and Aging Services",
    "county_liaison": "IHSS program supervisor",
    "county_compliance_officer": "Compliance officer",
    "plan_responsible_person": "Vice President, Community Programs",
    "plan_liaison": "Manager, long-term services and supports",
    "plan_compliance_officer": "Chief compliance officer",
}

DEMONSTRATION_USERS: tuple[tuple[str, str], ...] = (
    ("Marisol Vega", "county_liaison"),
    ("Thomas Okafor", "county_responsible_person"),
    ("Priya Raman", "plan_liaison"),
    ("Grace Lindqvist", "plan_compliance_officer"),
    ("Arturo Silva", "county_compliance_officer"),
)
"""Who can sign in: of the main county, and of its first plan."""


def local_part(name: str) -> str:
    """`joaquin.sepulveda` of a name."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if c.isascii())
    return plain.replace(" ", ".").replace("’", "")
