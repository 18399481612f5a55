"""Records the histories that `test_replay.py` goes through again: `python -m tests.temporal.record [SCENE…]`.

They are kept by the semantics that they were recorded under, `histories/1/SCENE-0.json` and on: one for each execution of
each workflow. What is in `histories/found` was met by a worker and is kept as it was. Those of a released semantics stay for ever; the newest may be recorded anew until it is released. The
server is one of its own, which suggests a new execution early.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import Client

from tests.hosts.authored import graph
from tests.servers import private_temporal
from tests.temporal.stage import Broken, Made, Stage, stage
from trellis.hosts.commands import Adopt, Answer, CancelRun, Signal
from trellis.hosts.temporal.batches import FROM
from trellis.hosts.temporal.messages import SEMANTICS
from trellis.project import load
from trellis.project.loaders import MemoryLoader

HISTORIES = Path(__file__).parent / "histories"
NOBODY = "nobody"

CALLS = graph("""
    trellis: 1
    name: calls
    start: flaky
    fields: {got: {type: any, optional: true}}
    nodes:
      flaky: {do: flaky, retry: {max_attempts: 3, initial_interval: 10ms}, save: got, to: broken}
      broken: {do: broken, retry: {max_attempts: 2, initial_interval: 10ms, jitter: 0.5}, catch: {busy: slow}, to: $end}
      slow: {do: stuck, timeout: 100ms, catch: {timeout: late}, to: $end}
      late: {do: stuck, deadline: 100ms, retry: {initial_interval: 1s}, catch: {timeout: wait}, to: $end}
      wait: {wait: {time: 50ms}, to: done}
      done: {end: {status: ok, result: got}}
""")
TALK = graph("""
    trellis: 1
    name: talk
    start: hello
    fields: {who: {type: string, optional: true}, age: {type: integer, optional: true}}
    signals: {hurry: {by: integer}}
    nodes:
      hello: {say: Who, ask: {text: who}, to: age}
      age: {ask: {int: age}, upon: {hurry: pause}, to: pause}
      pause: {ask: {text: who}, timeout: 50ms, catch: {timeout: stop}, to: stop}
      stop: {end: {status: failed, result: who}}
""")
SIDES = graph("""
    trellis: 1
    name: sides
    start: both
    fields: {n: {type: integer, default: 0}}
    nodes:
      both:
        all:
          left: {do: ok, undo: {do: ok}}
          right: {race: {fast: {do: ok}, slow: {do: stuck}}}
        to: items
      items:
        each: {in: "[1, 2, 3]", do: odd, with: {n: "{{ item }}"}, max: 2}
        join: collect
        to: pay
      pay: {do: ok, undo: {do: broken}, to: fail}
      fail: {do: broken, catch: {busy: $rollback}, to: $end}
""")
NEWER = graph("""
    trellis: 1
    name: talk
    start: hello
    fields: {who: {type: string, optional: true}, age: {type: integer, optional: true}}
    signals: {hurry: {by: integer}}
    nodes:
      hello: {say: "Who is it?", ask: {text: who}, to: stop}
      stop: {end: {status: ok, result: who}}
""")
ABOVE = """
    trellis: 1
    name: above
    start: part
    signals: {news: {n: integer, buffer: 1}}
    nodes:
      part: {use: ./below.yaml, with: {to: "'recorded-above'"}, to: hear}
      hear: {wait: {signal: news}, to: $end}
"""
BELOW = """
    trellis: 1
    name: below
    start: work
    fields: {to: {type: string}}
    nodes:
      work: {do: ok, to: send}
      send: {emit: {signal: news, to: "{{ to }}", with: {n: 1}}, to: done}
      done: {end: {status: ok, result: to}}
"""
WIDE = graph("""
    trellis: 1
    name: wide
    start: fan
    fields: {count: {type: integer}}
    nodes:
      fan: {each: {in: range(count), start: a, nodes: {a: {do: odd, with: {n: "{{ 2 * item + 1 }}"}, to: b}, b: {do: ok, to: $end}}}, to: loop}
      loop: {each: {in: range(30), do: ok, max: 2}, to: $end}
