"""The endpoint /fhir: HTTP on one side, the interactions on the other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Router, delete, patch, post, put, route
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send

from hub.fhir import bundle, interactions
from hub.fhir import patch as json_patch
from hub.fhir.headers import JSON_TYPES, header, preferences, require_acceptable, require_content_type
from hub.fhir.metadata import JSON_PATCH, capability_statement, smart_configuration
from hub.fhir.outcome import FHIR_JSON as _FHIR_JSON
from hub.fhir.outcome import handle, request_id, trace_headers, words
from hub.fhir.parse import TooLarge, decode, decode_document
from hub.fhir.search import search
from hub.fhir.wiring import Answer, Call, Wiring
from hub.kernel.errors import BadRequest, NotAllowed, NotFound
from hub.kernel.jsontext import encode

MAX_PARAMETERS = 200
_FORM = frozenset({"application/x-www-form-urlencoded"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
FHIR_JSON = _FHIR_JSON.encode()
_READS = [HttpMethod.GET, HttpMethod.HEAD]

# The kit authenticates by token itself.
_OPT: dict[str, Any] = {"api": True}

Req = Request[Any, Any, Any]


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadRequest(f"A search takes at most {MAX_PARAMETERS} parameters.") from None


def _query(request: Req) -> list[tuple[str, str]]:
    return _pairs(request.scope["query_string"].decode("latin-1"))


def _format(request: Req) -> str | None:
    """Read by hand: on the way to a read, a query string is the exception."""
    query = request.scope["query_string"]
    return next((v for k, v in _query(request) if k == "_format"), None) if b"_format=" in query else None


async def _body(request: Req, wiring: Wiring, allowed: frozenset[str]) -> bytes:
    require_content_type(request.headers.get("content-type"), allowed)
    body = await request.body()
    if len(body) > wiring.max_body_bytes:
        raise TooLarge("The body is too large.")
    return body


async def _call(request: Req, wiring: Wiring) -> Call:
    actor = await wiring.authenticate(request)
    scope = request.scope
    own, client, sent = request_id(request), scope.get("client"), scope["headers"]
    require_acceptable(header(sent, b"accept"), _format(request))
    return Call(wiring, actor.in_request(own, client[0] if client else ""), own, preferences(header(sent, b"prefer")))


class Ready:
    """An answer as it goes out: text that is ready, with raw headers. Half of what a read costs would else be the
    framework's own answer.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, request: Req, status: int, text: str, more: Mapping[str, str], kind: bytes) -> None:
        self.status, self.body = status, text.encode()
        said = {**trace_headers(request), **more}
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.items()]
        if status not in (204, 304):
            self.headers += [(b"content-type", kind), (b"content-length", str(len(self.body)).encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body  # type: ignore[typeddict-item]
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _respond(request: Req, answer: Answer, written: bool = False, prefer: frozenset[str] = frozenset()) -> ASGIApp:
    more = dict(answer.headers)
    if answer.version is not None:
        more["ETag"] = f'W/"{answer.version}"'
    if answer.updated_at is not None:
        more["Last-Modified"] = interactions.http_date(answer.updated_at)
    if answer.location is not None:
        more["Location"] = answer.location
    text = answer.text
    if written and "return=minimal" in prefer:
        text = None
    elif written and "return=OperationOutcome" in prefer:
        text = words("Stored.")
    return Ready(request, answer.status, text or "", more, FHIR_JSON)


def _known(wiring: Wiring, resource_type: str, row_id: str) -> None:
    wiring.resource(resource_type)
    if row_id.startswith(("_", "$")):
        raise NotAllowed("This operation is not supported here.")
    if not _ID.fullmatch(row_id):
        raise NotFound("This is not the id of any resource.")


def router(wiring: Wiring) -> Sequence[ControllerRouterHandler]:
    """The handlers of the endpoint. Their models are loaded at first use: `hub.fhir.models.load_ahead` goes ahead."""
    return [
        Router(
            "/fhir",
            route_handlers=[*_public(wiring), *_reads(wiring), *_searches(wiring), *_writes(wiring)],
            exception_handlers={Exception: handle},
            opt=_OPT,
            include_in_schema=False,
            request_max_body_size=wiring.max_body_bytes,
        )
    ]


def _public(wiring: Wiring) -> list[ControllerRouterHandler]:
    statement = encode(capability_statement(wiring))
    etag = f'W/"{hashlib.sha256(statement.encode()).hexdigest()[:16]}"'
    smart = encode(smart_configuration(wiring))

    @route("/metadata", http_method=_READS, status_code=200)
    async def metadata(request: Request[Any, Any, Any]) -> ASGIApp:
        sent = request.scope["headers"]
        require_acceptable(header(sent, b"accept"), _format(request))
        more = {"ETag": etag, "Cache-Control": "no-cache"}
        if header(sent, b"if-none-match") == etag:
            return Ready(request, 304, "", more, FHIR_JSON)
        return Ready(request, 200, statement, more, FHIR_JSON)

    @route("/.well-known/smart-configuration", http_method=_READS, status_code=200)
    async def configuration(request: Request[Any, Any, Any]) -> ASGIApp:
        return Ready(request, 200, smart, {}, b"application/json")

    return [metadata, configuration]


def _reads(wiring: Wiring) -> list[ControllerRouterHandler]:
    @route("/{resource_type:str}/{row_id:str}", http_method=_READS, status_code=200)
    async def read(request: Request[Any, Any, Any]) -> ASGIApp:
        resource_type, row_id = request.path_params["resource_type"], request.path_params["row_id"]
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        sent = request.scope["headers"]
        none_match, since = header(sent, b"if-none-match"), header(sent, b"if-modified-since")
        return _respond(request, await interactions.read(call, resource_type, row_id, none_match, since))

    @route("/{resource_type:str}/{row_id:str}/_history/{version:str}", http_method=_READS, status_code=200)
    async def vread(
        request: Request[Any, Any, Any],
        resource_type: FromPath[str],
        row_id: FromPath[str],
        version: FromPath[str],
    ) -> ASGIApp:
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        return _respond(request, await interactions.vread(call, resource_type, row_id, version))

    @route("/{resource_type:str}/{row_id:str}/_history", http_method=_READS, status_code=200)
    async def history(request: Request[Any, Any, Any], resource_type: FromPath[str], row_id: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        return _respond(request, await interactions.history(call, resource_type, row_id, _query(request)))

    return [read, vread, history]


def _searches(wiring: Wiring) -> list[ControllerRouterHandler]:
    @route("/{resource_type:str}", http_method=_READS, status_code=200)
    async def by_get(request: Request[Any, Any, Any]) -> ASGIApp:
        call = await _call(request, wiring)
        return _respond(request, await search(call, request.path_params["resource_type"], _query(request)))

    @post("/{resource_type:str}/_search", status_code=200)
    async def by_post(request: Request[Any, Any, Any], resource_type: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        body = await _body(request, wiring, _FORM)
        try:
            pairs = _query(request) + _pairs(body.decode())
        except UnicodeDecodeError:
            raise BadRequest("The body is not text in UTF-8.") from None
        require_acceptable(None, next((value for name, value in pairs if name == "_format"), None))
        return _respond(request, await search(call, resource_type, pairs))

    return [by_get, by_post]


def _writes(wiring: Wiring) -> list[ControllerRouterHandler]:
    async def answered(request: Request[Any, Any, Any], call: Call, work: Awaitable[Answer]) -> ASGIApp:
        return _respond(request, await work, True, call.prefer)

    @post("/", status_code=200)
    async def whole(request: Request[Any, Any, Any]) -> ASGIApp:
        call = await _call(request, wiring)
        body = decode_document(await _body(request, wiring, JSON_TYPES))
        return _respond(request, await bundle.process(call, body))

    @post("/{resource_type:str}")
    async def create(request: Request[Any, Any, Any], resource_type: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        wiring.resource(resource_type)
        document = decode_document(await _body(request, wiring, JSON_TYPES))
        if_none_exist = request.headers.get("if-none-exist")
        return await answered(request, call, interactions.create(call, resource_type, document, if_none_exist))

    @put("/{resource_type:str}/{row_id:str}")
    async def update(request: Request[Any, Any, Any], resource_type: FromPath[str], row_id: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        document = decode_document(await _body(request, wiring, JSON_TYPES))
        expected = interactions.version_of(request.headers.get("if-match"))
        return await answered(request, call, interactions.update(call, resource_type, row_id, document, expected))

    @patch("/{resource_type:str}/{row_id:str}")
    async def change(request: Request[Any, Any, Any], resource_type: FromPath[str], row_id: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        operations = decode(await _body(request, wiring, frozenset({JSON_PATCH})))
        expected = interactions.version_of(request.headers.get("if-match"))
        apply: Callable[[dict[str, Any]], dict[str, Any]] = lambda old: json_patch.apply(old, operations)  # noqa: E731
        return await answered(request, call, interactions.patch(call, resource_type, row_id, apply, expected))

    @delete("/{resource_type:str}/{row_id:str}", status_code=405)
    async def remove(request: Request[Any, Any, Any], resource_type: FromPath[str], row_id: FromPath[str]) -> ASGIApp:
        call = await _call(request, wiring)
        _known(wiring, resource_type, row_id)
        resource = wiring.resource(resource_type)
        await call.record("delete", resource.name, ids=[f"{resource.name}/{row_id}"], outcome="refused", basis="never")
        words = "Nothing is deleted here; give it the status entered-in-error."
        raise NotAllowed(words, headers={"Allow": "GET, HEAD, PUT, PATCH"})

    return [whole, create, update, change, remove]
