"""What an operator does to runs: find, replay, fork, try again, carry elsewhere, move to another version."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until
from trellis.dispatch import Dispatcher
from trellis.engine import apply, start
from trellis.errors import ActionError, ExpressionError, InvalidField, InvalidRunId, Refused, UnknownRun, UsageError
from trellis.expr.expression import compile_expression
from trellis.hosts import operations
from trellis.hosts.commands import Adopt, Reply, Signal
from trellis.hosts.journal import Definitions
from trellis.hosts.local import Host
from trellis.hosts.rows import UPDATED_S, first_row, next_row
from trellis.hosts.sending import send
from trellis.hosts.vault import Vault
from trellis.model.events import RunStarted, SignalReceived
from trellis.model.secrets import seal
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

ASKING = """
    {trellis: 1, name: order, start: who,
     fields: {user: {type: string, optional: true, index: true}, n: {type: integer, default: 0, index: true},
              note: {type: string, optional: true}},
     nodes: {who: {ask: {text: user}, to: work}, work: {do: work, with: {n: "{{ n }}"}, save: n, to: last},
             last: {ask: {text: note}, to: $end}}}
"""
ORDER = graph(ASKING)


async def begun(store: Any, doing: Doing, *users: str) -> None:
    """Runs that have answered who they are and wait at `last`; an empty name waits at `who`."""
    async with Host(store, doing.tools) as host:
        for number, user in enumerate(users):
            run = await host.start(ORDER, id=f"r-{number}")
            if user:
                await run.answer("who", user)
                await until(lambda run=run: [q.node for q in run.questions] == ["last"])  # type: ignore[misc]


@pytest.mark.covers("GT10")
def test_runs_are_found_by_an_expression_over_indexed_fields() -> None:
    async def scene() -> dict[str, list[str]]:
        store = MemoryStore()
        await begun(store, Doing(), "ana", "bob", "")
        texts = [
            "user == 'ana'", "user == 'ana' and n == 1", "user == 'ana' and n == 2", "n >= 1", "user in ['ana', 'bob']",
            "user == none", "note == 'x'", "len(user) == 3 and user != 'bob'",
        ]  # fmt: skip
        return {text: [row.run for row in await operations.select(store, where=text)] for text in texts}

    assert play(scene()) == {
        "user == 'ana'": ["r-0"],
        "user == 'ana' and n == 1": ["r-0"],
        "user == 'ana' and n == 2": [],
        "n >= 1": ["r-1", "r-0"],
        "user in ['ana', 'bob']": ["r-1", "r-0"],
        "user == none": [],
        "note == 'x'": [],
        "len(user) == 3 and user != 'bob'": ["r-0"],
    }


FLAGGED = graph("""
    {trellis: 1, name: flagged, start: a,
     fields: {n: {type: boolean, default: true, index: true}, x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, to: $end}}}
""")


@pytest.mark.parametrize(
    "text",
    [
        "user == None", "None == user", "user == null", "user != None", "user in [None, 'bob']", "user == None and 1 == 1",
        "user == None and n == 0", "not user", "n == 0 and not user", "user", "n == 1 and user", "user and n == 1",
        "nosuch == None", "nosuch == None or n == 1", "n == 1", "n == 1.0", "n == true", "true == n", "n == True",
        "n == 0", "n == -0.0", "n == false", "n in [true]", "n != 1", "user == 'ana' and user == None", "user == ''",
    ],
)  # fmt: skip
def test_an_expression_finds_the_runs_for_which_it_holds_whatever_the_index_can_say(text: str) -> None:
    def holds(fields: dict[str, Any]) -> bool:
        try:
            return bool(compile_expression(text).evaluate(fields))
        except ExpressionError:
            return False

    async def scene() -> tuple[list[str], list[str]]:
        store = MemoryStore()
        await begun(store, Doing(), "ana", "bob", "")
        async with Host(store) as host:
            await host.start(FLAGGED, id="f-1")
            await host.start(FLAGGED, {"n": False}, id="f-2")
        found = [row.run for row in await operations.select(store, where=text)]
        return found, [row.run for row in await store.rows() if holds(row.fields)]

    found, wanted = play(scene())
    assert found == wanted


def test_no_run_is_found_by_the_absence_of_a_field_that_its_graph_does_not_have() -> None:
    async def scene() -> dict[str, list[str]]:
        store = MemoryStore()
        await begun(store, Doing(), "ana", "")
        async with Host(store) as host:
            await host.start(FLAGGED, id="f-1")
        texts = ["user == None", "nosuch == None", "note == None"]
        return {text: [row.run for row in await operations.select(store, where=text)] for text in texts}

    assert play(scene()) == {"user == None": ["r-1"], "nosuch == None": [], "note == None": []}


BEATEN = graph("""
    {trellis: 1, name: beaten, start: a, signals: {beat: {}},
     fields: {n: {type: integer, default: 0}, t: {type: string, optional: true}},
     nodes: {a: {ask: {text: t}, upon: {beat: b}, to: $end}, b: {set: {fields: {n: n + 1}}, to: a}}}
