"""No secret is in any byte that a run leaves behind or shows: files, tables and keys of the store, lines, logs, output, errors.

Each secret is a canary of its own, so that one that got out says where from. They are searched for in every form in
which something could have written them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import environment
from tests.hosts.canaries import (
    CANARIES,
    FILES,
    KEYS,
    KINDS,
    SOUGHT,
    Kept,
    found_in,
    left_in,
    pieces,
    shown_in,
    told_by,
    unfolded,
)
from tests.hosts.scenes import lines_of, play, until
from tests.stores.redis_places import redis_place as redis_place
from trellis import stores
from trellis.errors import InvalidField, Refused, SecretsNeeded, StartedOtherwise, TrellisError
from trellis.hosts.commands import Answer
from trellis.hosts.local import Host, Run
from trellis.hosts.operations import fork
from trellis.hosts.sending import send
from trellis.hosts.vault import Vault
from trellis.model.graph import Graph
from trellis.project import load

GRAPH = """\
trellis: 1
name: canary
start: typing
fields:
  given: {type: string, secret: true}
  env: {type: string, secret: true, from: "env:CANARY_ENV"}
  typed: {type: string, secret: true, optional: true}
  made: {type: string, secret: true, optional: true}
  echo: {type: any, optional: true}
  way: {type: string, optional: true}
  plain: {type: string, default: "a clear canary"}
tools:
  make: {python: "canary_tools:make"}
  use: {python: "canary_tools:use"}
  fail: {python: "canary_tools:fail"}
  unmake: {python: "canary_tools:unmake"}
nodes:
  typing: {say: "with {{ given }}", ask: {secret: typed}, to: making}
  making:
    do: make
    save: made
    undo: {do: unmake, with: {text: "{{ made }} and {{ typed }}"}}
    to: using
  using: {do: use, with: {text: "Bearer {{ given }} {{ env }} {{ typed }} {{ made }}"}, save: echo, to: failing}
  failing:
    do: fail
    with: {text: "{{ given }} {{ typed }}"}
    retry: {max_attempts: 2, initial_interval: 1ms}
    catch: {"*": telling}
    to: telling
  telling: {say: "said {{ echo }}, {{ typed }}", to: choosing}
  choosing:
    ask: {choice: way, options: [end, fail, back, stuck]}
    to: [{if: way == "end", to: ending}, {if: way == "fail", to: bad}, {to: $rollback}]
  bad: {do: fail, with: {text: "{{ made }} {{ env }}"}, to: $end}
  ending: {end: {status: ok, result: echo}}
"""

TOOLS = """\
import base64, json, os, pathlib, signal
from urllib.parse import quote, quote_plus
from trellis import ActionError

SEEN = []

def make():
    return os.environ["CANARY_MADE"]

def use(text):
    SEEN.append(text)
    once = pathlib.Path(os.environ.get("CANARY_KILL", "/dev/null"))
    if once.suffix == ".once" and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"said": [text, {text: "key"}], "n": 1}

def fail(text):
    SEEN.append(text)
    if "CANARY_FORMS" in os.environ:
        data = text.encode()
        forms = [repr(text), json.dumps(text), quote(text), quote_plus(text), data.hex(), repr(data)]
        raise ValueError(f"{forms} {base64.b64encode(b'user:' + data).decode()}")
    raise ActionError("no_" + text[:40], f"refused {text} for good")

def unmake(text):
    SEEN.append(text)
    if "CANARY_STUCK" in os.environ:
        raise RuntimeError(f"cannot take back {text}")
