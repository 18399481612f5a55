"""No secret is in any byte that a run leaves behind or shows: files of the store, lines, logs, output, errors.

Each secret is a canary of its own, so that one that got out says where from. They are searched for in every form in
which something could have written them.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.cli.console import environment
from tests.hosts.scenes import lines_of, play, until
from trellis import stores
from trellis.errors import InvalidField, SecretsNeeded, StartedOtherwise, TrellisError
from trellis.hosts import reports
from trellis.hosts.local import Host, Run
from trellis.hosts.operations import fork
from trellis.hosts.vault import Vault
from trellis.model.graph import Graph
from trellis.project import load

CANARIES = {source: f"""c4nary {source}+/"v\\lue'ñ~%20?""" for source in ("given", "env", "typed", "made")}
KEY = base64.b64encode(b"a key that nobody may ever see..").decode()
KEYS = f"k1={KEY}"

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

STORES = ["sqlite:///runs.db"] + (["file:runs"] if "file:" in str(stores.__doc__) else [])
Shown = list[Any]


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Every way in which this text could have been written, by name."""
    data = text.encode()
    yield "plain", data
    yield "backwards", text[::-1].encode()
    yield "UTF-16", text.encode("utf-16-le")
    yield "Latin", text.encode("latin-1")
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(text))[3:-3].encode()
    yield "JSON in UTF-8", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "Python", repr(text)[1:-1].encode()
    yield "bytes", repr(data)[2:-1].encode()
    yield "YAML", text.replace("'", "''").encode()
    yield "hex", data.hex().encode()
    yield "HEX", data.hex().upper().encode()
    for kind, quoted in (("URL", quote(text)), ("URL part", quote(text, safe="")), ("form", quote_plus(text))):
        yield kind, quoted.encode()
        yield f"{kind} in small letters", quoted.lower().encode()
    for before in range(3):
        middle = base64.b64encode(bytes(before) + data)[4:-4]
        yield f"base64 +{before}", middle
        yield f"base64 of URLs +{before}", middle.translate(bytes.maketrans(b"+/", b"-_"))


SOUGHT = {
    f"{source}, {kind}": written
    for source, text in {**CANARIES, "key": KEY.rstrip("="), "raw key": base64.b64decode(KEY).decode()}.items()
    for kind, written in forms(text)
}


def unfolded(data: bytes) -> bytes:
    """These bytes, and what base64 in them stands for."""
    inside = [
        base64.b64decode(run[: len(run) // 4 * 4], altchars)
        for altchars in (b"+/", b"-_")
        for run in re.findall(rb"[A-Za-z0-9%b]{16,}" % re.escape(altchars), data)
    ]
    return b"\n".join((data, *inside))


def found_in(data: bytes) -> list[str]:
    """The forms of canaries that are in these bytes."""
    data = unfolded(data)
    return [form for form, written in SOUGHT.items() if written in data]


def left_in(folder: Path) -> dict[str, list[str]]:
    """Which canaries are in which file under the folder."""
    gc.collect()
    files = [path for path in folder.rglob("*") if path.is_file()]
    stored = [path for path in files if folder / "store" in path.parents]
    assert sum(path.stat().st_size for path in stored) > 1000, "there is no store"
    found = {path.name: found_in(path.read_bytes()) for path in files}
    return {name: forms for name, forms in found.items() if forms}


def shown_in(*told: object) -> list[str]:
    """Which canaries are in what was told: as text, as JSON, as Python shows it."""
    texts = [
        text for each in told for text in (str(each), repr(each), json.dumps(each, default=repr, ensure_ascii=False))
    ]
    return found_in("\n".join(texts).encode("utf-8", "surrogatepass"))


def told_by(error: BaseException) -> list[object]:
    """All that an exception tells, with those behind it."""
    chain: list[object] = []
    while error is not None:
        chain += [str(error), repr(error), vars(error), getattr(error, "__notes__", [])]
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return chain


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
@pytest.mark.parametrize("store", STORES)
def test_a_run_leaves_and_shows_no_secret_however_it_ends(
    store: str,
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
    hosts: dict[str, Any] = {"store": store, "root": str(project / "store")}

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
            left = left_in(project)
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
    assert left_in(project) == {}
    play(go_on())
    assert left_in(project) == {}
    assert shown_in(*shown, caplog.text, *[record.__dict__ for record in caplog.records]) == []
    tools = sys.modules["canary_tools"].SEEN
    assert all(any(canary in text for text in tools) for canary in CANARIES.values())  # but the tools had them


@pytest.mark.skipif(not hasattr(reports, "veil"), reason="the host veils no forms of a secret in failures yet")
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


@pytest.mark.parametrize("store", STORES)
def test_under_a_key_the_canaries_are_kept_and_every_tool_gets_its_own_again(
    store: str, project: Path, known: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography")
    other = base64.b64encode(bytes(32)).decode()

    async def begin() -> None:
        async with Host(store, root=str(project / "store"), vault=Vault.from_text(KEYS)) as host:
            for way in ("back", "fail"):
                run = await host.start(known, {"given": CANARIES["given"]}, id=way)
                await questioned(run, "typing")
                await run.answer("typing", CANARIES["typed"])
                await questioned(run, "choosing")

    async def go_on(way: str, keys: str) -> str:
        async with Host(store, root=str(project / "store"), vault=Vault.from_text(keys)) as host:
            run = await host.resume(way)
            await run.answer("choosing", way)
            return (await run.result()).status

    play(begin())
    files = [path.read_bytes() for path in (project / "store").rglob("*") if path.is_file()]
    assert sum(unfolded(data).count(b"v1.k1.") for data in files) >= 2 * len(CANARIES)
    with pytest.raises(SecretsNeeded) as needed:
        play(go_on("back", f"k2={other}"))
    assert shown_in(told_by(needed.value)) == []
    tools = sys.modules["canary_tools"].SEEN
    tools.clear()
    monkeypatch.setenv("CANARY_ENV", "another one")  # what the run began with counts
    assert [play(go_on(way, f"k2={other},{KEYS}")) for way in ("back", "fail")] == ["rolled_back", "failed"]
    assert tools == [f"{CANARIES['made']} and {CANARIES['typed']}", f"{CANARIES['made']} {CANARIES['env']}"]
    assert left_in(project) == {}


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


@pytest.mark.parametrize("store", STORES)
def test_what_is_no_secret_is_found_where_the_canaries_are_sought(store: str, project: Path, known: Graph) -> None:
    """The control: the search looks at the files that hold the data."""

    async def scene() -> None:
        async with Host(store, root=str(project / "store")) as host:
            await host.start(known, {"given": "xxxx", "plain": CANARIES["typed"]}, id="r")

    play(scene())
    assert [form for forms in left_in(project).values() for form in forms if form.startswith("typed, JSON")]


@pytest.mark.parametrize("form", SOUGHT)
def test_the_search_knows_the_form(form: str) -> None:
    """The control: each form is found between others, and in base64 again."""
    assert len(SOUGHT[form]) > 8
    assert form in found_in(b"before" + SOUGHT[form] + b"behind")
    assert form in found_in(b'"' + base64.b64encode(b"before" + SOUGHT[form] + b"behind") + b'"')