""")
DAY_S = 86_400.0


def test_a_run_to_which_something_happens_every_day_is_older_than_no_day() -> None:
    async def scene() -> list[list[str]]:
        store, clock = MemoryStore(), ManualClock()

        async def older(seconds: float) -> list[str]:
            rows = await operations.select(store, older_than=clock.now() - seconds)
            return [row.run for row in rows]

        found = []
        async with Host(store, clock=clock) as host:
            for run in ("left", "beaten"):
                await host.start(BEATEN, id=run)
            for _ in range(5):
                clock.advance(DAY_S)
                assert await host.send("beaten", Signal("beat")) == Reply("running")
            found += [await older(4 * DAY_S), await older(0.0)]
        clock.advance(UPDATED_S / 2)
        assert await send(store, "beaten", Signal("beat"), clock=clock) == Reply("running", driven=False)
        clock.advance(UPDATED_S / 2)  # its row is that old, and its last event half of it
        found += [await older(UPDATED_S * 0.75), await older(UPDATED_S / 4)]
        return [*found, [row.run for row in await operations.select(store, older_than=clock.now(), limit=1)]]

    assert play(scene()) == [["left"], ["left"], ["left"], ["beaten", "left"], ["beaten"]]


def test_a_row_is_written_for_its_time_alone_once_in_a_while() -> None:
    state = start(BEATEN, RunStarted(0.0, "r", BEATEN.hash)).state
    row = first_row(BEATEN, state)
    written = [row]
    for second in range(1, 131):
        step = apply(BEATEN, state, SignalReceived(second * 1.0, "beat", {}))
        row = next_row(BEATEN, row, state, step)
        state = step.state
        if row is not written[-1]:
            written.append(row)
    assert [row.updated for row in written] == [0.0, UPDATED_S, 2 * UPDATED_S]
    assert written[1:] == [replace(written[0], updated=row.updated) for row in written[1:]]


def test_an_expression_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--where: "):
        play(operations.select(MemoryStore(), where="user ="))


@pytest.mark.covers("GT01")
def test_a_run_is_replayed_up_to_an_event_and_no_further() -> None:
    async def scene() -> tuple[Any, ...]:
        store = MemoryStore()
        await begun(store, Doing(), "ana")
        whole, half = [await operations.replayed(store, "r-0", until=until) for until in (None, 1)]
        with pytest.raises(UsageError, match="run 'r-0' has 3 events; there is no event 4"):
            await operations.replayed(store, "r-0", until=4)
        return whole.events, half.events, list(whole.state.tokens), list(half.state.tokens), len(half.lines)

    assert play(scene()) == (3, 3, ["last"], ["who"], 3)


def test_a_fork_goes_on_from_there_without_doing_again_what_was_done() -> None:
    async def scene() -> tuple[Any, ...]:
        store, doing = MemoryStore(), Doing()
        await begun(store, doing, "ana")
        late = await operations.fork(store, "r-0", fields={"n": 40}, id="late", by="ops")
        early = await operations.fork(store, "r-0", at=1, id="early")
        assert (late.status, late.position, late.fields) == ("running", ("last",), {"user": "ana", "n": 40})
        assert (early.position, early.revision) == (("who",), 2)
        with pytest.raises(Refused, match="there is a run 'late' already"):
            await operations.fork(store, "r-0", id="late")
        with pytest.raises(InvalidField):
            await operations.fork(store, "r-0", fields={"n": "many"})
        with pytest.raises(InvalidField, match="it holds the mark that stands for a secret"):
            await operations.fork(store, "r-0", fields={"user": seal("token")})
        async with Host(store, doing.tools) as host:
            one = await host.resume("late")
            await one.answer("last", "x")
            two = await host.resume("early")
            await two.answer("who", "bob")
            await until(lambda: bool(two.questions))
            await two.answer("last", "y")
            ends = [(await run.result()).fields for run in (one, two)]
        return ends, [key for _, key, _ in doing.calls]

    ends, keys = play(scene())
    assert ends == [{"user": "ana", "n": 40, "note": "x"}, {"user": "bob", "n": 1, "note": "y"}]
    assert keys == ["r-0/work/2", "early/work/2"], "what is done anew is done under the key of the new run"


@pytest.mark.parametrize("name", ["", "-x", "a\tb", "x" * 201, "\ud800"])
def test_a_copy_of_a_run_has_an_id_that_a_run_may_be_started_under(name: str) -> None:
    async def scene() -> int:
        store = MemoryStore()
        await begun(store, Doing(), "ana")
        lines = await operations.export(store, "r-0")
        with pytest.raises(InvalidRunId):
            await operations.fork(store, "r-0", id=name)
        with pytest.raises(InvalidRunId):
            await operations.retry(store, "r-0", "work", id=name)
        with pytest.raises(InvalidRunId):
            await operations.import_run(store, lines, id=name)
        return len(await store.rows())

    assert play(scene()) == 1


ONCE = graph("""
    {trellis: 1, name: once, start: a, fields: {n: {type: integer, default: 0}, got: {type: string, optional: true}},
     nodes: {a: {do: work, with: {n: 1}, save: n, to: b}, b: {do: once, save: got, to: $end}}}
