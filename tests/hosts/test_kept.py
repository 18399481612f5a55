"""What a host keeps with a run and what it looks up again: snapshots, rows, definitions, secrets in messages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from tests.hosts.authored import Failing, graph
from tests.hosts.scenes import Adjustable, play, until
from trellis.dispatch import Dispatcher
from trellis.errors import InvalidField, Refused, StoreUnavailable, UsageError
from trellis.hosts import serving
from trellis.hosts.clock import LONGEST_ALARM_S
from trellis.hosts.commands import Answer
from trellis.hosts.driver import SNAPSHOT_EVERY
from trellis.hosts.local import Host
from trellis.hosts.operations import fork
from trellis.hosts.releasing import WORTH_A_SNAPSHOT
from trellis.hosts.sending import send
from trellis.model.secrets import seal
from trellis.model.values import Value
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

NOTING = graph("""
    {trellis: 1, name: noting, start: a, fields: {x: {type: string, optional: true, index: true}},
     nodes: {a: {ask: {text: x}, to: a}}}
""")
WAITING = graph("""
    {trellis: 1, name: waiting, start: a, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, timeout: 1d, catch: {timeout: late}, to: $end}, late: {end: {status: failed}}}}
""")
FORM = graph("""
    {trellis: 1, name: form, start: a, fields: {x: {type: string, optional: true}, y: {type: integer, optional: true}},
     nodes: {a: {ask: {form: [x, y]}, to: $end}}}
""")
SECRET = graph("""
    {trellis: 1, name: secret, start: a, fields: {token: {type: string, secret: true, optional: true}},
     nodes: {a: {ask: {secret: token}, to: b}, b: {do: tell, save: token, to: $end}}}
