"""Histories: what is kept, what is found; one suite for both kinds, then what only the file does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.errors import BadHistory, StoreTooNew, StoreUnavailable, TracerFailed
from trellis.machine import Machine
from trellis.machine.history import (
    Bound,
    History,
    MachineRecord,
    MemoryHistory,
    Query,
    Record,
    Tracking,
    TransitionFacts,
)
from trellis.machine.history.sqlite import SqliteHistory
from trellis.model.states import StateDef

SCHEMA = {
    "A": {"add": ["B"]},
    "B": {},
    "C": {"remove": ["A"]},
    "M": {"multi": True},
    "X": {"auto": True, "require": ["C"]},
}
ORDER = ["A", "B", "C", "M", "X"]
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


def second(number: float) -> datetime:
    return BEGIN + timedelta(seconds=number)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


class Scene:
    """A machine with a history; each call is made at a second of its own."""

    def __init__(self, make: Callable[..., History], **tracking: Any) -> None:
        self.machine, self.clock = Machine(SCHEMA, ORDER, id="m"), Clock()
        self.history = make(self.machine, Tracking(**tracking), clock=self.clock)

    def at(self, number: float, kind: str, *names: str, **args: Any) -> None:
        self.clock.now = second(number)
        getattr(self.machine, kind)(*names, **args)

    def numbers(self, limit: int = 0, **query: Any) -> list[int]:
        return [record.number for record in self.history.find_latest(limit, Query(**query))]


@pytest.fixture(params=["memory", "sqlite", "sqlite one by one"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., History]]:
    made: list[History] = []

    def history(machine: Machine, tracking: Tracking, **options: Any) -> History:
        if request.param == "memory":
            made.append(MemoryHistory(machine, tracking, **options))
        else:
            batch = 1 if request.param.endswith("one") else 100
            made.append(SqliteHistory(machine, tmp_path / "history.db", tracking, batch=batch, **options))
        return made[-1]

    yield history
    for one in made:
        one.close()


def lived(make: Callable[..., History], **tracking: Any) -> Scene:
    """A: 1 to 3; B from 1; C and X from 3; M from 2, again at 4; a canceled one at 5; a check at 6."""
    scene = Scene(make, **tracking)
    scene.at(1, "add", "A")
    scene.at(2, "add", "M")
    scene.at(3, "add", "C")
    scene.at(4, "add", "M")
    scene.at(5, "add", "A")
    scene.at(6, "can_add", "A")
    return scene


@pytest.mark.covers("AM18")
def test_a_record_holds_what_the_transition_did(make: Callable[..., History]) -> None:
    scene = lived(make, states=("A", "C", "M"))
    assert scene.history.tracked == ("A", "C", "M")
    last, auto, change = scene.history.find_latest(3)
    assert last == Record(
        number=5,
        type="add",
        at=second(4),
        time_sum=8,
        tracked_sum=6,
        diff=2,
        tracked_diff=2,
        record_diff=2,
        machine_tick=0,
        ticks={"A": 2, "C": 1, "M": 3},
        moved={"M": 2},
    )
    assert (auto.number, auto.ticks, auto.moved, auto.diff, auto.tracked_diff) == (
        4,
        {"A": 2, "C": 1, "M": 1},
        {},
        1,
        0,
    )
    assert (change.moved, change.at, change.time_sum) == ({"A": 1, "C": 1}, second(3), 5)


@pytest.mark.covers("AM18")
def test_more_is_kept_of_a_transition_where_tracking_says_so(make: Callable[..., History]) -> None:
    scene = Scene(make, transitions=True, rejected=True, args=("user",))
    scene.machine.bind({"AState": lambda event, **_args: event.add("C"), "MEnter": lambda _event: 1 / 0})
    scene.at(1, "add", "A", user=7, token="hidden")
    scene.at(2, "add", "M")
    found = [record.transition for record in reversed(scene.history.find_latest())]
    assert found[:5] == [
        TransitionFacts(id="m/1", called=("A",), queue_tick=2, queue_length=1, args={"user": "7"}),
        TransitionFacts(id="m/2", called=("X",), accepted=False, auto=True, queue_length=1),
        TransitionFacts(id="m/3", called=("C",), source_machine="m", source_transition="m/1", queue_tick=3),
        TransitionFacts(id="m/4", called=("X",), auto=True),
        TransitionFacts(
            id="m/5",
            called=("M",),
            accepted=False,
            error="ZeroDivisionError('division by zero')",
            queue_tick=4,
            queue_length=1,
        ),
    ]


@pytest.mark.covers("AM18")
@pytest.mark.parametrize(
    ("tracking", "kept"),
    [
        ({}, ["A", "M", "C", "X", "M"]),
        ({"rejected": True, "not_called": ("X",)}, ["A", "M", "C", "M", "A"]),
        ({"called": ("M",)}, ["M", "M"]),
        ({"changed": ("A",)}, ["A", "C"]),
        ({"called": ("M",), "changed": ("A",)}, ["A", "M", "C", "M"]),
        ({"not_called": ("M",)}, ["A", "C", "X"]),
        ({"not_changed": ("A", "X")}, ["M", "M"]),
        ({"changed": ("A",), "not_called": ("C",)}, ["A"]),
        ({"max_records": 2}, ["X", "M"]),
    ],
    ids=str,
)
def test_tracking_chooses_transitions(make: Callable[..., History], tracking: dict[str, Any], kept: list[str]) -> None:
    scene = lived(make, transitions=True, **tracking)
    found = reversed(scene.history.find_latest())
    assert [" ".join(record.transition.called) for record in found if record.transition] == kept


@pytest.mark.covers("AM18")
@pytest.mark.parametrize(
    ("question", "state", "start", "end", "answer"),
    [
        ("activated", "A", 0, 1, True),
        ("activated", "A", 1.5, 9, False),
        ("activated", "M", 3, 9, True),  # entered again
        ("deactivated", "A", 3, 3, True),
        ("deactivated", "A", 0, 2, False),
        ("deactivated", "M", 0, 9, False),
        ("active", "A", 1, 1, True),
        ("active", "A", 2.2, 2.8, True),  # since before
        ("active", "A", 3, 9, False),
        ("active", "A", 0, 0.5, False),
        ("active", "A", -9, -1, False),  # nothing is known
        ("inactive", "A", -9, -1, False),
        ("inactive", "A", 0, 0.5, True),  # as the first record tells
        ("inactive", "A", 1, 2, False),
        ("inactive", "A", 1, 3, True),
        ("inactive", "C", 2.5, 2.6, True),
        ("active", "X", 3, 3, True),
    ],
)
def test_questions_about_intervals(
    make: Callable[..., History], question: str, state: str, start: float, end: float, answer: bool
) -> None:
    history = lived(make).history
    assert getattr(history, f"{question}_between")(state, second(start), second(end)) is answer


def test_a_state_that_never_changed_is_known_since_tracking_began(make: Callable[..., History]) -> None:
    machine, clock = Machine(SCHEMA, ORDER, id="m"), Clock()
    machine.add("A")
    history = make(machine, Tracking(), clock=clock)
    assert history.active_between("A", second(5), second(6))
    assert not history.inactive_between("A", second(5), second(6))
    assert not history.active_between("A", second(-5), second(-1))
    assert history.active_between("A", second(-5), second(0))


@pytest.mark.covers("AM18")
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"active": ("A",)}, [2, 1]),
        ({"active": ("M", "C")}, [5, 4, 3]),
        ({"inactive": ("A",)}, [5, 4, 3]),
        ({"activated": ("M",)}, [5, 2]),
        ({"activated": ("A", "B")}, [1]),
        ({"deactivated": ("A",)}, [3]),
        ({"activated": ("C",), "deactivated": ("A",), "active": ("B",)}, [3]),
        ({"start": Bound(at=second(2)), "end": Bound(at=second(3))}, [4, 3, 2]),
        ({"start": Bound(at=second(4))}, [5]),
        ({"start": Bound(ticks={"M": 1}), "end": Bound(ticks={"M": 2})}, [4, 3, 2]),
        ({"end": Bound(time_sum=3)}, [2, 1]),
        ({"start": Bound(tracked_sum=6)}, [5, 4]),
        ({"start": Bound(diff=2), "end": Bound(diff=2)}, [5, 3, 1]),
        ({"end": Bound(tracked_diff=1)}, [4, 2]),
        ({"start": Bound(record_diff=2)}, [5, 3, 1]),
        ({"start": Bound(machine_tick=1)}, []),
    ],
    ids=str,
)
def test_questions_about_records(make: Callable[..., History], query: dict[str, Any], numbers: list[int]) -> None:
    scene = lived(make)
    assert scene.numbers(**query) == numbers
    assert scene.numbers(1, **query) == numbers[:1]


def test_before_what_a_ring_still_holds_nothing_is_known(make: Callable[..., History]) -> None:
    history = lived(make, max_records=2).history
    assert [record.number for record in history.find_latest()] == [5, 4]
    for question in (history.active_between, history.inactive_between):
        assert not question("A", second(0), second(2.5))
    assert history.inactive_between("X", second(2.5), second(3))  # as the oldest record tells of the moment before


def test_the_latest_is_that_of_the_highest_number_whatever_the_clock_says(make: Callable[..., History]) -> None:
    scene = Scene(make)
    scene.at(9, "add", "M")
    scene.at(5, "add", "B")
    assert scene.numbers() == [2, 1]


def test_a_state_that_came_and_was_taken_back_was_not_deactivated(make: Callable[..., History]) -> None:
    scene = Scene(make, rejected=True)
    scene.machine.bind({"BState": lambda _event: 1 / 0})
    scene.at(1, "add", "B")
    assert scene.history.find_latest()[-1].moved == {"B": 2}
    assert scene.numbers(deactivated=("B",)) == scene.numbers(activated=("B",)) == []


def test_the_machine_tick_counts_imports(make: Callable[..., History]) -> None:
    scene = lived(make)
    scene.machine.import_(scene.machine.export())
    scene.at(7, "remove", "B")
    assert scene.numbers(start=Bound(machine_tick=1)) == [6]


@pytest.mark.covers("AM18")
def test_the_record_of_the_machine_says_where_it_is(make: Callable[..., History]) -> None:
    scene = lived(make, schema=True)
    record = scene.history.machine_record
    assert record == MachineRecord(
        id="m",
        first_tracking=second(0),
        last_tracking=second(0),
        last_sync=second(4),
        ticks=(2, 1, 1, 3, 1, 0),
        time_sum=8,
        machine_tick=0,
        next_number=6,
        names=(*ORDER, "Exception"),
        schema=dict(scene.machine.schema),
    )
    scene.machine.set_schema({**SCHEMA, "N": {}}, [*ORDER, "Exception", "N"])
    assert scene.history.machine_record.names == (*ORDER, "Exception", "N")
    scene.at(8, "add", "N")
    assert scene.numbers(activated=("N",)) == [6]


def test_faults_are_named_all_at_once(make: Callable[..., History]) -> None:
    with pytest.raises(BadHistory) as caught:
        Scene(make, states=("AA",), not_changed=("Q",), max_records=-1, args=("x",))
    assert caught.value.faults == (
        "tracking.states: no state named 'AA' (did you mean 'A'?)",
        "tracking.not_changed: no state named 'Q'",
        "tracking.max_records: expected 0 (all) or more, found -1",
        "tracking.args: arguments are kept with transitions only; set transitions=True",
    )
    history = lived(make, states=("A", "C")).history
    with pytest.raises(BadHistory) as caught:
        history.find_latest(1, Query(active=("B",), start=Bound(ticks={"X": 1}), end=Bound(at=datetime(2030, 1, 1))))  # noqa: DTZ001
    assert caught.value.faults == (
        "query.active: state 'B' is not tracked",
        "query.start.ticks: state 'X' is not tracked",
        "query.end.at: expected a time with a time zone, found 2030-01-01T00:00:00",
    )
    with pytest.raises(BadHistory, match=r"^limit: expected 0 \(all\) or more, found -1$"):
        history.find_latest(-1)
    with pytest.raises(BadHistory, match="state 'M' is not tracked"):
        history.active_between("M", second(0), second(1))


def test_a_closed_history_watches_no_more(make: Callable[..., History]) -> None:
    scene = lived(make)
    scene.history.close()
    scene.history.close()
    assert scene.machine.hooks is None


def test_what_was_kept_can_be_asked_when_the_machine_has_ended(make: Callable[..., History]) -> None:
    scene = lived(make)
    scene.machine.dispose()
    assert scene.numbers(active=("A",)) == [2, 1]


def test_a_file_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    path, clock = tmp_path / "history.db", Clock()
    first = Machine(SCHEMA, ORDER, id="m")
    history = SqliteHistory(first, path, clock=clock)
    first.add("A")
    history.close()
    clock.now = second(10)
    again, other = Machine(SCHEMA, ORDER, id="m"), Machine(SCHEMA, ORDER, id="other")
    history, beside = SqliteHistory(again, path, clock=clock), SqliteHistory(other, path, clock=clock)
    record = history.machine_record
    assert (record.first_tracking, record.last_tracking, record.next_number) == (second(0), second(10), 2)
    clock.now = second(11)
    again.add("C")
    other.add("M")
    assert [(one.number, one.at) for one in history.find_latest()] == [(3, second(11)), (2, second(11)), (1, second(0))]
    assert [one.ticks["M"] for one in beside.find_latest()] == [1]
    history.close()
    beside.close()


def test_records_are_written_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    machine = Machine(SCHEMA, ORDER, id="m")
    history = SqliteHistory(machine, path, Tracking(max_records=4), batch=3)

    def written() -> object:
        return apsw.Connection(str(path)).execute("SELECT count(*) FROM records").fetchall()[0][0]

    counts = []
    for _ in range(4):
        machine.toggle("B")
        counts.append(written())
    assert counts == [0, 0, 3, 3]
    history.sync()
    assert written() == 4
    machine.toggle("B")
    machine.dispose()
    assert written() == 4
    history.close()


def test_a_record_that_could_not_be_written_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    machine = Machine(SCHEMA, ORDER, id="m")
    history = SqliteHistory(machine, path, batch=1)
    apsw.Connection(str(path)).execute("ALTER TABLE records RENAME TO hidden")
    with pytest.raises(TracerFailed, match="no such table"):
        machine.add("A")
    assert machine.is_("A")
    apsw.Connection(str(path)).execute("ALTER TABLE hidden RENAME TO records")
    machine.add("M")
    assert [one.number for one in history.find_latest()] == [2, 1]
    history.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    machine = Machine(SCHEMA, ORDER, id="m")
    foreign, newer = tmp_path / "foreign.db", tmp_path / "newer.db"
    apsw.Connection(str(foreign)).execute("CREATE TABLE t (x)")
    with pytest.raises(StoreUnavailable, match="the file is a database of another kind; name another one"):
        SqliteHistory(machine, foreign)
    SqliteHistory(machine, newer).close()
    apsw.Connection(str(newer)).execute("PRAGMA user_version=9")
    with pytest.raises(StoreTooNew):
        SqliteHistory(machine, newer)
    with pytest.raises(StoreUnavailable):
        SqliteHistory(machine, tmp_path)
    assert machine.hooks is None


@given(
    st.lists(st.tuples(st.sampled_from(["add", "remove", "toggle", "set"]), st.sampled_from(ORDER)), max_size=20),
    st.integers(0, 20),
)
def test_intervals_agree_with_a_plain_account(calls: list[tuple[str, str]], cut: int) -> None:
    scene = Scene(MemoryHistory)
    account = [scene.machine.clock]
    for number, (kind, name) in enumerate(calls, 1):
        scene.at(number, kind, name)
        account.append(scene.machine.clock)
    cut = min(cut, len(calls))
    for name in ORDER:
        known = [clock[name] % 2 == 1 for clock in account[cut:]]
        moved = [now[name] - then[name] for then, now in zip(account[cut:], account[cut + 1 :], strict=False)]
        span = second(cut + 0.5), second(99)
        assert scene.history.active_between(name, *span) == (any(known) or any(by > 1 for by in moved))
        assert scene.history.inactive_between(name, *span) == (
            not all(known) or any(by == 2 and name != "M" for by in moved)
        )
        assert scene.history.activated_between(name, *span) == any(
            by and (clock[name] % 2 or by > 1) for by, clock in zip(moved, account[cut + 1 :], strict=True)
        )


def test_definitions_survive_the_file(tmp_path: Path) -> None:
    machine = Machine({"A": StateDef(require=("B",), tags=("t",)), "B": StateDef()}, ["A", "B"], id="m")
    SqliteHistory(machine, tmp_path / "h.db", Tracking(schema=True)).close()
    history = SqliteHistory(machine, tmp_path / "h.db")
    stored = history._known("m")
    assert stored is not None
    assert stored.schema is None  # this time tracking did not ask for it
    history.close()


@pytest.mark.parametrize(
    ("ask", "fault"),
    [
        (lambda history: history.find_latest("x"), "limit: expected 0 (all) or more, found str"),
        (
            lambda history: history.find_latest(Query()),
            "limit: expected 0 (all) or more, found Query; write find_latest(query=…)",
        ),
        (
            lambda history: history.find_latest(1, "A"),
            "query: expected a Query, such as Query(active=('A',)), found 'A'",
        ),
        (
            lambda history: history.find_latest(1, Query(active="A")),  # type: ignore[arg-type]
            "query.active: expected a tuple of names, write ('A',)",
        ),
        (
            lambda history: history.find_latest(1, Query(activated=5)),  # type: ignore[arg-type]
            "query.activated: expected a tuple of names, found 5",
        ),
        (lambda history: history.active_between(["A"], BEGIN, BEGIN), "query.active: names are texts, found ['A']"),
        (
            lambda history: history.activated_between("A", "2030-01-01", BEGIN),
            "query.start.at: expected a datetime with a time zone, found '2030-01-01'",
        ),
        (
            lambda history: history.find_latest(1, Query(end=BEGIN)),  # type: ignore[arg-type]
            f"query.end: expected a Bound, found {BEGIN!r}; write end=Bound(at=…)",
        ),
        (
            lambda history: history.find_latest(1, Query(end=Bound(ticks=["A"], diff="1"))),  # type: ignore[arg-type]
            (
                "query.end.ticks: expected a tick for each state, such as {'A': 5}, found ['A']; "
                "query.end.diff: expected a whole number, found '1'"
            ),
        ),
    ],
)
def test_a_question_of_the_wrong_kind_is_refused_with_what_to_give(ask: Callable[[Any], object], fault: str) -> None:
    with pytest.raises(BadHistory) as caught:
        ask(MemoryHistory(Machine(SCHEMA, ORDER)))
    assert str(caught.value) == fault


def test_a_text_is_no_list_of_states_to_track() -> None:
    with pytest.raises(BadHistory) as caught:
        MemoryHistory(Machine(SCHEMA, ORDER), Tracking(states="AB", args="id"))  # type: ignore[arg-type]
    assert caught.value.faults == (
        "tracking.states: expected a tuple of names, write ('AB',)",
        "tracking.args: expected a tuple of names, write ('id',)",
    )
