"""The commands reach runs on a Temporal server by its URL, and say what they cannot do there."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import environment, trellis
from trellis import Dispatcher, Host, load
from trellis.cli.looking import look
from trellis.cli.report import page
from trellis.errors import StoreUnavailable
from trellis.hosts.commands import CancelRun, Reply
from trellis.hosts.temporal import wire
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.kept import TemporalRuns
from trellis.hosts.vault import Vault

ORDER = """
trellis: 1
name: order
fields:
  drink: {type: string, index: true}
  tries: {type: integer, check: value > 0, optional: true}
signals: {stop: {}}
upon: {stop: stopped}
start: ask
nodes:
  ask: {say: How often?, ask: {int: tries}, to: done}
  done: {end: {status: ok, result: tries}}
  stopped: {end: {status: cancelled, result: "'stopped'"}}
"""

KEY = Vault.from_text("k1=" + "A" * 43 + "=")
FAILING = """
trellis: 1
name: failing
start: fall
tools: {read: {python: "json:loads"}}
nodes:
  fall: {do: read, with: {s: no JSON}, retry: {max_attempts: 1}, to: $end}
"""
ABOVE = """
trellis: 1
name: above
start: kid
nodes:
  kid: {use: ./order.yaml, with: {drink: tea}, to: $end}
