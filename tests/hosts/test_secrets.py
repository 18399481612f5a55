"""A secret lives in the host's memory and goes to the tool that needs it; what is kept or told holds its seal."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, lines_of, play, until
from trellis.dispatch import Dispatcher, Router
from trellis.errors import ActionError, FieldsNeeded, InvalidField, Refused, SecretsNeeded
from trellis.hosts.local import Host
from trellis.model.actions import CallTool, Denied
from trellis.model.secrets import seal
from trellis.stores.memory import MemoryStore

SECRET = graph("""
{trellis: 1, name: secret, start: ask, fields: {token: {type: string, secret: true, optional: true}, env: {type: string, optional: true}},
 nodes: {ask: {ask: {secret: token}, to: wait}, wait: {say: "got {{ token }}", ask: {text: env}, to: use},
         use: {do: use, with: {env: "Bearer {{ token }}"}, to: $end}}}
""")


def test_a_secret_reaches_the_tool_and_nothing_else_and_is_asked_for_after_a_resume(tmp_path: Path) -> None:
    canary = "c4nary-v4lue"
    doing = Doing()
    url = f"sqlite:///{tmp_path}/runs.db"

    async def begin() -> None:
        async with Host(url, doing.tools) as host:
            run = await host.start(SECRET, id="r")
            await run.answer("ask", canary)

    async def resume(secrets: dict[str, str]) -> list[dict[str, Any]]:
        async with Host(url, doing.tools) as host:
            run = await host.resume("r", secrets=secrets)
            telling = asyncio.create_task(lines_of(run))
            await run.answer("wait", "x")
            return await telling

    play(begin())
    with pytest.raises(SecretsNeeded, match="needs its secrets again, no store keeps them: 'token'"):
        play(resume({}))
    lines = play(resume({"token": canary}))
    assert [call[2] for call in doing.calls] == [{"env": f"Bearer {canary}"}]
    assert canary not in str(lines)
    assert lines[-1]["fields"] == {"token": "***", "env": "x"}
    gc.collect()
    for file in tmp_path.iterdir():
        assert canary.encode() not in file.read_bytes(), file


def test_data_cannot_ask_for_a_secret() -> None:
    async def scene() -> None:
        async with Host(dispatcher=Doing().tools) as host:
            run = await host.start(SECRET)
            await run.answer("ask", "s3cret")
            assert await run.answer("wait", seal("token")) is False
            with pytest.raises(InvalidField):
                await host.start(SECRET, {"env": seal("token")})

    play(scene())


SAVING = graph("""
trellis: 1
name: saving
start: a
fields:
  short: {type: string, secret: true, optional: true}
  token: {type: string, secret: true, optional: true}
  long: {type: string, secret: true, optional: true}
  shown: {type: any, optional: true}
nodes:
  a: {do: give, with: {name: short}, save: short, to: b}
  b: {do: give, with: {name: token}, save: token, to: c}
  c: {do: give, with: {name: long}, save: long, to: d}
  d: {do: give, with: {name: echo}, save: shown, to: use}
  use: {do: take, with: {env: "{{ short }} {{ token }} {{ long }}"}, to: $end}