""")


def test_a_fork_makes_the_call_that_the_other_run_had_begun_for_it_has_not_begun_it() -> None:
    async def scene() -> tuple[Any, ...]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as host:
            await host.start(ONCE, id="r")
            await until(lambda: "b" in doing.nodes)
        async with Host(store, doing.tools) as host:
            parked = await host.resume("r")
            await until(lambda: parked.state.seq == 4)
            before = await store.read("r")
            doing.gate.set()
            ends = {}
            for count in (2, 3, 4):
                row = await operations.fork(store, "r", at=count, id=f"f-{count}", by="ops")
                assert row.wake == 0, "it wants to be driven"
                ends[row.run] = (await (await host.resume(row.run)).result()).fields["got"]
        assert await store.read("r") == before
        return ends, [key for node, key, _ in doing.calls if node == "b"]

    ends, keys = play(scene())
    assert ends == dict.fromkeys(("f-2", "f-3", "f-4"), "done")
    assert keys == ["r/b/2", "f-2/b/2", "f-3/b/2", "f-4/b/2"]


def test_a_fork_takes_the_way_of_its_graph_where_a_call_is_uncertain() -> None:
    caught = graph("""
        {trellis: 1, name: caught, start: a, fields: {got: {type: string, optional: true}},
         nodes: {a: {do: once, save: got, catch: {uncertain: b}, to: $end}, b: {end: {status: ok, result: "'asked'"}}}}
    """)

    async def scene() -> Any:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as host:
            await host.start(caught, id="r")
            await until(lambda: bool(doing.calls))
        row = await operations.fork(store, "r", id="f")
        assert row.revision == 3
        async with Host(store, doing.tools) as host:
            return (await (await host.resume("f")).result()).result

    assert play(scene()) == "asked"


def test_a_run_that_failed_is_tried_again_from_a_node_of_it() -> None:
    known = graph(
        "{trellis: 1, name: f, start: a, nodes: {a: {do: work, with: {n: 1}, to: b}, b: {do: bad, to: $end}}}"
    )

    async def scene() -> tuple[Any, ...]:
        store, doing, bad = MemoryStore(), Doing(), [True]

        async def work() -> str:
            if bad[0]:
                raise ActionError("failed", "no")
            return "ok"

        doing.tools.register("bad", work)
        async with Host(store, doing.tools) as host:
            first = await (await host.start(known, id="r")).result()
            bad[0] = False
            with pytest.raises(Refused, match="had ended by event 3: failed"):
                await operations.fork(store, "r")
            with pytest.raises(UsageError, match="never entered a node 'c'; it entered: a, b"):
                await operations.retry(store, "r", "c")
            row = await operations.retry(store, "r", "b")
            again = await (await host.resume(row.run)).result()
        return first.status, again.status, doing.nodes, again.visited

    assert play(scene()) == ("failed", "completed", ["a"], ("a", "b"))


def test_an_export_is_the_same_run_in_another_store() -> None:
    async def scene() -> tuple[Any, ...]:
        store, other, doing = MemoryStore(), MemoryStore(), Doing()
        await begun(store, doing, "ana")
        lines = await operations.export(store, "r-0")
        await operations.import_run(other, lines)
        renamed = await operations.import_run(other, lines, id="copy")
        with pytest.raises(Refused, match="there is a run 'r-0' already"):
            await operations.import_run(other, lines)
        assert await operations.export(other, "r-0") == lines
        async with Host(other, doing.tools) as host:
            run = await host.resume("copy")
            await run.answer("last", "x")
            outcome = await run.result()
        with pytest.raises(UnknownRun):
            await operations.export(store, "nobody")
        return renamed.run, renamed.fields, outcome.visited, (await store.row("r-0")) == (await other.row("r-0"))

    assert play(scene()) == ("copy", {"user": "ana", "n": 1}, ("who", "work", "last"), True)


def _without_definitions(head: bytes) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(head), "definitions": {}})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda _: [], "this is no export of a run: "),
        (lambda _: [b"{}"], "this is no export of a run: "),
        (lambda lines: lines[:1], "this export is damaged: its run has 3 events, and here are 0. Export the run again"),
        (lambda lines: lines[:-1], "this export is damaged: its run has 3 events, and here are 2. Export the run again"),
        (lambda lines: [lines[0].replace(b'"trellis_export":1', b'"trellis_export":2')], "this export has version 2"),
        (lambda lines: [lines[0].replace(b"who", b"why"), *lines[1:]], "damaged: definition 96471ded0fb4 is not what"),
        (lambda lines: [_without_definitions(lines[0]), *lines[1:]], "definition 96471ded0fb4 is not in it. Export"),
        (
            lambda lines: [*lines[:2], lines[2].replace(b'"at":', b'"at":99'), *lines[3:]],
            "this export is damaged: event 2 has the time 9",
        ),
        (lambda lines: [lines[0], *lines[2:], lines[3]], "the journal of run 'r-0' does not begin with its start"),
        (lambda lines: [*lines[:2], lines[3], lines[2]], "run 'r-0' cannot be replayed"),
        (lambda lines: [*lines, b"\xff"], "this is no export of a run: "),
    ],
    ids=[
        "empty", "foreign", "no events", "cut", "newer", "changed definition", "no definition", "no date", "no start",
        "other order", "no text",
    ],
)  # fmt: skip
def test_an_export_that_is_damaged_is_refused_and_nothing_is_written(damage: Any, said: str) -> None:
    async def scene() -> tuple[str, int]:
        store, other = MemoryStore(), MemoryStore()
        await begun(store, Doing(), "ana")
        with pytest.raises(Exception) as refused:  # noqa: PT011 - which kind, the text tells
            await operations.import_run(other, damage(await operations.export(store, "r-0")))
        return str(refused.value), len(await other.rows())

    text, count = play(scene())
    assert said in text
    assert count == 0


def test_open_runs_move_to_a_new_version_where_that_is_safe() -> None:
    new = graph(ASKING.replace("to: $end}}}", "to: more}, more: {do: work, with: {n: 5}, save: n, to: $end}}}"))
    gone = graph(ASKING.replace("last: {ask", "final: {ask").replace("to: last", "to: final"))

    async def scene() -> tuple[Any, ...]:
        store, doing = MemoryStore(), Doing()
        await begun(store, doing, "ana", "bob")
        safe = {row.run: verdict.status for row, verdict in await operations.verdicts(store, new)}
        unsafe = {row.run: verdict.status for row, verdict in await operations.verdicts(store, gone)}
        async with Host(store, doing.tools) as host:
            live = await host.resume("r-0")
            await live.adopt(new, by="ops")
            with pytest.raises(Refused):
                await live.adopt(gone)
            reply = await send(store, "r-1", Adopt(new.hash, new.data.decode()))
            assert reply.code == ""
            ends = []
            for name in ("r-0", "r-1"):
                run = await host.resume(name)
                assert run.graph == new
                await run.answer("last", "x")
                ends.append(await run.result())
        again = await operations.replayed(store, "r-0")
        rows = await store.rows(graph=new.hash)
        return safe, unsafe, [(end.fields["n"], end.visited) for end in ends], again.state.status, len(rows)

    safe, unsafe, ends, status, rows = play(scene())
    assert safe == {"r-0": "safe", "r-1": "safe"}
    assert unsafe == {"r-0": "needs_map", "r-1": "needs_map"}
    assert ends == [(6, ("who", "work", "last", "more"))] * 2
    assert (status, rows) == ("completed", 2)


def test_a_definition_under_a_false_hash_is_adopted_by_nobody() -> None:
    new = graph(ASKING.replace("to: $end}}}", "to: more}, more: {do: work, with: {n: 5}, save: n, to: $end}}}"))
    orders = {
        "other": Adopt("f" * 64, new.data.decode()),
        "none": Adopt(new.hash, new.data.decode()[:-1]),
    }
    told = "; send the `hash` and the `data` of one graph"

    async def scene() -> dict[str, list[Reply]]:
        store, replies = MemoryStore(), dict[str, list[Reply]]()
        await begun(store, Doing(), "ana", "bob")
        before = await store.rows()
        async with Host(store, Doing().tools) as host:
            await host.resume("r-0")
            for name, order in orders.items():
                driven = await host.send("r-0", order)
                with pytest.raises(Refused) as refused:
                    await send(store, "r-1", order)
                replies[name] = [driven, Reply("running", refused.value.code, refused.value.message)]
        assert await store.rows() == before
        assert await store.definition("f" * 64) is None
        return replies

    assert play(scene()) == {
        name: [Reply("running", "definition", f"run '{run}' adopts nothing: {why}{told}") for run in ("r-0", "r-1")]
        for name, why in {
            "other": f"definition ffffffffffff is not what it is called, its hash is {new.hash[:12]}",
            "none": f"definition {new.hash[:12]}: not a compiled graph: Input data was truncated",
        }.items()
    }


def test_a_fork_takes_its_secrets_along_where_their_key_is_known() -> None:
    known = graph("""
        {trellis: 1, name: s, start: a, fields: {token: {type: string, secret: true}, x: {type: string, optional: true}},
         nodes: {a: {ask: {text: x}, to: b}, b: {do: see, with: {token: "{{ token }}"}, to: $end}}}
    """)
    vault = Vault({"k": bytes(range(32))})

    async def scene() -> list[str]:
        store, seen, tools = MemoryStore(), list[str](), Dispatcher()

        @tools.action("see")
        async def see(token: str) -> None:
            seen.append(token)

        async with Host(store, tools, vault=vault) as host:
            await host.start(known, {"token": "hush-hush"}, id="r")
        row = await operations.fork(store, "r", vault=vault)
        async with Host(store, tools, vault=vault) as host:
            for name in ("r", row.run):
                run = await host.resume(name)
                await run.answer("a", "x")
                await run.result()
        assert b"hush" not in b"".join(await store.read("r"))
        return seen

    assert play(scene()) == ["hush-hush"] * 2


def test_runs_of_one_definition_from_two_files_keep_each_their_own_file() -> None:
    """Python tools are looked for beside it."""

    async def scene() -> list[str]:
        store = MemoryStore()
        await begun(store, Doing(), "ana")
        row = await store.row("r-0")
        assert row is not None
        graphs = Definitions(store)
        rows = [replace(row, source=source) for source in ("one/order.yaml", "two/order.yaml")]
        return [(await graphs.get(row.graph, row)).source for row in rows]

    assert play(scene()) == ["one/order.yaml", "two/order.yaml"]


def test_a_row_tells_the_state_that_it_was_made_of() -> None:
    async def scene() -> bool:
        store = MemoryStore()
        await begun(store, Doing(), "ana")
        row = await operations.fork(store, "r-0", id="f")
        found = await store.row("f")
        source = await store.row("r-0")
        assert found is not None and source is not None
        assert found == row
        return found == replace(source, run="f", revision=source.revision + 1, updated=found.updated)

    assert play(scene())
