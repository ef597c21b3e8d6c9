"""The models of fhir.resources, each loaded when it is first needed: by a document, or by the thread that goes ahead.

Loading the models of what the hub speaks takes about a third of a second. A hub that starts listens first, and loads
them beside its first answers. Who needs one before that loads it, or waits for the thread that is at it: whatever
comes in is judged by the same models.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable
from functools import cache
from threading import RLock, Thread
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

loading = RLock()
"""Held by whoever loads a model, or judges with one: judging loads the models of what a document first holds."""


@cache
def model(name: str) -> Any:
    """The model of a resource type, or of an element's type."""
    with loading:
        return get_fhir_model_class(name)


def load_ahead(names: Iterable[str]) -> Thread:
    """Load these in a thread, one after the other, so that a request waits for one at most. They stay: looking for
    garbage passes them over from then on.
    """
    wanted = tuple(names)

    def work() -> None:
        try:
            for name in wanted:
                model(name)
            gc.freeze()
        except Exception:  # said here and again, as an error, to each who needs the model
            logging.getLogger(__name__).exception("a model of FHIR R4 does not load")

    thread = Thread(target=work, name="models", daemon=True)
    thread.start()
    return thread
