"""The journal is an interface: its schema is shipped, and every kind of event is kept as the schema says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from trellis.model.codec import decode_event, encode_event
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    Adopted,
    AnswerGiven,
    AttemptBegun,
    AttemptWanted,
    CancelRequested,
    Event,
    Forked,
    RunStarted,
    SignalReceived,
    TimerFired,
)

EVENTS: tuple[Event, ...] = (
    RunStarted(
        1.5,
        "r",
        "0a" * 32,
        {"n": 1, "deep": [{"é": None}]},
        request="q",
        secrets={"tok": "sealed"},
        locale="pt-BR",
        parent="p",
        depth=2,
    ),
    ActionCompleted(2.0, "r:1:0", {"of": [True, 0.5]}, secrets={"tok": "sealed"}, by="ana", attempt=2),
    ActionFailed(2.0, "r:1:0", "timeout", "it took too long", retryable=False, noise=0.25, by="ana", attempt=3),
    AnswerGiven(2.0, "review", "yes", by="ana", id="m-1", secrets={"tok": "sealed"}),
    TimerFired(3.0, "r:1:1", 0.75, 2),
    SignalReceived(3.0, "hurry", {"by": 7}, by="ana", id="m-2"),
    CancelRequested(3.0, "enough", by="ana", terminate=True, undo=True),
    AttemptBegun(3.0, "r:1:0"),
    AttemptWanted(3.0, "r:1:0", by="ana"),
    Forked(3.0, {"n": 2}, by="ana"),
    Adopted(3.0, "0b" * 32, {"old": "new"}, {"m": "n"}, by="ana"),
)
FILE = Path(__file__).parents[2] / "trellis/model/schemas/journal.schema.json"


def _described() -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:trellis:journal:1",
        "title": "An event of a journal of Trellis, version 1",
        "description": "One JSON object an event. A later version may add keys and types; a reader passes over keys it does not know.",
    }
    return head | msgspec.json.schema(Event)


def test_the_shipped_schema_of_the_journal_is_that_of_the_events() -> None:
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        FILE.write_text(json.dumps(_described(), indent=2) + "\n", "utf-8")
    assert json.loads(FILE.read_text("utf-8")) == _described()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_kept_as_the_schema_says_and_read_back_as_it_was(event: Event) -> None:
    jsonschema.validate(json.loads(encode_event(event)), json.loads(FILE.read_text("utf-8")))
    assert decode_event(encode_event(event)) == event


def test_every_kind_of_event_is_among_the_samples() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))
