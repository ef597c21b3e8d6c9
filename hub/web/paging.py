"""Pages of a list: which rows, and the addresses of the pages before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from hub.web.page import WebRequest

SIZE = 25


@dataclass(frozen=True, slots=True)
class Paging:
    """The current page of a list of `total` rows."""

    number: int
    size: int
    total: int
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: WebRequest, total: int, size: int = SIZE) -> Paging:
        """From `?page=`; a page that is not there becomes the nearest one that is."""
        query: Iterable[tuple[str, str]] = request.query_params.multi_items()
        asked = request.query_params.get("page", "1")
        number = int(asked) if asked.isdecimal() and len(asked) < 8 else 1
        pages = max(1, -(-total // size))
        kept = tuple((key, str(value)) for key, value in query if key != "page")
        return cls(min(max(1, number), pages), size, total, request.url.path, kept)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def first(self) -> int:
        return self.offset + 1

    @property
    def last(self) -> int:
        return min(self.offset + self.size, self.total)

    @property
    def previous(self) -> str | None:
        return self._address(self.number - 1) if self.number > 1 else None

    @property
    def next(self) -> str | None:
        return self._address(self.number + 1) if self.number < self.pages else None

    def _address(self, number: int) -> str:
        return f"{self.path}?{urlencode([*self.query, ('page', str(number))])}"
