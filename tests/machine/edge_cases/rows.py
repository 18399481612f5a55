"""What the rows of the list of edge cases are written with; each is kept in ROWS under its number and title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.vectors import handler_names
from trellis import Machine

Handler = Callable[..., object]
Row = Callable[[], None]
ROWS: dict[str, Row] = {}
FREE: dict[str, Any] = {}
AUTO: dict[str, Any] = {"auto": True}
MULTI: dict[str, Any] = {"multi": True}


def row(number: int, title: str) -> Callable[[Row], Row]:
    def keep(check: Row) -> Row:
        ROWS[f"{number:02}-{title}"] = check
        return check

    return keep


def machine(*free: str, **relations: dict[str, Any]) -> Machine:
    """A machine of states without relations and then those with some, in this order."""
    return Machine({**dict.fromkeys(free, FREE), **relations})


def watched(made: Machine, **handlers: Handler) -> list[str]:
    """Binds every possible handler; returns the list that their names are written to as they are called."""
    called: list[str] = []

    def watcher(name: str) -> Handler:
        def handler(event: Any, **args: Any) -> object:
            called.append(name)
            return handlers[name](event, **args) if name in handlers else None

        return handler

    made.bind({name: watcher(name) for name in handler_names(made.names)})
    return called


def no(event: Any, **args: Any) -> bool:
    return False


def yes(event: Any, **args: Any) -> bool:
    return True


def fail(event: Any, **args: Any) -> None:
    raise ValueError("asked for by the test")


def doing(*calls: Callable[[], object], kept: list[Any] | None = None) -> Handler:
    """A handler that makes these calls and keeps what they return."""

    def handler(event: Any, **args: Any) -> None:
        results = [call() for call in calls]
        if kept is not None:
            kept.extend(results)

    return handler


def values(results: Sequence[Any]) -> list[tuple[str, int]]:
    return [(each.value, each.tick) for each in results]