""")


def giving(doing: Doing, values: dict[str, Any]) -> Dispatcher:
    """The tools of `doing`, and `give`, which returns one of these values or raises it, and `take`, which is silent."""

    async def give(name: str) -> Any:
        if isinstance(values[name], Exception):
            raise values[name]
        return values[name]

    async def take(env: str, *, request: Any) -> None:
        await doing.use(env, request=request)

    doing.tools.register("give", give)
    doing.tools.register("take", take)
    return doing.tools


async def journal(store: MemoryStore, run: str = "r") -> str:
    return b"\n".join(await store.read(run)).decode()


def test_secrets_that_a_tool_made_stay_out_of_the_journal_however_short_and_though_one_holds_the_other() -> None:
    values: dict[str, Any] = {"short": "q7", "token": "tok-1", "long": "tok-123"}
    values["echo"] = {"log": ["tok-123 and tok-1", {"tok-1": 1}]}

    async def scene() -> tuple[str, list[dict[str, Any]], list[Any]]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, giving(doing, values)) as host:
            run = await host.start(SAVING, id="r")
            lines = await lines_of(run)
            return await journal(store), lines, [args for _, _, args in doing.calls]

    kept, lines, calls = play(scene())
    assert "q7" not in kept + str(lines)
    assert "tok-1" not in kept + str(lines)
    assert calls == [{"env": "q7 tok-1 tok-123"}]
    assert lines[-1]["fields"] == {
        "short": "***",
        "token": "***",
        "long": "***",
        "shown": {"log": ["*** and ***", {"***": 1}]},
    }


@pytest.mark.parametrize("value", ["", 7, None, ["a"]])
def test_a_secret_that_a_tool_makes_is_a_text_that_is_not_empty(value: Any) -> None:
    async def scene() -> Any:
        async with Host(MemoryStore(), giving(Doing(), {"short": value})) as host:
            return (await (await host.start(SAVING)).result()).error

    assert play(scene()) == {
        "code": "invalid",
        "message": "a secret is a text that is not empty",
        "node": "a",
        "attempt": 1,
    }


@pytest.mark.parametrize("value", [seal("token"), {"deep": [f"x {seal('token')}"]}, {seal("token"): 1}])
def test_a_value_that_holds_a_seal_is_refused(value: Any) -> None:
    async def scene() -> tuple[Any, str]:
        store = MemoryStore()
        async with Host(store, giving(Doing(), {"short": "q7", "token": "tok-1", "long": "x", "echo": value})) as host:
            error = (await (await host.start(SAVING, id="r")).result()).error
            return error, await journal(store)

    error, kept = play(scene())
    message = "the value holds the mark of a secret"
    assert error == {"code": "invalid", "message": message, "node": "d", "attempt": 1}
    assert kept.splitlines()[-1].count("secret:") == 0


def test_what_a_tool_says_of_its_failure_holds_no_secret_and_asks_for_none() -> None:
    failure = ActionError("no_tok-123", f"tok-123 was refused, {seal('short')}", retryable=False)

    async def scene() -> tuple[str, Any, str]:
        store = MemoryStore()
        values: dict[str, Any] = {"short": "q7", "token": "tok-1", "long": "tok-123", "echo": failure}
        async with Host(store, giving(Doing(), values)) as host:
            run = await host.start(SAVING, id="r")
            lines = await lines_of(run)
            return await journal(store), (await run.result()).error, str(lines)

    kept, error, told = play(scene())
    assert "tok-1" not in kept + told
    assert error["message"].startswith("*** was refused, ")
    assert seal("short") not in kept.splitlines()[-1]


def test_the_reason_of_a_denial_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deny(self: Router, request: CallTool) -> Denied:
        return Denied(f"not with {request.args['env']}")

    known = graph("""
        {trellis: 1, name: denied, fields: {token: {type: string, secret: true}},
         nodes: {a: {do: use, with: {env: "{{ token }}"}, retry: {max_attempts: 3}, to: $end}}}
    """)
    monkeypatch.setattr(Router, "dispatch", deny)

    async def scene() -> tuple[str, Any, str]:
        store = MemoryStore()
        async with Host(store, Doing().tools) as host:
            run = await host.start(known, {"token": "tok-123"}, id="r")
            outcome = await run.result()
            return await journal(store), outcome.error, outcome.status

    kept, error, status = play(scene())
    assert "tok-123" not in kept
    assert (error, status) == ({"code": "denied", "message": "not with ***", "node": "a", "attempt": 1}, "denied")


def test_a_secret_that_only_an_undo_still_holds_is_asked_for_at_a_resume_and_reaches_the_tool() -> None:
    known = graph("""
        {trellis: 1, name: k, start: ask,
         fields: {token: {type: string, secret: true, optional: true}, x: {type: string, optional: true}},
         nodes: {ask: {ask: {secret: token}, to: make},
                 make: {do: use, with: {env: made}, undo: {do: use, with: {env: "with {{ token }}"}},
                        set: {fields: {token: "null"}}, to: wait},
                 wait: {ask: {text: x}, to: $rollback}}}
    """)
    store, doing = MemoryStore(), Doing()

    async def begin() -> None:
        async with Host(store, doing.tools) as host:
            run = await host.start(known, id="r")
            await run.answer("ask", "tok-123")
            await until(lambda: bool(run.questions))
            assert run.state.fields.get("token") is None

    async def again(secrets: dict[str, str]) -> str:
        async with Host(store, doing.tools) as host:
            run = await host.resume("r", secrets=secrets)
            await run.answer("wait", "x")
            return (await run.result()).status

    play(begin())
    with pytest.raises(SecretsNeeded) as needed:
        play(again({}))
    assert needed.value.names == ("token",)
    assert play(again({"token": "tok-123"})) == "rolled_back"
    assert [args for _, _, args in doing.calls] == [{"env": "made"}, {"env": "with tok-123"}]
    assert "tok-123" not in play(journal(store))


def test_what_an_undo_returns_is_no_secret_though_its_node_saves_one() -> None:
    known = graph("""
        {trellis: 1, name: k, fields: {token: {type: string, secret: true, optional: true}}, start: a,
         nodes: {a: {do: give, with: {name: token}, save: token,
                     undo: {do: take, with: {env: "{{ token }}"}}, to: $rollback}}}
    """)

    async def scene() -> tuple[str, list[Any]]:
        doing = Doing()
        async with Host(dispatcher=giving(doing, {"token": "tok-123"})) as host:
            status = (await (await host.start(known)).result()).status
            return status, [args for _, _, args in doing.calls]

    assert play(scene()) == ("rolled_back", [{"env": "tok-123"}])


def test_secrets_that_start_is_given_serve_a_run_that_goes_on() -> None:
    known = graph("""
        {trellis: 1, name: k, fields: {token: {type: string, secret: true}, x: {type: string, optional: true}}, start: a,
         nodes: {a: {ask: {text: x}, to: use}, use: {do: use, with: {env: "{{ token }}"}, to: $end}}}
    """)
    store, doing = MemoryStore(), Doing()

    async def scene(*, answered: bool) -> None:
        async with Host(store, doing.tools) as host:
            run = await host.start(known, {"token": "tok-123"}, id="r")
            if answered:
                await run.answer("a", "x")
                await run.result()

    play(scene(answered=False))
    play(scene(answered=True))
    assert [args for _, _, args in doing.calls] == [{"env": "tok-123"}]


def test_a_call_under_way_gets_its_secret_again_after_a_resume() -> None:
    known = graph("""
        {trellis: 1, name: k, fields: {token: {type: string, secret: true, from: "env:TEST_TOKEN"}},
         nodes: {a: {do: wait, with: {t: "{{ token }}"}, to: $end}}}
    """)
    store = MemoryStore()
    given: list[str] = []

    async def scene(*, resumed: bool, secrets: dict[str, str] | None = None) -> None:
        tools, before = Dispatcher(), len(given)

        @tools.action("wait")
        async def wait(t: str) -> None:
            given.append(t)
            await asyncio.Event().wait()

        async with Host(store, tools) as host:
            await (host.resume("r", secrets=secrets) if resumed else host.start(known, {"token": "first"}, id="r"))
            await until(lambda: len(given) > before)

    play(scene(resumed=False))
    with pytest.raises(SecretsNeeded):
        play(scene(resumed=True))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_TOKEN", "second")
        play(scene(resumed=True))
        play(scene(resumed=True, secrets={"token": "third"}))
    assert given == ["first", "second", "third"]


FROM = graph("""
{trellis: 1, name: from, start: a, fields: {
   token: {type: string, secret: true, from: "env:TEST_TOKEN"}, n: {type: integer, from: "env:TEST_N"},
   o: {type: integer, from: "env:TEST_O", optional: true}, d: {type: string, from: "env:TEST_D", default: given}},
 nodes: {a: {do: use, with: {env: "{{ token }} {{ n }} {{ default(o, 0) }} {{ d }}"}, to: $end}}}