"""

Shown = list[Any]


@pytest.fixture(params=[*FILES, *KINDS])
def kept(request: pytest.FixtureRequest) -> Kept:
    """A store of each kind that this machine has."""
    if request.param in FILES:
        return Kept(FILES[request.param])
    fixture, look = KINDS[request.param]
    url: str = request.getfixturevalue(fixture)
    return Kept(url, lambda: look(url))


@pytest.fixture(params=[False, True], ids=["without a key", "with a key"])
def keyed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        pytest.importorskip("cryptography")
        monkeypatch.setenv("TRELLIS_SECRET_KEYS", KEYS)
    else:
        monkeypatch.delenv("TRELLIS_SECRET_KEYS", raising=False)
    return bool(request.param)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/canary.yaml").write_text(GRAPH)
    (tmp_path / "project/canary_tools.py").write_text(TOOLS)
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("CANARY_ENV", CANARIES["env"])
    monkeypatch.setenv("CANARY_MADE", CANARIES["made"])
    monkeypatch.delitem(sys.modules, "canary_tools", raising=False)
    return tmp_path


@pytest.fixture
def known(project: Path) -> Graph:
    return load(project / "project/canary.yaml")


async def questioned(run: Run, node: str) -> None:
    await until(lambda: run.closed or any(question.node == node for question in run.questions))


STATUS = {"end": "completed", "fail": "failed", "back": "rolled_back", "stuck": "rollback_failed"}


@pytest.mark.parametrize("way", STATUS)
def test_a_run_leaves_and_shows_no_secret_however_it_ends(
    kept: Kept,
    way: str,
    keyed: bool,
    project: Path,
    known: Graph,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    if way == "stuck":
        monkeypatch.setenv("CANARY_STUCK", "1")
    shown: Shown = []
    hosts: dict[str, Any] = {"store": kept.url, "root": str(project / "store")}

    async def begin() -> None:
        async with Host(**hosts) as host:
            run = await host.start(known, {"given": CANARIES["given"]}, id="r")
            telling = asyncio.create_task(lines_of(run))
            await questioned(run, "typing")
            assert await run.answer("typing", "") is False
            await run.answer("typing", CANARIES["typed"])
            await questioned(run, "choosing")
            shown.extend([run.questions, run.state, run.state.fields, run.state.open, run.state.undo])
            with pytest.raises(StartedOtherwise) as otherwise:
                await host.start(known, {"given": CANARIES["given"], "plain": CANARIES["typed"]}, id="r")
            shown.extend(told_by(otherwise.value))
            with pytest.raises(InvalidField) as invalid:
                await host.start(known, {"given": [CANARIES["given"]]})
            shown.extend(told_by(invalid.value))
            left = left_in(project, kept.held)
            assert left == {}
        with pytest.raises(TrellisError) as closed:
            await telling
        shown.extend(told_by(closed.value))

    async def go_on() -> None:
        secrets = {name: CANARIES[name] for name in ("given", "typed", "made")}
        async with Host(**hosts) as host:
            try:
                run = await host.resume("r")
            except SecretsNeeded as needed:
                shown.extend(told_by(needed))
                run = await host.resume("r", secrets=secrets)
            telling = asyncio.create_task(lines_of(run))
            await run.answer("choosing", way)
            outcome = await run.result()
            lines = await telling
            assert outcome.status == STATUS[way]
            shown.extend([outcome, *lines, run.state, run.state.error, run.state.undo_failures])

    play(begin())
    assert left_in(project, kept.held) == {}
    play(go_on())
    assert left_in(project, kept.held) == {}
    assert shown_in(*shown, caplog.text, *[record.__dict__ for record in caplog.records]) == []
    tools = sys.modules["canary_tools"].SEEN
    assert all(any(canary in text for text in tools) for canary in CANARIES.values())  # but the tools had them


def test_what_a_library_quotes_of_a_secret_in_its_error_is_veiled(
    project: Path, known: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_FORMS", "1")

    async def scene() -> list[Any]:
        async with Host("sqlite:///runs.db", root=str(project / "store")) as host:
            run = await host.start(known, {"given": CANARIES["given"]}, id="r")
            telling = asyncio.create_task(lines_of(run))
            await questioned(run, "typing")
            await run.answer("typing", CANARIES["typed"])
            await questioned(run, "choosing")
            await run.answer("choosing", "fail")
            outcome = await run.result()
            assert outcome.error is not None and outcome.error["code"] == "failed"
            return [outcome, *await telling]

    assert shown_in(*play(scene())) == []
    assert left_in(project) == {}


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_run_that_is_killed_half_way_leaves_and_prints_no_secret(
    output: str, keyed: bool, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answers = tmp_path_factory.mktemp("typed") / "answers.yaml"
    answers.write_text(
        json.dumps(
            {"typing": CANARIES["typed"], "choosing": "stuck", "given": CANARIES["given"], "made": CANARIES["made"]}
        )
    )
    told: list[subprocess.CompletedProcess[bytes]] = []

    def trellis(*arguments: str) -> int:
        common = ["--store", f"sqlite:///{project}/store/runs.db", "--output", output, "--answers", str(answers)]
        variables = environment(
            CANARY_ENV=CANARIES["env"],
            CANARY_MADE=CANARIES["made"],
            CANARY_KILL=str(project / "kill.once"),
            CANARY_STUCK="1",
        ) | ({"TRELLIS_SECRET_KEYS": KEYS} if keyed else {})
        command = [sys.executable, "-m", "trellis", *arguments, *common]
        told.append(subprocess.run(command, cwd=project / "project", env=variables, capture_output=True, timeout=30))
        return told[-1].returncode

    begun = trellis("run", "canary.yaml", "--id", "r", "--set", f"given={CANARIES['given']}")
    assert begun == -signal.SIGKILL, told[-1].stderr
    assert left_in(project) == {}
    if keyed:  # the store kept them: nobody is asked again
        answers.write_text('{"choosing": "stuck"}')
    ended = trellis("resume", "r")
    assert ended == 9, told[-1].stderr
    again = trellis("resume", "r")
    assert again == 9, told[-1].stderr
    assert left_in(project) == {}
    assert found_in(b"\n".join(each.stdout + each.stderr for each in told)) == []
    assert all(each.stdout for each in told[1:])


def test_under_a_key_the_canaries_are_kept_and_every_tool_gets_its_own_again(
    kept: Kept, project: Path, known: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography")
    other = base64.b64encode(bytes(32)).decode()

    async def begin() -> None:
        async with Host(kept.url, root=str(project / "store"), vault=Vault.from_text(KEYS)) as host:
            for way in ("back", "fail"):
                run = await host.start(known, {"given": CANARIES["given"]}, id=way)
                await questioned(run, "typing")
                await run.answer("typing", CANARIES["typed"])
                await questioned(run, "choosing")

    async def go_on(way: str, keys: str) -> str:
        async with Host(kept.url, root=str(project / "store"), vault=Vault.from_text(keys)) as host:
            run = await host.resume(way)
            await run.answer("choosing", way)
            return (await run.result()).status

    play(begin())
    held = pieces(project, kept.held).values()
    assert sum(unfolded(data).count(b"v1.k1.") for data in held) >= 2 * len(CANARIES)
    with pytest.raises(SecretsNeeded) as needed:
        play(go_on("back", f"k2={other}"))
    assert shown_in(told_by(needed.value)) == []
    tools = sys.modules["canary_tools"].SEEN
    tools.clear()
    monkeypatch.setenv("CANARY_ENV", "another one")  # what the run began with counts
    assert [play(go_on(way, f"k2={other},{KEYS}")) for way in ("back", "fail")] == ["rolled_back", "failed"]
    assert tools == [f"{CANARIES['made']} and {CANARIES['typed']}", f"{CANARIES['made']} {CANARIES['env']}"]
    assert left_in(project, kept.held) == {}


def test_a_fork_reads_the_secrets_of_its_origin_under_a_key_and_is_asked_without(project: Path, known: Graph) -> None:
    pytest.importorskip("cryptography")
    url, folder, vault = "sqlite:///runs.db", str(project / "store"), Vault.from_text(KEYS)

    async def scene() -> str:
        async with Host(url, root=folder, vault=vault) as host:
            run = await host.start(known, {"given": CANARIES["given"]}, id="r")
            await questioned(run, "typing")
            await run.answer("typing", CANARIES["typed"])
            await questioned(run, "choosing")
        store = stores.open_store(url, root=folder)
        for name, keys in (("with", vault), ("without", None)):
            await fork(store, "r", id=name, vault=keys)
        await store.close()
        async with Host(url, root=folder, vault=vault) as host:
            with pytest.raises(SecretsNeeded) as needed:
                await host.resume("without")
            assert needed.value.names == ("given", "made", "typed")  # `env` is read again
            run = await host.resume("with")
            await run.answer("choosing", "fail")
            return (await run.result()).status

    assert play(scene()) == "failed"
    assert sys.modules["canary_tools"].SEEN[-1] == f"{CANARIES['made']} {CANARIES['env']}"
    assert left_in(project) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_for_a_run_of_another_host_is_not_sent_through_a_server(
    kind: str, project: Path, known: Graph, request: pytest.FixtureRequest
) -> None:
    """Its inbox would keep the message in clear, for however short a time."""
    fixture, look = KINDS[kind]
    url: str = request.getfixturevalue(fixture)

    async def scene() -> None:
        async with Host(url) as host:
            run = await host.start(known, {"given": CANARIES["given"]}, id="r")
            await questioned(run, "typing")
            other = stores.open_store(url)
            with pytest.raises(Refused) as refused:
                await send(other, "r", Answer("typing", CANARIES["typed"]))
            await other.close()
            assert shown_in(told_by(refused.value)) == []
            assert {name: found_in(data) for name, data in look(url).items() if found_in(data)} == {}
            assert [question.node for question in run.questions] == ["typing"]

    play(scene())


def test_what_is_no_secret_is_found_where_the_canaries_are_sought(kept: Kept, project: Path, known: Graph) -> None:
    """The control: the search looks at the files, tables and keys that hold the data."""

    async def scene() -> None:
        async with Host(kept.url, root=str(project / "store")) as host:
            await host.start(known, {"given": "xxxx", "plain": CANARIES["typed"]}, id="r")

    play(scene())
    found = [form for forms in left_in(project, kept.held).values() for form in forms]
    assert [form for form in found if form.startswith("typed, JSON")]


@pytest.mark.parametrize("form", SOUGHT)
def test_the_search_knows_the_form(form: str) -> None:
    """The control: each form is found between others, and in base64 again."""
    assert len(SOUGHT[form]) > 8
    assert form in found_in(b"before" + SOUGHT[form] + b"behind")
    assert form in found_in(b'"' + base64.b64encode(b"before" + SOUGHT[form] + b"behind") + b'"')
