"""A trip comes about whole or not at all."""

from __future__ import annotations

from pathlib import Path

import trellis
from trellis import ActionError, Dispatcher

GRAPH = str(Path(__file__).with_name("graph.yaml"))


def test_a_trip_is_booked_and_paid() -> None:
    outcome = trellis.run(GRAPH, fields={"city": "Lisbon", "amount": 400})
    assert outcome.status == "completed"
    assert outcome.result == "paid 400 for Lisbon"


def test_what_was_booked_is_cancelled_where_the_bank_refuses() -> None:
    cancelled = []
    tools = Dispatcher()  # what is registered here takes the place of the tool in the graph
    tools.action("room.cancel")(lambda city: cancelled.append(f"room in {city}"))
    tools.action("flight.cancel")(lambda city: cancelled.append(f"flight to {city}"))
    outcome = trellis.run(GRAPH, fields={"city": "Lisbon", "amount": 9000}, dispatcher=tools)
    assert outcome.status == "rolled_back"
    assert sorted(cancelled) == ["flight to Lisbon", "room in Lisbon"]


def test_where_there_is_no_flight_the_room_is_cancelled_and_nothing_paid() -> None:
    called = []
    tools = Dispatcher()
    tools.action("room.cancel")(lambda city: called.append("room.cancel"))
    tools.action("bank.charge")(lambda **args: called.append("bank.charge"))

    @tools.action("flight.book")
    def full(city: str) -> None:
        raise ActionError("full", f"no seat to {city}", retryable=False)

    outcome = trellis.run(GRAPH, fields={"city": "Lisbon", "amount": 400}, dispatcher=tools)
    assert outcome.status == "rolled_back"
    assert called == ["room.cancel"]
