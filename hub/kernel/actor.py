"""Who acts: a person in the page, a plan's system over the API, or the hub's own jobs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.kernel.errors import Forbidden


class ActorKind(StrEnum):
    USER = "user"
    SYSTEM = "system"  # an API client of an organization
    HUB = "hub"  # scheduled jobs, the demonstration's set-up, the command line


class OrganizationKind(StrEnum):
    COUNTY = "county"
    PLAN = "plan"
    STATE = "state"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Actor:
    """Everything that an access decision needs to know of the one who asks.

    `id` is a person's or a system's id, never a name. `organization` is the organization for which they act; None only
    for the hub itself. `capabilities` are the words of `hub.auth.capabilities`; `scopes` those of SMART, for systems.
    """

    kind: ActorKind
    id: str
    name: str
    organization: str | None = None
    organization_kind: OrganizationKind | None = None
    organization_name: str = ""
    roles: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    request_id: str = ""
    origin: str = ""  # network address of the client, for the audit trail

    def can(self, capability: str) -> bool:
        return capability in self.capabilities

    def require(self, capability: str) -> None:
        """Raise `Forbidden` unless the actor's roles grant it. The hub's own jobs may do what their action says."""
        if not self.is_hub and not self.can(capability):
            raise Forbidden(f"Your role does not include: {capability}.")

    @property
    def home(self) -> str:
        """The id of the organization for which they act. Raises `Forbidden` for one who acts for none."""
        if self.organization is None:
            raise Forbidden("This needs somebody who acts for an organization.")
        return self.organization

    @property
    def is_county(self) -> bool:
        return self.organization_kind is OrganizationKind.COUNTY

    @property
    def is_plan(self) -> bool:
        return self.organization_kind is OrganizationKind.PLAN

    @property
    def is_hub(self) -> bool:
        return self.kind is ActorKind.HUB

    def in_request(self, request_id: str, origin: str = "") -> Actor:
        return Actor(
            self.kind, self.id, self.name, self.organization, self.organization_kind, self.organization_name,
            self.roles, self.capabilities, self.scopes, request_id, origin,
        )  # fmt: skip


HUB = Actor(ActorKind.HUB, "hub", "The hub", organization_kind=OrganizationKind.HUB, organization_name="The hub")
