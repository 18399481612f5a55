"""What the graph calls; here belong your own services.

A call that is made again, after a crash or by a retry, has the same idempotency key: hand it on, and nothing is booked twice.
"""

from __future__ import annotations

from typing import Any

from trellis import ActionError

CREDIT = 5000


def book_room(city: str, *, request: Any) -> str:
    return f"room-{city}-{_number(request.idempotency_key)}"


def book_flight(city: str, *, request: Any) -> str:
    return f"flight-{city}-{_number(request.idempotency_key)}"


def cancel_room(city: str) -> None:
    print(f"the room in {city} is cancelled")


def cancel_flight(city: str) -> None:
    print(f"the flight to {city} is cancelled")


def charge(amount: int, **what: str) -> str:
    """Raises `denied`, which no further attempt would change: `non_retryable` in the graph says so."""
    if amount > CREDIT:
        raise ActionError("denied", f"{amount} is more than {CREDIT}")
    return f"paid {amount} for {what['for']}"


def _number(key: str) -> int:
    return sum(map(ord, key)) % 900 + 100