"""


@pytest.fixture(scope="module")
def url(temporal_address: str) -> Iterator[str]:
    """A task queue on which somebody works."""
    found = f"temporal://{temporal_address}/default?queue=test-{secrets.token_hex(6)}"
    loop, up = asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def work() -> None:
        async with Host(found, Dispatcher()):
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),))
    thread.start()
    assert up.wait(30)
    yield found
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "order.yaml").write_text(ORDER, "utf-8")
    return tmp_path


def own() -> str:
    return f"client-order-{secrets.token_hex(5)}"


def begin(url: str, folder: Path, run: str, item: str = "tea") -> None:
    """A run that waits for its answer."""
    done = trellis("run", "order.yaml", "--on", url, "--set", f"drink={item}", "--id", run, "--headless", cwd=folder)
    assert (done.code, done.err) == (
        7,
        (
            "input needed: ask asks for tries (a whole number); nobody answers (--headless)\n"
            f"run {run} stays open; continue with: trellis resume {run} --store '{url}'\n"
        ),
    )


def test_a_run_is_started_on_a_server_and_answered_at_the_terminal(url: str, folder: Path) -> None:
    run = own()
    done = trellis("run", "order.yaml", "--on", url, "--set", "drink=tea", "--id", run, cwd=folder, typed="-1\n3\n")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "completed: 3"
    assert "-1 does not pass its check `value > 0`" in done.out


def test_a_run_is_answered_from_elsewhere_and_taken_up_again(url: str, folder: Path) -> None:
    run = own()
    begin(url, folder, run)
    done = trellis("answer", run, "ask", "none", "--store", url, cwd=folder)
    assert (done.code, done.out) == (7, "✗ asked again: not a whole number: 'none'; tries (a whole number)\n")
    done = trellis("answer", run, "ask", "4", "--store", url, cwd=folder)
    assert (done.code, done.out, done.err) == (0, "✓ taken; the run has ended: completed: 4\n", "")
    done = trellis("answer", run, "ask", "5", "--store", url, cwd=folder)
    assert (done.code, done.err) == (2, f"error: run '{run}' has ended: completed\n")
    done = trellis("resume", run, "--store", url, cwd=folder)
    assert (done.code, done.out) == (0, "completed: 4\n")


def test_runs_are_found_shown_ended_and_removed(url: str, folder: Path) -> None:
    one, other = own(), own()
    begin(url, folder, one)
    begin(url, folder, other, "milk and honey")
    listed = found(url, folder, "--where", "drink == 'milk and honey'", until=1)
    assert [(row["id"], row["status"], row["position"], row["fields"]) for row in listed] == [
        (other, "running", ["ask"], {"drink": "milk and honey"})
    ]
    shown = json.loads(trellis("runs", "show", other, "--store", url, "--json", cwd=folder).out)
    assert [(wait["node"], wait["for"]) for wait in shown["waits"]] == [("ask", "answer")]
    assert trellis("signal", other, "stop", "--store", url, cwd=folder).code == 0
    assert (
        trellis("runs", "terminate", one, "--store", url, "--reason", "late", cwd=folder).out == f"{one} terminated\n"
    )
    rows = {row["id"]: row["status"] for row in found(url, folder, "--status", "cancelled", until=2)}
    assert rows.keys() >= {one, other}
    assert trellis("runs", "replay", other, "--until", "1", "--store", url, cwd=folder).code == 0
    assert trellis("runs", "rm", other, "--store", url, cwd=folder).out == f"{other} removed\n"


def test_the_page_of_a_run_names_no_command_that_does_nothing_there(url: str, folder: Path) -> None:
    (folder / "failing.yaml").write_text(FAILING, "utf-8")
    run = own()
    assert trellis("run", "failing.yaml", "--on", url, "--id", run, "--headless", cwd=folder).code == 1
    ended = trellis("runs", "show", run, "--store", url, cwd=folder).out
    assert ended.endswith(f"\nnext\n  trellis runs replay {run} --store '{url}'  # how it came to that\n")
    run = own()
    (folder / "above.yaml").write_text(ABOVE, "utf-8")
    assert trellis("run", "above.yaml", "--on", url, "--id", run, "--headless", cwd=folder).code == 7
    waits = trellis("runs", "show", run, "--store", url, cwd=folder).out
    assert "driving" not in waits
    rows = [line.partition("  #")[0].strip() for line in waits.partition("\nnext\n")[2].splitlines()]
    assert rows == [f"trellis runs {verb} --store '{url}'" for verb in (f"show {run}/kid/1", f"cancel {run}")]


def test_a_run_under_a_key_that_nobody_here_has_is_listed_and_ended_and_hides_no_other(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SOON_S", 0.05)
    monkeypatch.setattr(wire, "STUCK_S", 0.05)
    locked = own()
    told = "a payload is encrypted under the key 'k1', and no key is given; set TRELLIS_SECRET_KEYS to k1=…"

    async def work() -> None:
        async with TemporalHost(url, vault=KEY) as host:
            run = await host.start(load(folder / "order.yaml"), {"drink": "tea"}, id=locked)
            kept = TemporalRuns(url)
            while not (rows := {row.run: row for row in await kept.rows() if row.run == locked}):
                pass  # a server lists what is new a moment later
            assert (rows[locked].graph, rows[locked].status) == (wire.UNREAD, "running")
            with pytest.raises(StoreUnavailable) as refused:
                await look(kept, locked, last=2)
            assert str(refused.value) == f"store {url}: run '{locked}': {told}"
            for _ in range(2):  # the second time the server knows that the workers fail at it
                reply = await kept.tell(locked, CancelRun())
                assert (reply.code, reply.status, reply.driven) == ("", "running", False)
            assert (await kept.tell(locked, CancelRun(terminate=True))).status == "cancelled"
            assert (await run.result()).status == "cancelled"
            await kept.delete(locked)
            await kept.close()

    asyncio.run(work())


def test_a_run_whose_workers_have_a_key_that_the_client_lacks_is_ended_and_told_to_be(
    temporal_url: str, folder: Path
) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), TemporalHost(temporal_url, Dispatcher(), vault=KEY) as host:
            runs = [await host.start(load(folder / "order.yaml"), {"drink": "tea"}) for _ in range(2)]
            kept = TemporalRuns(temporal_url)
            try:
                told = [await kept.tell(runs[end].id, CancelRun(terminate=bool(end))) for end in range(2)]
            finally:
                await kept.close()
            assert told == [Reply("running"), Reply("cancelled")]
            assert [(await run.result()).status for run in runs] == ["cancelled"] * 2

    asyncio.run(work())


def test_a_run_that_nobody_ever_worked_on_is_terminated_and_shown(
    temporal_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SOON_S", 0.02)

    async def work() -> None:
        async with TemporalHost(temporal_url, hindered=lambda _: None) as host:
            run = (await host.start(load(folder / "order.yaml"), {"drink": "tea"})).id
        kept = TemporalRuns(temporal_url)
        try:
            for driven in (False, True):  # said again, it changes nothing
                reply = await kept.tell(run, CancelRun("late", terminate=True))
                assert reply == Reply("cancelled", driven=driven)
            shown = await look(kept, run, last=10)
        finally:
            await kept.close()
        assert shown.state.error is not None
        assert (shown.row.status, shown.state.error.message, shown.row.fields) == (
            "cancelled",
            "late",
            {"drink": "tea"},
        )

    asyncio.run(work())


def test_a_run_that_has_ended_is_shown_when_its_workers_are_gone(
    temporal_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ASK_S", 0.2)
    monkeypatch.setattr(wire, "SOON_S", 0.02)

    async def work() -> None:
        async with Host(temporal_url, Dispatcher()) as host:
            run = await host.start(load(folder / "order.yaml"), {"drink": "tea"})
            await run.answer("ask", "3")
            await run.result()
        kept = TemporalRuns(temporal_url)
        try:
            shown = await look(kept, run.id, last=10)
            with pytest.raises(StoreUnavailable):  # an export without its events would be a loss that nobody sees
                await kept.read(run.id)
        finally:
            await kept.close()
        fields = {"drink": "tea", "tries": 3}
        assert (shown.row.status, shown.state.status, shown.state.result) == ("completed", "completed", 3)
        assert (shown.state.fields, shown.events) == (fields, [])
        assert "\nchanged  " in (told := page(shown, temporal_url))
        assert "by event" not in told

    asyncio.run(work())


def found(url: str, folder: Path, *query: str, until: int) -> list[dict[str, Any]]:
    """What `ls` finds once it finds so many: a server lists what has happened a moment later."""
    for _ in range(50):
        rows: list[dict[str, Any]] = json.loads(trellis("runs", "ls", *query, "--store", url, "--json", cwd=folder).out)
        if len(rows) >= until:
            return rows
    return []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("run", "order.yaml", "--on", "URL", "--store", "memory://"),
            "--on and --store both say where the run is kept; give one",
        ),
        (
            ("run", "order.yaml", "--on", "sqlite:///runs.db"),
            "--on takes temporal://HOST:PORT/NAMESPACE?queue=Q; any other URL is for --store",
        ),
        (
            ("run", "order.yaml", "--on", "URL", "--watch"),
            "--watch is for runs that are driven here; `trellis runs adopt` moves one on Temporal to a new version",
        ),
        (
            ("run", "order.yaml", "--on", "URL", "--ask-tools", "--set", "drink=tea"),
            "--ask-tools asks where calls are made, and on Temporal workers make them; use `ask:` in the graph",
        ),
        (
            ("runs", "fork", "RUN", "--store", "URL"),
            (
                "the journals at URL are histories that a Temporal server writes: runs begin there by "
                "`trellis run FILE --on URL`, and their workers go on with them"
            ),
        ),
        (("runs", "show", "client-nobody", "--store", "URL"), "unknown run 'client-nobody'"),
        (
            ("db", "status", "--store", "URL"),
            "store URL: it is a Temporal server, which keeps runs and no tables of ours; `trellis run FILE --on` starts one there",
        ),
    ],
)
def test_what_cannot_be_done_there_is_said(words: tuple[str, ...], told: str, url: str, folder: Path) -> None:
    run = own()
    if "RUN" in words:
        begin(url, folder, run)
    done = trellis(*(word.replace("URL", url).replace("RUN", run) for word in words), cwd=folder)
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        f"error: {told}".replace("at URL", f"at {url}").replace("store URL", f"store {url}"),
    )


def test_a_server_that_is_down_ends_a_command_with_its_name(folder: Path) -> None:
    done = trellis("run", "order.yaml", "--on", "temporal://127.0.0.1:1/default", "--set", "drink=tea", cwd=folder)
    assert (done.code, done.err) == (
        2,
        "error: store temporal://127.0.0.1:1/default: no Temporal server answers there: connection refused\n",
    )


def test_a_command_that_used_the_library_ends_with_its_code_whatever_its_threads_do() -> None:
    program = """
import atexit, os, sys
import temporalio
from trellis.cli import main
class Broken:
    def __del__(self, end=os._exit): end(99)  # the interpreter is taken down
sys.modules["kept"] = Broken()
atexit.register(print, "flushed")
sys.argv = ["trellis", "explain", "nothing"]
raise SystemExit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "flushed\n")
