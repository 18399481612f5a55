"""What an operator does to runs: find, replay, fork, try again, carry elsewhere, move to another version."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, InvalidField, Refused, UnknownRun, UsageError
from trellis.hosts import operations
from trellis.hosts.commands import Adopt
from trellis.hosts.local import Host
from trellis.hosts.sending import send
from trellis.hosts.vault import Vault
from trellis.stores.memory import MemoryStore

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
        assert (early.position, early.revision) == (("who",), 1)
        with pytest.raises(Refused, match="there is a run 'late' already"):
            await operations.fork(store, "r-0", id="late")
        with pytest.raises(InvalidField):
            await operations.fork(store, "r-0", fields={"n": "many"})
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


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda _: [], "this is no export of a run: "),
        (lambda _: [b"{}"], "this is no export of a run: "),
        (lambda lines: lines[:1], "this is no export of a run: it has no events"),
        (lambda lines: [lines[0].replace(b'"trellis_export":1', b'"trellis_export":2')], "this export has version 2"),
        (lambda lines: [lines[0].replace(b"who", b"why"), *lines[1:]], "this export was changed: "),
        (lambda lines: [lines[0], *lines[2:]], "the journal of run 'r-0' does not begin with its start"),
        (lambda lines: [*lines[:2], lines[3], lines[2]], "run 'r-0' cannot be replayed"),
        (lambda lines: [*lines, b"\xff"], "this is no export of a run: "),
    ],
    ids=["empty", "foreign", "no events", "newer", "changed definition", "no start", "other order", "no text"],
)
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


def test_a_row_tells_the_state_that_it_was_made_of() -> None:
    async def scene() -> bool:
        store = MemoryStore()
        await begun(store, Doing(), "ana")
        row = await operations.fork(store, "r-0", id="f")
        found = await store.row("f")
        source = await store.row("r-0")
        assert found is not None and source is not None
        assert found == row
        return found == replace(source, run="f", updated=found.updated)

    assert play(scene())
