"""JSON Patch by the table of RFC 6902's own examples, and scopes by SMART's."""

from __future__ import annotations

from typing import Any

import pytest

from hub.fhir.patch import apply
from hub.fhir.scopes import granted, narrow
from hub.kernel.errors import BadRequest, Invalid

TABLE: list[tuple[Any, list[dict[str, Any]], Any]] = [
    ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
    ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
    ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": [2]}], {"a": [1, [2]]}),
    ({"a": 1, "b": 2}, [{"op": "remove", "path": "/b"}], {"a": 1}),
    ({"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
    ({"a": 1}, [{"op": "replace", "path": "/a", "value": 2}], {"a": 2}),
    ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
    ({"a": [1, 2, 3, 4]}, [{"op": "move", "from": "/a/1", "path": "/a/3"}], {"a": [1, 3, 4, 2]}),
    ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
    (
        {"a/b": 1, "m~n": 2},
        [{"op": "test", "path": "/a~1b", "value": 1}, {"op": "remove", "path": "/m~0n"}],
        {"a/b": 1},
    ),
    ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}], {"b": 1}),
]


@pytest.mark.parametrize(("before", "operations", "after"), TABLE)
def test_a_patch_does_what_the_standard_says(before: Any, operations: list[dict[str, Any]], after: Any) -> None:
    assert apply(before, operations) == after


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"}, {"op": "replace", "path": "/b", "value": 1},
        {"op": "test", "path": "/b", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1}, {"op": "add", "path": "/l/3", "value": 1},
        {"op": "remove", "path": "/l/01"}, {"op": "remove", "path": "/l/-"},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "test", "path": "/t", "value": 1}, {"op": "test", "path": "/a", "value": "1"},
        {"op": "remove", "path": ""},
    ],
)  # fmt: skip
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    document = {"a": 1, "l": [1], "t": True}
    with pytest.raises(Invalid):
        apply(document, [operation])
    assert document == {"a": 1, "l": [1], "t": True}


@pytest.mark.parametrize("operations", [{}, "x", [1], [{}], [{"op": "add", "path": "/a"}], [{"op": "x", "path": "/a"}],
                                        [{"op": "move", "path": "/a"}], [{"op": "remove", "path": "a"}],
                                        [{"op": "test", "path": "/a", "value": 1}] * 201])  # fmt: skip
def test_what_is_no_patch_is_refused(operations: Any) -> None:
    with pytest.raises(BadRequest):
        apply({"a": 1}, operations)


@pytest.mark.parametrize(
    ("scopes", "letter", "result"),
    [
        (["system/Task.rs"], "r", ()),
        (["system/Task.rs"], "u", None),
        (["system/Task.read"], "s", ()),
        (["system/Task.write"], "s", None),
        (["system/*.*"], "d", ()),
        (["system/Patient.cruds"], "r", None),
        (["system/Task.dus"], "u", None),
        (["system/Task.sr", "system/Task.", "launch", "openid"], "r", None),
        (["system/Task.rs?status=draft", "system/Task.r?intent=order"], "r", ("status=draft", "intent=order")),
        (["system/Task.rs?status=draft", "system/Task.r"], "r", ()),
        ([], "r", None),
    ],
)
def test_a_scope_covers_a_type_and_its_letters(scopes: list[str], letter: str, result: Any) -> None:
    assert granted(scopes, "Task", letter) == result


@pytest.mark.parametrize(
    ("allowed", "wanted", "result"),
    [
        ("system/*.cruds", "system/Task.rs", "system/Task.rs"),
        ("system/*.cruds", "system/Task.read", "system/Task.read"),
        ("system/Task.rs", "system/Task.cruds", "system/Task.rs"),
        ("system/Task.cruds system/Patient.rs", "system/*.rs", "system/Task.rs system/Patient.rs"),
        ("system/Task.rs", "system/Patient.rs", ""),
        ("system/Task.rs?status=draft", "system/Task.rs", "system/Task.rs?status=draft"),
        ("system/Task.rs", "system/Task.r?status=draft", "system/Task.r?status=draft"),
        ("system/Task.rs?status=draft", "system/Task.r?status=failed", ""),
        ("system/*.cruds", "system/Task.sr", ""),
        ("system/*.cruds", "nonsense", ""),
    ],
)
def test_a_token_gets_no_more_than_is_registered(allowed: str, wanted: str, result: str) -> None:
    assert " ".join(narrow(allowed.split(), wanted)) == result
