"""What processes owe their runs: each call is begun when it may be, somebody is at whatever is open, and no host gives up."""

from __future__ import annotations

from typing import NamedTuple

from tests.reliability import Told
from tests.simulation.processes import Process
from tests.simulation.shelf import Shelf
from trellis.hosts.live import LiveRun
from trellis.model.actions import Attempted, CallTool

EFFECTS = {"t": "idempotent", "u": "at_most_once", "v": "pure", "w": "idempotent"}
"""What the tools of the random graphs are; `w` takes back."""


class Begun(NamedTuple):
    """An attempt that some process began, and how far the journal was then."""

    process: str
    request: CallTool
    seq: int
    closed: bool
    writer: str
    """Who wrote the last event of the run."""


def unattended(driven: LiveRun) -> list[str]:
    """The calls and child runs of a run that are open, and at which nobody is."""
    calls = [key for key, pending in driven.state.open.items() if isinstance(pending.request, Attempted)]
    at_work = driven.tasks.keys() | driven.followers.keys()
    return [key for key in calls if key not in at_work and not driven.state.open[key].uncertain]


def told_of(processes: list[Process], shelf: Shelf, name: str) -> str:
    """Why a run is where it is, for whoever looks into it."""
    put_off = [
        f"{process.name} puts it off for {process.host._serving._delays.get(name)} s"
        for process in processes
        if process.up and process.host is not None and process.host._serving is not None
        if name in process.host._serving._put_off
    ]
    return ", ".join([f"owner '{shelf.runs[name].owner}'", *put_off])


def nobody_gave_up(processes: list[Process]) -> None:
    """No fault that a store or a tool may have ends a host, nor what it does by itself."""
    for process in processes:
        if process.failure is not None:
            raise AssertionError(f"the host of {process.name} gave up") from process.failure
        if process.up and process.host is not None:
            serving = process.host._serving
            assert serving is not None and serving._task is not None
            if serving._task.done():
                raise AssertionError(f"{process.name} serves no more") from serving._task.exception()
            assert process.host._driver.serving, f"{process.name} drives no more"


def begun_well(attempts: list[Begun], journals: dict[str, Told]) -> None:
    """Nothing was begun before it was recorded, nor after the end, nor twice where that is forbidden."""
    once: dict[str, str] = {}
    never = {child for said in journals.values() for child in said.never_begun}
    done = {begun.request.run for begun in attempts} & never
    assert not done, f"calls were made for runs of which it was told that they were not begun: {done}"
    for begun in attempts:
        seq, _ = journals[begun.request.run].asked[begun.request.id]
        assert seq <= begun.seq, f"{begun.request.id} was begun before event {seq} was written"
        if begun.closed:
            assert begun.writer != begun.process, f"{begun.request.id} was begun after the end, by who wrote it"
        if EFFECTS[begun.request.tool] == "at_most_once":
            assert begun.request.id in journals[begun.request.run].begun, f"{begun.request.id} was begun untold"
            assert begun.request.id not in once, f"{begun.request.id} was begun by {once[begun.request.id]} and again"
            once[begun.request.id] = begun.process
