"""What the assertions about machines accept, and the texts with which they fail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from trellis import Machine
from trellis.errors import UnknownState
from trellis.testing import (
    ManualClock,
    assert_active,
    assert_clock,
    assert_error,
    assert_inactive,
    assert_no_error,
    assert_states,
    wait_for,
)


def door() -> Machine:
    machine = Machine({"Open": {}, "Closed": {}, "Lit": {"multi": True}}, id="door")
    machine.add("Lit", "Open")
    machine.add("Lit")
    return machine


@pytest.mark.covers("AM33")
def test_what_is_so_passes() -> None:
    machine = door()
    assert_states(machine, "Open", "Lit")
    assert_active(machine, "Open")
    assert_inactive(machine, "Closed", "Exception")
    assert_clock(machine, {"Open": 1}, Lit=3)
    assert_no_error(machine)
    machine.add_err(OSError("jammed"))
    assert_error(machine, OSError)
    machine.remove("Exception")
    assert_no_error(machine, ever=False)


@pytest.mark.covers("AM33")
@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (
            lambda machine: assert_states(machine, "Closed", "Lit"),
            "machine 'door': expected exactly Closed Lit to be active; missing: Closed; too many: Open",
        ),
        (
            assert_states,
            "machine 'door': expected exactly nothing to be active; too many: Lit Open",
        ),
        (
            lambda machine: assert_active(machine, "Open", "Closed"),
            "machine 'door': expected Closed Open to be active; missing: Closed",
        ),
        (
            lambda machine: assert_inactive(machine, "Open", "Closed"),
            "machine 'door': expected Closed Open not to be active; active: Open",
        ),
        (
            lambda machine: assert_clock(machine, Open=2, Lit=3, Closed=1),
            "machine 'door': expected other ticks: Open:1 and not 2, Closed:0 and not 1",
        ),
        (assert_error, "machine 'door': expected Exception, but it is not in Exception"),
    ],
)
def test_what_is_not_so_fails_and_says_what_is(claim: Callable[[Machine], None], text: str) -> None:
    with pytest.raises(AssertionError) as caught:
        claim(door())
    assert str(caught.value) == f"{text}\n  (Open:1 Lit:3) [Closed:0 Exception:0]"


@pytest.mark.covers("AM33")
def test_an_error_now_before_or_in_the_queue_is_told_apart() -> None:
    machine, said = door(), []

    def claim(**options: Any) -> None:
        with pytest.raises(AssertionError) as caught:
            assert_no_error(machine, **options)
        said.append(str(caught.value).split("\n")[0])

    def queue(event: Any) -> None:
        event.machine.add_err(OSError("jammed"))
        claim()
        event.machine.drop_queue()
        event.machine.add("Lit")
        event.machine.remove("Exception", "Open")
        assert_no_error(machine)
        said.append("nothing")

    machine.bind({"ClosedState": queue})
    machine.add("Closed")
    machine.add_err(OSError("jammed"))
    claim(ever=False)
    with pytest.raises(AssertionError, match=re.escape("expected KeyError, but its error is OSError('jammed')")):
        assert_error(machine, KeyError)
    machine.remove("Exception")
    claim()
    assert said == [
        "machine 'door': expected no error, but it will be in Exception; OSError('jammed')",
        "nothing",
        "machine 'door': expected no error, but it is in Exception; OSError('jammed')",
        "machine 'door': expected no error, but it was in Exception; OSError('jammed')",
    ]


def test_a_typo_is_no_failure_of_the_machine() -> None:
    for claim in (assert_states, assert_active, assert_inactive):
        with pytest.raises(UnknownState, match="did you mean 'Open'"):
            claim(door(), "Opn")
    with pytest.raises(UnknownState):
        assert_clock(door(), Opn=1)


@pytest.mark.covers("AM33")
def test_waiting_for_a_machine_ends_in_time_either_way() -> None:
    async def main() -> None:
        machine, clock = door(), ManualClock()
        await wait_for(machine.when("Open"), machine.when_not("Closed"))
        waiting = asyncio.create_task(wait_for(machine.when("Closed"), timeout_s=3, clock=clock))
        for _ in range(9):
            await asyncio.sleep(0)
        clock.advance(3)
        with pytest.raises(AssertionError, match="^waited 3 s for when Closed$"):
            await waiting

    asyncio.run(main())