""")


async def calls(here: Stage) -> list[str]:
    return [await over(await here.start(CALLS))]


async def talk(here: Stage) -> list[str]:
    made = await here.start(TALK)
    await made.tell("answer", Answer("hello", "Bo", "ana", "m-1"))
    await made.tell("signal", Signal("hurry", {"by": 1}))
    return [await over(made)]


async def cancelled(here: Stage) -> list[str]:
    made = await here.start(TALK)
    await made.tell("cancel", CancelRun("enough", "ana"))
    return [await over(made)]


async def adopted(here: Stage) -> list[str]:
    made = await here.start(TALK)
    await made.tell("adopt", Adopt(NEWER.hash, NEWER.data.decode(), "ana"))
    await made.tell("answer", Answer("hello", "Bo"))
    return [await over(made)]


async def sides(here: Stage) -> list[str]:
    return [await over(await here.start(SIDES))]


async def family(here: Stage) -> list[str]:
    above = load("above.yaml", loader=MemoryLoader({"above.yaml": ABOVE, "below.yaml": BELOW}))
    made = await here.start(above, "recorded-above")
    return [await over(made), f"{made.id}/part/1"]


async def wide(here: Stage) -> list[str]:
    made = await here.start(WIDE, count=FROM)
    return [await over(made), f"{made.id}:1:0~batch"]


async def over(made: Made) -> str:
    await made.ended()
    return made.id


SCENES: dict[str, Callable[[Stage], Awaitable[list[str]]]] = {
    scene.__name__: scene for scene in (calls, talk, cancelled, adopted, sides, family, wide)
}


def tools() -> dict[str, Any]:
    tried: list[str] = []

    def flaky() -> dict[str, int]:
        tried.append("flaky")
        if len(tried) < 3:
            raise Broken("busy", "not yet")
        return {"n": len(tried)}

    def broken() -> None:
        raise Broken("busy", "never")

    def odd(n: int) -> int:
        if n % 2 == 0:
            raise Broken("even", str(n), retryable=False)
        return n

    async def stuck() -> None:
        await asyncio.Event().wait()

    return {"flaky": flaky, "broken": broken, "odd": odd, "stuck": stuck, "ok": lambda: "fine"}


async def record(address: str, names: list[str]) -> None:
    """Write the histories of these scenes."""
    folder = HISTORIES / str(SEMANTICS)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        for old in folder.glob(f"{name}-*.json"):
            old.unlink()
        async with stage(address, **tools()) as here:
            histories = [each for made in await SCENES[name](here) for each in await executions(here.client, made)]
        for number, history in enumerate(histories):
            (folder / f"{name}-{number}.json").write_text(history + "\n", "utf-8")


async def executions(client: Client, workflow: str) -> list[str]:
    """The histories of all executions of a workflow, the first one first, as JSON without who worked on them."""
    run, found = "", list[str]()
    while True:
        handle = client.get_workflow_handle(workflow, run_id=run or None)
        history = json.loads((await handle.fetch_history()).to_json())
        found.insert(0, json.dumps({"id": workflow, **anonymous(history)}, sort_keys=True, separators=(",", ":")))
        run = history["events"][0]["workflowExecutionStartedEventAttributes"].get("continuedExecutionRunId", "")
        if not run:
            return found


def anonymous(value: Any) -> Any:
    """The value without the names of processes and machines, and of the files on them."""
    if isinstance(value, list):
        return [anonymous(each) for each in value]
    if isinstance(value, dict):
        nobody = {"identity": NOBODY, "stackTrace": ""}
        return {name: nobody[name] if name in nobody else anonymous(each) for name, each in value.items()}
    return value


if __name__ == "__main__":
    with private_temporal({"limit.historyCount.suggestContinueAsNew": 60}) as server:
        asyncio.run(record(server.address, sys.argv[1:] or list(SCENES)))
