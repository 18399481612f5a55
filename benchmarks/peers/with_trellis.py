"""The same work by Trellis, on SQLite or PostgreSQL: the defaults of both stores."""

from __future__ import annotations

import asyncio

from benchmarks.peers.work import NOTE, advanced, tell, told
from trellis.dispatch import Dispatcher
from trellis.hosts.local import Host
from trellis.model.graph import Call, Definition, Edge, Field, Graph, Node

TOOLS = Dispatcher()


@TOOLS.action("advance")
async def advance(x: int) -> dict[str, object]:
    """One step."""
    return advanced(x)


def workflow(steps: int) -> Graph:
    """A graph that advances until so many steps are done."""
    node = Node(
        "a", "do", do=Call("advance", {"x": "{{ last.x }}"}), save="last",
        to=(Edge("$end", f"last.x >= {steps}"), Edge("a")),
    )  # fmt: skip
    fields = {"last": Field({"x": "integer", "note": "string"}, default={"x": 0, "note": ""})}
    return Graph(Definition("steps", "a", {"a": node}, fields=fields))


async def main() -> None:
    """Measure and tell."""
    task = told()
    url = task.place if task.postgres else f"sqlite:///{task.file}"
    async with Host(url, TOOLS) as host:

        async def work(workflows: int, steps: int) -> None:
            graph = workflow(steps)
            for run in [await host.start(graph) for _ in range(workflows)]:
                outcome = await run.result()
                assert outcome.fields["last"] == {"x": steps, "note": NOTE}, outcome

        await work(4, 25)
        rates = {}
        for crowd in task.crowds:
            loop = asyncio.get_running_loop()
            begun, steps = loop.time(), task.steps if crowd == 1 else task.each
            await work(crowd, steps)
            rates[crowd] = crowd * steps / (loop.time() - begun)
    tell(rates, "synchronous_commit on" if task.postgres else "write-ahead log, FULL")


if __name__ == "__main__":
    asyncio.run(main())
