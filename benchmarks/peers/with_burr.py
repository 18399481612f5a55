"""The same work by Burr with its SQLite persister, which records the state after each action."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from burr.core import Application, ApplicationBuilder, State, action, expr
from burr.core.persistence import SQLitePersister

from benchmarks.peers.work import advanced, opened, pragmas, rate, tell, told


@action(reads=["x"], writes=["x", "note"])
def step(state: State) -> State:
    return state.update(**advanced(state["x"]))


@action(reads=["x"], writes=[])
def over(state: State) -> State:
    return state


def main() -> None:
    """Measure and tell. Each workflow has a connection of its own, as threads of SQLite need."""
    task = told()
    file = opened(task)
    numbers = count()

    def persister() -> SQLitePersister:
        made = SQLitePersister.from_values(
            str(task.file), table_name="t", connect_kwargs={"check_same_thread": False, "timeout": 60}
        )
        made.initialize()
        return made

    def application(steps: int) -> Application:
        return (
            ApplicationBuilder()
            .with_actions(step, over)
            .with_transitions(("step", "step", expr(f"x < {steps}")), ("step", "over"))
            .with_state(x=0, note="")
            .with_entrypoint("step")
            .with_state_persister(persister())
            .with_identifiers(app_id=str(next(numbers)))
            .build()
        )

    def walk(app: Application) -> int:
        _, _, state = app.run(halt_before=["over"])
        return state["x"]

    def work(workflows: int, steps: int) -> None:
        apps = [application(steps) for _ in range(workflows)]
        if workflows == 1:
            assert walk(apps[0]) == steps
            return
        with ThreadPoolExecutor(workflows) as pool:
            assert list(pool.map(walk, apps)) == [steps] * workflows

    work(4, 25)
    rates = {crowd: rate(task, crowd, work) for crowd in task.crowds}
    tell(rates, pragmas(file))


if __name__ == "__main__":
    main()
