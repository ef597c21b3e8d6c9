"""What the application hands to the kit, and what one call carries through it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from litestar import Request

from hub.fhir.description import BundleSoFar, Reference, Resource, WriteContext
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound


class Side(NamedTuple):
    """Of a member whose data went out: the other organization, that they came from or belong to, and the grounds."""

    counterpart: str | None
    basis: str | None


NOBODY: Mapping[str, Side] = MappingProxyType({})


class Record(Protocol):
    """Writes one entry of the audit trail: `interaction` is FHIR's code (read, vread, search-type, …), `outcome` is
    `permitted` or `refused`, `query` the parameters of a search, `basis` what the decisions rested on, all of them;
    `members` tells the same for each whose data went out."""

    async def __call__(
        self,
        actor: Actor,
        interaction: str,
        resource_type: str,
        ids: Sequence[str],
        members: Mapping[str, Side],
        request_id: str,
        query: str | None,
        outcome: str,
        basis: str | None,
    ) -> None: ...


@dataclass(frozen=True)
class Wiring:
    """`base` is the hub's public address without a slash at the end; the endpoint is `<base>/fhir`.

    The order of `resources` is the order of processing inside a Bundle where no reference decides.
    """

    resources: tuple[Resource, ...]
    base: str
    authenticate: Callable[[Request[Any, Any, Any]], Awaitable[Actor]]
    record: Record
    max_body_bytes: int = 2_000_000
    software_version: str = "0"

    @cached_property
    def fhir_base(self) -> str:
        return f"{self.base}/fhir"

    @property
    def token_url(self) -> str:
        return f"{self.base}/oauth/token"

    @cached_property
    def by_name(self) -> Mapping[str, Resource]:
        return {one.name: one for one in self.resources}

    def resource(self, name: str) -> Resource:
        try:
            return self.by_name[name]
        except KeyError:
            raise NotFound(f"The hub has no resources of type {name[:64]}.") from None

    def order(self, name: str) -> int:
        return next((n for n, one in enumerate(self.resources) if one.name == name), len(self.resources))

    @cached_property
    def reverse_includes(self) -> Mapping[str, Sequence[tuple[Resource, Reference]]]:
        """For each type, the references to it that `_revinclude` may follow."""
        found: dict[str, list[tuple[Resource, Reference]]] = {one.name: [] for one in self.resources}
        for resource in self.resources:
            for param in resource.search:
                if isinstance(param, Reference) and param.include:
                    for target in param.targets:
                        if target in found:
                            found[target].append((resource, param))
        return found


@dataclass(frozen=True)
class Call:
    """One call, or one entry of a Bundle: who asks, and what they prefer."""

    wiring: Wiring
    actor: Actor
    request_id: str = ""
    prefer: frozenset[str] = frozenset()
    bundle: BundleSoFar | None = None
    memory: dict[Any, Any] | None = None  # while nothing is written

    @property
    def strict(self) -> bool:
        return "handling=strict" in self.prefer

    @property
    def context(self) -> WriteContext:
        return WriteContext(
            request_id=self.request_id,
            in_bundle=self.bundle is not None,
            bundle=self.bundle,
            base=self.wiring.fhir_base,
            memory=self.memory,
        )

    async def record(
        self,
        interaction: str,
        resource_type: str,
        *,
        ids: Sequence[str] = (),
        members: Mapping[str, Side] = NOBODY,
        query: str | None = None,
        outcome: str = "permitted",
        basis: str | None = None,
    ) -> None:
        await self.wiring.record(
            self.actor, interaction, resource_type, ids, members, self.request_id, query, outcome, basis
        )


@dataclass(frozen=True)
class Answer:
    """What an interaction says, before it becomes an HTTP response or the response of a Bundle's entry."""

    status: int
    text: str | None = None
    version: int | None = None
    updated_at: datetime | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stored: Any = None  # hub.db.documents.Stored, of a write
