"""What a test says about a machine, in one line each; a failure tells what the machine is instead.

assert_active(door, "Open")             at least these
assert_states(door, "Open", "Lit")      exactly these
assert_clock(door, Open=3)              these ticks
await wait_for(door.when("Closed"))     or fail, with what it waited for
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trellis.errors import WaitedTooLong
from trellis.machine.asking import Clock, wait_for_all
from trellis.machine.core import Core
from trellis.machine.view import View
from trellis.machine.waits import Wait
from trellis.model.states import EXCEPTION

PATIENCE_S = 10.0
"""How long a test waits before it gives up, where it says nothing else."""


def assert_states(machine: View, *names: str) -> None:
    """Exactly these are active, in whatever order."""
    wanted = _known(machine, names)
    active = set(machine.active)
    if active != wanted:
        _fail(
            machine,
            f"expected exactly {_listed(wanted)} to be active",
            _said("missing", wanted - active),
            _said("too many", active - wanted),
        )


def assert_active(machine: View, *names: str) -> None:
    """All of these are active; others may be."""
    missing = _known(machine, names) - set(machine.active)
    if missing:
        _fail(machine, f"expected {_listed(names)} to be active", _said("missing", missing))


def assert_inactive(machine: View, *names: str) -> None:
    """None of these is active."""
    there = _known(machine, names) & set(machine.active)
    if there:
        _fail(machine, f"expected {_listed(names)} not to be active", _said("active", there))


def assert_clock(machine: View, clock: dict[str, int] | None = None, /, **ticks: int) -> None:
    """These states have exactly these ticks."""
    wanted = {**(clock or {}), **ticks}
    _known(machine, wanted)
    wrong = [
        f"{name}:{machine.tick(name)} and not {tick}" for name, tick in wanted.items() if machine.tick(name) != tick
    ]
    if wrong:
        _fail(machine, f"expected other ticks: {', '.join(wrong)}")


def assert_no_error(machine: Core[Any], *, ever: bool = True) -> None:
    """The machine was never in Exception and will not be by what is queued; not `ever`: it is not now."""
    queued = [str(entry) for entry in machine.queue if EXCEPTION in entry.names and entry.kind != "remove"]
    if machine.is_(EXCEPTION) or (ever and (machine.tick(EXCEPTION) or queued)):
        when = "is" if machine.is_(EXCEPTION) else "was" if machine.tick(EXCEPTION) else "will be"
        _fail(machine, f"expected no error, but it {when} in Exception", *([repr(machine.err)] if machine.err else []))


def assert_error(machine: Core[Any], kind: type[BaseException] = Exception) -> None:
    """The machine is in Exception, for an error of this kind."""
    if not machine.is_(EXCEPTION):
        _fail(machine, f"expected {kind.__name__}, but it is not in Exception")
    if not isinstance(machine.err, kind):
        _fail(machine, f"expected {kind.__name__}, but its error is {machine.err!r}")


async def wait_for(*waits: Wait, timeout_s: float = PATIENCE_S, clock: Clock | None = None) -> None:
    """Return when all waits have come; AssertionError where they did not in time."""
    try:
        await wait_for_all(waits, timeout_s, clock=clock)
    except WaitedTooLong as late:
        raise AssertionError(str(late)) from None


def _known(machine: View, names: Iterable[str]) -> set[str]:
    machine.relations.numbers(tuple(names))  # a typo is no failure of the machine
    return set(names)


def _fail(machine: View, *said: str) -> None:
    name = f"machine '{machine.id}'" if isinstance(machine, Core) else "that moment"
    raise AssertionError(
        "; ".join([f"{name}: {said[0]}", *(text for text in said[1:] if text)]) + f"\n  {machine.string_all()}"
    )


def _said(word: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"{word}: {' '.join(listed)}" if listed else ""


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(names)) or "nothing"
