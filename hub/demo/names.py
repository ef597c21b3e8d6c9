"""Made-up members: names as California has them, and what they need."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hub.referrals.rules import Service

# Given and family names of one origin go together; a name is a pair drawn from one line.
ORIGINS: tuple[tuple[str, str, str], ...] = (
    (
        "Spanish",
        "Rosa Guadalupe José Ángel María Inés Jesús Sofía Ramón Graciela Héctor Lucía Ofelia Raúl Consuelo Andrés",
        "Mendoza Hernández Núñez Castañeda Peña Villaseñor Arriaga Zavala Ibáñez Ochoa Quiñones Maldonado",
    ),
    ("Armenian", "Anahit Hovhannes Siranush Vartan Nazeli Gevorg Araksya Karapet", "Ter-Grigoryan Hakobyan Manukian "
     "Darbinyan Khachaturian Avetisyan"),
    ("Chinese", "Mei-Ling Guoqiang Xiulan Wai-Kit Suk-Yin Jianhua Lihua Kwok-Wah", "Chan Zhao Ouyang Huang Lau Xu Tse"),
    ("Vietnamese", "Thị Hoa|Văn Minh|Ngọc Lan|Quốc Bảo|Kim Anh|Đức Thành|Bích Thủy",
     "Nguyễn Trần Phạm Lê Đặng Huỳnh Vũ"),
    ("Tagalog", "Corazon Rodrigo Maricel Benigno Luzviminda Danilo Erlinda Rolando",
     "Dimaculangan Bautista Macaraeg Pangilinan Salonga Manalo Catacutan"),
    ("Russian", "Galina Vladimir Lyudmila Arkady Zinaida Boris Tamara Yefim",
     "Sokolov Rabinovich Kuznetsov Voskresensky Lifshits Belyaev"),
    ("English", "Dorothy Leroy Earnestine Clarence Bettye Walter Mattie Harold Lorraine Otis Velma Raymond",
     "Washington Abara Whitaker Broussard O’Neal Hollis Fontenot McAllister Tran-Hughes Pettigrew"),
    ("Hmong", "Pa Houa|Chue Neng|Mai Yer|Tou Ger|Kia", "Vang Xiong Moua Lor Thao"),
    ("Punjabi", "Harbhajan Gurpreet Balwinder Surjit Manjit", "Dhillon Sandhu Grewal Bains"),
    ("Korean", "Soon-Ja Young-Ho Myung-Hee Kyung-Soo", "Paik Hwang Noh Shim"),
    ("Farsi", "Parvaneh Bahram Shirin Manouchehr Farideh", "Farahani Mokhtari Tehrani Ghaffari"),
    ("Samoan", "Fa’aolesā Tavita Sina Ioane", "Leuluai Tuiasosopo Faleafa"),
)  # fmt: skip
LIKELY = (34, 5, 9, 8, 9, 5, 18, 4, 3, 2, 3, 2)
STREETS = ("Alder", "Bayview", "Cypress", "Dogwood", "Eucalyptus", "Foothill", "Grove", "Harbor", "Juniper", "Laguna")

NEEDS: dict[Service, tuple[str, ...]] = {
    Service.IHSS_APPLICATION: (
        "Cannot bathe, dress or cook alone since a fall; lives alone.",
        "Memory loss is getting worse; needs somebody in the home most of the day.",
        "Daughter who cared for the member is leaving the state.",
        "Uses a wheelchair, cannot shop or do laundry.",
        "Stroke in spring; needs help with transfers and meals.",
    ),
    Service.IHSS_REASSESSMENT: (
        "Condition has changed: needs help at night now.",
        "Dialysis three times a week; the hours no longer fit.",
        "Vision has failed since the last assessment.",
    ),
    Service.IHSS_DISCHARGE: (
        "Discharge from hospital planned after hip surgery; hours are needed at home.",
        "Leaves the nursing facility this week; will need help with all transfers.",
    ),
    Service.ECM: (
        "Several hospital stays this year, and nobody who coordinates the care.",
        "Unstable housing and diabetes; misses appointments.",
    ),
    Service.COMMUNITY_SUPPORTS: (
        "Needs medically tailored meals after a hospital stay.",
        "Needs grab bars and a ramp to stay at home safely.",
        "Caregiver is worn out; respite is needed.",
    ),
    Service.BEHAVIORAL_HEALTH: (
        "Grieves and does not leave the home; asks for somebody to talk to.",
        "Caseworker sees signs of depression.",
    ),
    Service.EQUIPMENT: (
        "Shower chair and raised toilet seat.",
        "Wheelchair is broken; the member is confined to bed.",
        "Hospital bed for pressure sores.",
    ),
}

OUTCOMES: dict[Service, tuple[str, ...]] = {
    Service.IHSS_APPLICATION: ("IHSS authorized", "IHSS authorized; provider enrolled", "IHSS application decided"),
    Service.IHSS_REASSESSMENT: ("Reassessment done, hours changed", "Reassessment done, hours unchanged"),
    Service.IHSS_DISCHARGE: ("Assessment in the facility and at home done", "Hours in place on the day of discharge"),
    Service.ECM: ("Enrolled in Enhanced Care Management", "Lead care manager assigned"),
    Service.COMMUNITY_SUPPORTS: (
        "Medically tailored meals, 12 weeks",
        "Home modification finished",
        "Respite arranged",
    ),
    Service.BEHAVIORAL_HEALTH: ("First visit with a therapist kept", "Tele-counselling begun"),
    Service.EQUIPMENT: ("Equipment delivered and fitted", "Wheelchair repaired"),
}


class Members:
    """Draws people, each once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._names: set[tuple[str, str]] = set()
        self._numbers: set[int] = set()

    def name(self) -> tuple[str, str, str]:
        """Given name, family name, language."""
        while True:
            language, given, family = self._chance.choices(ORIGINS, LIKELY)[0]
            chosen = self._chance.choice(given.split("|") if "|" in given else given.split())
            pair = (chosen, self._chance.choice(family.split()))
            if pair not in self._names:
                self._names.add(pair)
                return (*pair, language)

    def number(self) -> int:
        while (found := self._chance.randrange(1_000_000, 9_999_999)) in self._numbers:
            pass
        self._numbers.add(found)
        return found

    def cin(self) -> str:
        """Nine characters, as on a card."""
        return f"9{self.number()}{self._chance.choice('ABCDEFGH')}"

    def born(self, today: date) -> date:
        """Mostly old, some young."""
        years = self._chance.choices((82, 74, 66, 55, 38), (26, 30, 22, 14, 8))[0]
        return today - timedelta(days=365 * years + self._chance.randrange(0, 8 * 365))

    def phone(self) -> str:
        return f"+1510555{self._chance.randrange(100, 200):04d}"

    def address(self, county: str) -> str:
        return f"{self._chance.randrange(10, 9900)} {self._chance.choice(STREETS)} Street, {county} County, CA"