""")


async def snapshot_of(store: MemoryStore) -> int:
    found = await store.snapshot("r")
    return 0 if found is None else found.seq


def test_a_snapshot_is_kept_every_so_many_events_and_no_other() -> None:
    async def scene() -> list[int]:
        store, seen = MemoryStore(), []
        async with Host(store) as host:
            run = await host.start(NOTING, id="r")
            for number in range(2, 2 * SNAPSHOT_EVERY + 3):
                await run.answer("a", "x")
                if number % SNAPSHOT_EVERY in (SNAPSHOT_EVERY - 1, 0, 1):
                    seen.append(await snapshot_of(store))
        return seen

    most = SNAPSHOT_EVERY
    assert play(scene()) == [0, most, most, most, 2 * most, 2 * most]


@pytest.mark.parametrize(("events", "kept"), [(WORTH_A_SNAPSHOT - 1, 0), (WORTH_A_SNAPSHOT, WORTH_A_SNAPSHOT)])
def test_a_run_that_rests_leaves_a_snapshot_only_where_that_saves_folding(
    monkeypatch: pytest.MonkeyPatch, events: int, kept: int
) -> None:
    monkeypatch.setattr(serving, "IDLE", 0)

    async def scene() -> int:
        store = MemoryStore()
        async with Host(store) as host:
            run = await host.start(NOTING, id="r")
            for _ in range(events - 2):
                await run.answer("a", "x")
            await host.serve()
            await run.answer("a", "x")
            await until(lambda: not host.running)
        return await snapshot_of(store)

    assert play(scene()) == kept


def test_a_row_that_another_host_changed_before_the_claim_is_the_one_that_is_gone_on_with() -> None:
    async def scene() -> tuple[Any, ...]:
        shelf = Shelf()
        async with Host(DictStore(shelf, "first")) as host:
            await host.start(NOTING, id="r")
        store, other = DictStore(shelf, "second"), DictStore(shelf, "other")

        class Between:
            """Something happens to the run between the look at its row and the claim."""

            url = "dict://"

            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            async def claim(self, run: str) -> int:
                await send(other, "r", Answer("a", "between"))
                return await store.claim(run)

        async with Host(Between()) as host:
            run = await host.resume("r")
            row = host._driver.runs["r"].row
            return run.state.fields["x"], row.fields, row.revision

    assert play(scene()) == ("between", {"x": "between"}, 2)


class SetBack(ManualClock):
    """A clock that is set back."""

    by = 0.0

    def now(self) -> float:
        return super().now() - self.by


@pytest.mark.parametrize("back", [0.0, 3600.0])
def test_a_run_that_is_put_off_is_not_tried_at_every_look_nor_later_where_the_clock_is_set_back(back: float) -> None:
    async def scene() -> int:
        clock, store = SetBack(0.0), MemoryStore()
        async with Host(store, clock=clock) as host:
            await host.start(WAITING, id="r")
        tries = 0

        def fails(name: str) -> BaseException | None:
            nonlocal tries
            tries += name == "read"
            return StoreUnavailable("memory://", "away") if name == "read" else None

        clock.advance(90_000)
        async with Host(Failing(store, fails), clock=clock) as host:  # type: ignore[arg-type]
            await host.serve()
            for _ in range(70):
                clock.advance(0.1)
                clock.by = back if tries else 0.0
                for _ in range(20):
                    await asyncio.sleep(0)
        return tries

    assert play(scene()) == 3, "at once, after 1 s and after 2 s more"


def test_a_run_that_went_on_meanwhile_is_put_off_as_if_for_the_first_time(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> list[float]:
        clock, store, broken = ManualClock(0.0), MemoryStore(), [True]
        async with Host(store) as host:
            await host.start(NOTING, id="r")
        failing = Failing(
            store, lambda name: StoreUnavailable("memory://", "away") if name == "append" and broken[0] else None
        )
        async with Host(failing, clock=clock) as host:  # type: ignore[arg-type]
            await host.serve()
            for breaks in (True, True, False, True):
                broken[0] = breaks
                answering = asyncio.ensure_future(host.send("r", Answer("a", "x")))
                await asyncio.wait([answering])
                answering.exception()
                for _ in range(50):
                    await asyncio.sleep(0)
        return [record.delay for record in caplog.records if hasattr(record, "delay")]

    with caplog.at_level("WARNING", "trellis"):
        assert play(scene()) == [1.0, 2.0, 1.0]


def test_an_alarm_looks_at_the_wall_clock_again_though_its_timer_is_due_much_later() -> None:
    async def scene() -> str:
        clock = Adjustable()
        async with Host(clock=clock) as host:
            run = await host.start(WAITING)
            clock.offset = 86_400.0  # the machine slept, or its clock was set
            clock.advance(LONGEST_ALARM_S)
            return (await run.result()).status

    assert play(scene()) == "failed"


def test_two_files_of_one_content_call_each_its_own_tools(tmp_path: Path) -> None:
    text = """
        {trellis: 1, name: k, start: a, tools: {t: {python: 'own:told'}}, fields: {x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: b}, b: {do: t, save: x, to: $end}}}
    """
    graphs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.py").write_text(f"def told():\n    return '{name}'\n", "utf-8")
        graphs.append(graph(text, source=str(tmp_path / name / "k.yaml")))
    assert graphs[0].hash == graphs[1].hash

    async def scene() -> list[Any]:
        store = MemoryStore()
        async with Host(store) as host:
            for number, each in enumerate(graphs):
                await host.start(each, id=f"r-{number}")
        told = []
        async with Host(store) as host:
            for number in range(2):
                run = await host.resume(f"r-{number}")
                await run.answer("a", "go")
                told.append((await run.result()).fields["x"])
        return told

    assert play(scene()) == ["one", "two"]


def test_a_fork_takes_no_field_that_passes_for_a_secret() -> None:
    async def scene() -> None:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(NOTING, id="r")
        await fork(store, "r", at=1, fields={"x": seal("x")})

    with pytest.raises(InvalidField, match="the mark that stands for a secret"):
        play(scene())


@pytest.mark.parametrize("node", ["a", "b"])
def test_a_secret_is_not_sent_through_a_store_that_keeps_messages_in_clear(node: str) -> None:
    from trellis.hosts.commands import Resolve

    doing = Dispatcher()

    @doing.action("tell")
    async def tell() -> str:
        return "x"

    async def scene() -> tuple[str, list[bytes]]:
        shelf = Shelf()
        asked: list[bytes] = []
        owner, other = DictStore(shelf, "owner"), DictStore(shelf, "other")
        other.url = "postgresql://somewhere/db"
        put = other.ask

        async def ask(run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
            asked.append(message)
            return await put(run, message, timeout=timeout)

        other.ask = ask  # type: ignore[method-assign]
        async with Host(owner, doing) as host:
            await host.start(SECRET, id="r")
            command = Answer("a", "sesame") if node == "a" else Resolve("b", "sesame")
            with pytest.raises(Refused) as refused:
                await send(other, "r", command)
            return str(refused.value), asked

    assert play(scene()) == (
        (
            f"node '{node}' takes a secret, and this store would keep the message in clear; "
            "give it where the run is driven, or once nobody drives it"
        ),
        [],
    )


def test_a_form_which_holds_no_secret_is_answered_through_any_store() -> None:
    async def scene() -> dict[str, Value]:
        shelf = Shelf()
        owner, other = DictStore(shelf, "owner"), DictStore(shelf, "other")
        other.url = "postgresql://somewhere/db"
        async with Host(owner) as host:
            run = await host.start(FORM, id="r")
            assert (await send(other, "r", Answer("a", {"x": "one", "y": 2}))).check("r")
            return (await run.result()).fields

    assert play(scene()) == {"x": "one", "y": 2}


def test_a_host_that_serves_is_not_told_to_serve_again() -> None:
    async def scene() -> None:
        async with Host() as host:
            await host.serve(["one"])
            await host.serve(["two"])

    with pytest.raises(UsageError, match="serves already"):
        play(scene())
