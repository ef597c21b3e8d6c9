"""How a feature describes a resource type. The kit does the protocol; the feature keeps its rules.

A feature's `fhir.py` holds, for example:

    TASK = Resource(
        "Task",
        table=Task,                                  # has hub.db.tables.DocumentMixin
        profiles=("http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement",),
        search=(
            Token("status"),                                               # column `status`
            Token("code", column="'fulfill'", system="http://hl7.org/fhir/CodeSystem/task-code"),
            Token("identifier", systems={"urn:ihss-hub:cin": "cin", "urn:ihss-hub:case": "case_number"}),
            Reference("patient", "Patient", column="member", include=True),
            Reference("owner", "Organization"),
            Reference("focus", "ServiceRequest", column="service_request", include=True),
            Reference("output", "Procedure", column="o.procedure", within="task_output o WHERE o.task = r.id",
                      include=True),
            Date("authored-on", column="authored_at"),
        ),
        member="member",                             # column that says whose data it is ("id" for Patient, None)
        parties=("requester", "owner"),              # columns with the organizations that a row is between
        columns=("status", "sent_on"),               # what else `permit` looks at
        elements={"Task.output": DataElement.OUTCOME},
        references={"Task.focus": ("ServiceRequest",)},   # narrower than the base type allows
        codes={"Task.intent": frozenset({"order"})},      # narrower than the base type's required binding
        checks=(document.profile_issues,),           # pure: document -> issues with their FHIRPath expression
        visible=queries.visible_tasks,               # actor -> (SQL condition on alias r, its arguments)
        ways=queries.ways_to_tasks,                  # the same in parts, each with an index in the order of a search
        reach=queries.reach_of_tasks,                # where there are no ways: (actor, which values a search wants of
                                                     # columns) -> (SELECT of the `id` of all that can be visible and
                                                     # have them, and maybe of more, its arguments); by indexes
        permit=queries.permit_tasks,                 # (actor, rows, context) -> rows; plain or async
        foreseen=queries.foreseen_of_tasks,          # (actor, among, memory) -> what `permit` will look up, asked
                                                     # together with the rows; `permit` finds it in context.memory
        create=actions.receive, update=actions.change,
    )

- `_id`, `_lastUpdated`, `_sort`, `_count`, `_total`, `_summary=count`, `_include`, `_revinclude` need no description.
  `_include=Task:focus` and `ServiceRequest?_revinclude=Task:focus` both come from `include=True`.
- A `column` is a column of the table, or any SQL expression over alias `r` without braces. With `within` the value is
  looked for in other rows: EXISTS (SELECT 1 FROM <within> AND <column> = …).
- Types are processed inside a Bundle by dependency, then in the order in which the descriptions are listed: list
  Patient before Consent before ServiceRequest before Task.
- No `create` or `update`: the interaction is not offered and answers 405.
- The rows that `permit` gets are dicts with `id`, `version`, `updated_at`, `document`, the member, the parties and the
  `columns`; of a history with the document, version and time of each version, and `past` for all but the current one.
  They are its own to change. A row that it lets through may carry a key `basis`; it goes into the audit entry. It may
  raise a Refusal itself; on a read, a row left out is 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol

import msgspec
from piccolo.table import Table

from hub.db.documents import Stored
from hub.db.together import Among
from hub.db.together import Asked as AskedRows
from hub.fhir.structure import Shape, shape_of
from hub.kernel.actor import Actor
from hub.kernel.errors import Issue

Document = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BundleSoFar:
    """What a transaction holds. `stored` grows while entries are processed: `Patient/id` → accepted document.

    `documents` are all the Bundle's documents in request order, by fullUrl or `entry[n]`, as far as known with their
    references already rewritten; those not yet stored have no id of the hub's.
    """

    documents: dict[str, Document] = field(default_factory=dict)
    stored: dict[str, Document] = field(default_factory=dict)

    def of_type(self, resource_type: str) -> list[Document]:
        return [one for one in self.documents.values() if one.get("resourceType") == resource_type]


@dataclass(frozen=True, slots=True)
class WriteContext:
    """How a document came in. `base` is the address of the FHIR endpoint, without a slash at the end."""

    request_id: str = ""
    in_bundle: bool = False
    bundle: BundleSoFar | None = None
    channel: str = "fhir"
    base: str = ""
    memory: dict[Any, Any] | None = None  # of one search: what `permit` has looked up for it already


@dataclass(frozen=True, slots=True)
class Token:
    """A code, an id, an identifier. `system|code` matches when the system is the description's, or, for the `code`
    elements in `hub.fhir.codes.SYSTEMS`, the base type's own.

    `systems` maps each system to the column of its values, for identifiers.
    `values` translates what is asked into what the column holds: (system or None, code) -> column values.
    """

    name: str
    column: str = ""
    system: str | None = None
    systems: Mapping[str, str] = field(default_factory=dict)
    values: Callable[[str | None, str], Sequence[str]] | None = None
    within: str | None = None
    boolean: bool = False  # the column is a boolean: `true` and `false`
    in_order: bool = False  # each way to the rows has an index that begins with the way and this, then keeps the order
    documentation: str = ""
    type = "token"
    include = False


@dataclass(frozen=True, slots=True, init=False)
class Reference:
    """A reference to one of `targets`; the column holds the plain id."""

    name: str
    targets: tuple[str, ...]
    column: str
    include: bool
    within: str | None
    documentation: str
    type = "reference"

    def __init__(
        self,
        name: str,
        *targets: str,
        column: str = "",
        include: bool = False,
        within: str | None = None,
        documentation: str = "",
    ) -> None:
        for key, value in (
            ("name", name),
            ("targets", targets),
            ("column", column),
            ("include", include),
            ("within", within),
            ("documentation", documentation),
        ):
            object.__setattr__(self, key, value)


@dataclass(frozen=True, slots=True)
class Date:
    """An instant (Timestamptz column) or a legal date (Date column), found by prefix and precision."""

    name: str
    column: str = ""
    day: bool | None = None  # None: the table's column says whether it is a Date; give it for an expression
    within: str | None = None
    in_order: bool = False  # an index begins with this, after the way if there are ways, and ends with the id
    documentation: str = ""
    type = "date"
    include = False


@dataclass(frozen=True, slots=True)
class String:
    """A text that begins with the value, whatever the case; `:exact`, `:contains`. Any of `columns` may match.

    `folded`: how a text is made the key that the table keeps of it in `<column>_key`; an index begins with each key,
    and ends with the id.
    """

    name: str
    column: str = ""
    columns: tuple[str, ...] = ()
    within: str | None = None
    folded: Callable[[str], str] | None = None
    documentation: str = ""
    type = "string"
    include = False


Param = Token | Reference | Date | String


class Create(Protocol):
    async def __call__(self, actor: Actor, document: Document, context: WriteContext, /) -> Stored: ...


class Update(Protocol):
    async def __call__(
        self, actor: Actor, row_id: str, document: Document, expected_version: int | None, context: WriteContext, /
    ) -> Stored: ...


Visible = Callable[[Actor], tuple[str, Sequence[Any]]]
Wanted = Mapping[str, frozenset[str]]  # columns that refer to something, and the ids that they may hold
Reach = Callable[[Actor, Wanted], tuple[str, Sequence[Any]]]


class Way(msgspec.Struct, frozen=True):
    """A part of what somebody may see: `column` is their organization, and none of the columns in `besides` is.

    Ways exclude each other: what one finds, no other does. `sql` says what else has to be true. `likely` (with its
    arguments) leaves out most of what the decision function will not let through: it saves looking at such rows one by
    one, where there are many. `likely_of_all` says the same as `likely`, for who reads all rows and not a page of them.
    """

    column: str
    besides: tuple[str, ...] = ()
    sql: str = ""
    likely: tuple[str, Sequence[Any]] | None = None
    likely_of_all: tuple[str, Sequence[Any]] | None = None

    def condition(self, home: str, likely: bool = True, whole: bool = False) -> tuple[str, list[Any]]:
        parts = [f"r.{self.column} = {{}}", *[f"r.{one} <> {{}}" for one in self.besides]]
        args: list[Any] = [home] * len(parts)
        if self.sql:
            parts.append(self.sql)
        told = self.likely_of_all if whole and self.likely_of_all is not None else self.likely
        if likely and told is not None:
            parts.append(told[0])
            args += told[1]
        return " AND ".join(parts), args

    def leads_nowhere(self, home: str, wanted: Wanted) -> bool:
        """Whether a search for these values of columns can find nothing on this way."""
        if self.column in wanted and home not in wanted[self.column]:
            return True
        return any(wanted.get(one) == frozenset({home}) for one in self.besides)


Ways = Callable[[Actor], Sequence[Way]]
Permit = Callable[[Actor, list[Row], WriteContext], list[Row] | Awaitable[list[Row]]]
Foreseen = Callable[[Actor, Among, dict[Any, Any]], AskedRows[None]]
Check = Callable[[Document], Iterable[Issue]]


@dataclass(frozen=True)
class Resource:
    name: str
    table: type[Table]
    visible: Visible
    search: tuple[Param, ...] = ()
    permit: Permit | None = None
    foreseen: Foreseen | None = None
    create: Create | None = None
    update: Update | None = None
    checks: tuple[Check, ...] = ()
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elements: Mapping[str, Any] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    member: str | None = None
    parties: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    ways: Ways | None = None
    reach: Reach | None = None
    documentation: str = ""

    @cached_property
    def shape(self) -> Shape:
        """What its documents are held against, made once."""
        return shape_of(self.name, self.codes, self.references)

    @cached_property
    def table_name(self) -> str:
        return str(self.table._meta.tablename)

    @cached_property
    def _selects(self) -> dict[tuple[str, ...], str]:
        return {}

    def select(self, more: tuple[str, ...] = ()) -> str:
        """`SELECT … FROM … r WHERE `, of the columns that every row is read with, and `more`."""
        if more not in self._selects:
            followed = [one.column or one.name for one in self.search if isinstance(one, Reference) and one.include]
            own = ("id", "version", "updated_at", "document", self.member or "id", *self.parties, *self.columns)
            named = dict.fromkeys((*own, *more, *(one for one in followed if one.isidentifier())))
            columns = ", ".join(f"r.{column}" for column in named)
            self._selects[more] = f"SELECT {columns} FROM {self.table_name} r WHERE "
        return self._selects[more]

    @cached_property
    def _params(self) -> Mapping[str, Param]:
        return {one.name: one for one in reversed(self.search)}

    def param(self, name: str) -> Param | None:
        return self._params.get(name)


def any_way(ways: Ways) -> Visible:
    """`visible`, of the parts that `ways` tells."""
    return partial(all_ways, ways)


def all_ways(ways: Ways, actor: Actor, likely: bool = True, whole: bool = False) -> tuple[str, list[Any]]:
    found = [way.condition(actor.home, likely, whole) for way in ways(actor)]
    return f"({' OR '.join([f'({sql})' for sql, _ in found])})", [arg for _, args in found for arg in args]
