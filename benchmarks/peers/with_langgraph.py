"""The same work by LangGraph with its SQLite checkpointer; `durability="sync"` records a step before the next begins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.peers.work import advanced, opened, pragmas, rate, tell, told


class Walk(TypedDict):
    """The state of one workflow."""

    x: int
    note: str
    steps: int


def step(state: Walk) -> dict[str, object]:
    return advanced(state["x"])


def main() -> None:
    """Measure and tell."""
    task = told()
    file = opened(task)
    builder = StateGraph(Walk)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: END if state["x"] >= state["steps"] else "step")
    app = builder.compile(checkpointer=SqliteSaver(file))
    threads = count()

    def walk(steps: int) -> int:
        config = {"configurable": {"thread_id": str(next(threads))}, "recursion_limit": steps + 10}
        return app.invoke({"x": 0, "note": "", "steps": steps}, config, durability="sync")["x"]

    def work(workflows: int, steps: int) -> None:
        if workflows == 1:
            assert walk(steps) == steps
            return
        with ThreadPoolExecutor(workflows) as pool:
            assert list(pool.map(walk, [steps] * workflows)) == [steps] * workflows

    work(4, 25)
    rates = {crowd: rate(task, crowd, work) for crowd in task.crowds}
    tell(rates, pragmas(file))


if __name__ == "__main__":
    main()
