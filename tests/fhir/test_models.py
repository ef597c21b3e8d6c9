"""Models are loaded beside the first answers: nobody who is early gets another answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hub.fhir import models

# A process of its own, where nothing is loaded yet. Half of the checks run while the thread loads.
_EARLY = """
import json, sys
from hub.app import load_ahead
from hub.fhir.parse import model_issues
sound = {"resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": "Patient/1"},
         "code": {"coding": [{"system": "http://x.org", "code": "a"}]}, "note": [{"text": "x"}]}
unsound = {**sound, "code": {"codings": []}, "note": [{"words": "x"}]}
loaded_before = sorted(name for name in sys.modules if name.startswith("fhir.resources.R4B.task"))
if sys.argv[1] == "ahead":
    load_ahead()
found = [[[one.where, one.words] for one in model_issues("Task", each)] for each in (sound, unsound)]
print(json.dumps({"before": loaded_before, "found": found}))
"""


def _early(how: str) -> dict[str, list[list[list[str]]]]:
    done = subprocess.run([sys.executable, "-c", _EARLY, how], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found: dict[str, list[list[list[str]]]] = json.loads(done.stdout)
    return found


def test_a_document_that_comes_before_the_models_are_loaded_is_judged_as_any_other() -> None:
    early, meanwhile = _early("alone"), _early("ahead")
    assert early["before"] == meanwhile["before"] == []
    sound, unsound = early["found"]
    assert sound == [] and {path for path, _ in unsound} == {"Task.code.codings", "Task.note[0].words"}
    assert meanwhile["found"] == early["found"]


def test_a_model_that_does_not_load_is_told_to_the_log_and_to_who_needs_it(caplog: pytest.LogCaptureFixture) -> None:
    models.load_ahead(["NoSuchType"]).join(10)
    assert "does not load" in caplog.text
    with pytest.raises(ValueError, match="NoSuchType"):
        models.model("NoSuchType")
