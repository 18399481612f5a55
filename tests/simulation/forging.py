"""Results that a run must not take: late ones, second ones, those of another attempt or run, and inventions.

Each is handed to the driver as though an attempt had reported it. It is refused with a word that says why, and the run
goes on as if it had never come.
"""

from __future__ import annotations

from random import Random

from trellis.errors import RunClosed
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.actions import Attempted
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    AttemptBegun,
    AttemptWanted,
    Event,
    RunStarted,
    SignalReceived,
    TimerFired,
)

REASONS = frozenset(
    ("stale", "early", "not_asked", "unknown_node", "unknown_signal", "started", "duplicate", "closed", "ending")
)


class Forger:
    """Sends a few of them before each thing that happens to a run, and counts what came of them."""

    def __init__(self, seed: int, each: int) -> None:
        self._chance, self._each = Random(seed), each
        self._known: list[str] = []
        """Every call, child run and timer that this run, or one that it uses, ever wanted."""
        self.refused: dict[str, int] = {}

    async def meddle(self, host: Host, run: Run) -> None:
        state = run.state
        self._known += [name for name in (*state.open, *state.timers) if name not in self._known]
        for _ in range(self._each):
            event = self._forged(run)
            try:
                step = await host._driver.ask(host._driver.runs[run.id], event) if not run.closed else None
            except (KeyError, RunClosed):
                step = None
            code = step.refusal.code if step is not None and step.refusal is not None else "closed"
            assert step is None or (step.refusal is not None and step.state is state), f"it was taken: {event}"
            assert code in REASONS, f"{code}: {event}"
            self.refused[code] = self.refused.get(code, 0) + 1

    def _forged(self, run: Run) -> Event:
        state, chance = run.state, self._chance
        at = state.at + chance.choice((-1.0, 0.0, 1.0))
        calls = {name for name, pending in state.open.items() if isinstance(pending.request, Attempted)}
        over = [name for name in self._known if name not in calls and name not in state.timers]
        known = [name for name in calls if not state.open[name].uncertain]  # what is uncertain may be wanted again
        some = next(iter(known), f"{run.id}:1:0")
        strangers = [
            *over,
            "",
            "other:1:0",
            f"{run.id}:99:0",
            some + "0",
            "R:1:0" if some.upper() == some else some.upper(),
        ]
        stranger = chance.choice([name for name in strangers if name not in calls and name not in state.timers])
        taken = set(state.heard)
        events: list[Event] = [
            ActionCompleted(at, stranger, chance.choice((None, 1, "a"))),
            ActionFailed(at, stranger, chance.choice(("failed", "uncertain", "timeout"))),
            TimerFired(at, stranger),
            AnswerGiven(at, "nowhere", "x"),
            SignalReceived(at, "nobody knows it"),
            RunStarted(at, run.id, state.graph),
            AttemptBegun(at, stranger),
            AttemptWanted(at, chance.choice([stranger, some])),
        ]
        events += [TimerFired(timer.due - 0.5, name) for name, timer in state.timers.items() if state.at < timer.due]
        events += [SignalReceived(at, "later", id=name) for name in taken if name.startswith("s")]
        return chance.choice(events)