""")


def test_fields_come_from_the_environment_unless_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "N", "O", "D"):
        monkeypatch.delenv(f"TEST_{name}", raising=False)
    store, doing = MemoryStore(), Doing()

    async def started(given: dict[str, Any]) -> None:
        async with Host(store, doing.tools) as host:
            await (await host.start(FROM, given)).result()

    with pytest.raises(FieldsNeeded) as needed:
        play(started({}))
    assert str(needed.value) == (
        "graph 'from' needs a value at start for 'token', 'n': --set token=… --set n=… "
        "(or set TEST_TOKEN, TEST_N in the environment)"
    )
    monkeypatch.setenv("TEST_TOKEN", "tok-123")
    with pytest.raises(FieldsNeeded) as needed:
        play(started({}))
    assert str(needed.value) == (
        "graph 'from' needs a value at start for 'n': --set n=… (or set TEST_N in the environment)"
    )
    monkeypatch.setenv("TEST_N", "seven")
    with pytest.raises(InvalidField) as invalid:
        play(started({}))
    assert str(invalid.value).startswith("field 'n': env:TEST_N: ")
    monkeypatch.setenv("TEST_N", "7")
    play(started({}))
    play(started({"n": 8, "token": "other", "o": 1}))
    monkeypatch.setenv("TEST_D", "dee")
    monkeypatch.setenv("TEST_O", "2")
    play(started({}))
    assert [args["env"] for _, _, args in doing.calls] == ["tok-123 7 0 given", "other 8 1 given", "tok-123 7 2 dee"]
    for row in play(store.rows()):
        assert "tok-123" not in play(journal(store, row.run))


@pytest.mark.parametrize("value", ["", 7])
def test_a_secret_that_is_given_is_a_text_that_is_not_empty(value: Any) -> None:
    async def scene() -> tuple[str, bool]:
        async with Host(dispatcher=Doing().tools) as host:
            with pytest.raises(InvalidField) as invalid:
                await host.start(SECRET, {"token": value})
            run = await host.start(SECRET)
            return str(invalid.value), await run.answer("ask", value)

    assert play(scene()) == ("field 'token': a secret is a text that is not empty", False)


def test_a_signal_cannot_ask_for_a_secret() -> None:
    known = graph("""
        {trellis: 1, name: k, signals: {fault: {error: string}}, start: a,
         fields: {token: {type: string, secret: true, optional: true}},
         nodes: {a: {ask: {secret: token}, upon: {fault: b}, to: b}, b: {end: failed}}}
    """)

    async def scene() -> str:
        async with Host() as host:
            run = await host.start(known)
            with pytest.raises(Refused) as refused:
                await run.signal("fault", error=seal("token"))
            assert not run.closed
            return f"{refused.value.code}: {refused.value}"

    assert play(scene()) == "invalid_signal: signal 'fault': it holds a seal of a secret"


def test_a_failure_that_hides_one_seal_in_another_asks_for_no_secret() -> None:
    edge = seal("")[-1]
    known = graph("""
        {trellis: 1, name: k, start: a, fields: {token: {type: string, secret: true}},
         nodes: {a: {do: give, with: {name: echo}, catch: {"*": b}, to: $end},
                 b: {do: take, with: {env: "{{ error.message }}"}, to: $end}}}
    """)
    failure = ActionError("x", f"{edge}sec{edge}secret:ret:token{edge}", retryable=False)

    async def scene() -> list[Any]:
        doing = Doing()
        async with Host(dispatcher=giving(doing, {"echo": failure})) as host:
            assert (await (await host.start(known, {"token": "tok-123"})).result()).ok
            return [args for _, _, args in doing.calls]

    assert play(scene()) == [{"env": "secsecret:ret:token"}]


def test_a_secret_of_an_answer_that_is_refused_does_not_take_the_place_of_the_one_before() -> None:
    known = graph("""
        {trellis: 1, name: k, start: a, fields: {token: {type: string, secret: true, optional: true}},
         nodes: {a: {ask: {secret: token}, to: b}, b: {ask: {secret: token}, upon: {interrupt: c}, to: c},
                 c: {do: take, with: {env: "{{ token }}"}, to: $end}}}
    """)

    async def scene() -> tuple[list[str], list[Any]]:
        doing = Doing()
        async with Host(dispatcher=giving(doing, {})) as host:
            run = await host.start(known)
            await run.answer("a", "taken")
            both = run.signal("interrupt"), run.answer("b", "refused")
            said = [str(end) for end in await asyncio.gather(*both, return_exceptions=True)]
            await run.result()
            return said, [args for _, _, args in doing.calls]

    assert play(scene()) == (["None", "node 'b' does not ask; nothing is asked now"], [{"env": "taken"}])
