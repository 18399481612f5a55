"""One file at a time, made of work that waits: what is being done, what is done, and errors that are a state.

Processing and Processed drive each other out. InProgress is automatic: it comes and goes with Processing, for whoever
shows a light. The work itself lives as long as Processing does: where that ends before it, the work is cancelled.
"""

from __future__ import annotations

import asyncio

from trellis import AsyncMachine
from trellis.machine import Schema, State, Transition

DISK = {"report.txt": "quarter one", "huge.bin": "x" * 100}


class Files(Schema):
    """Relations between the states of one file."""

    Processing = State(remove=["Processed", "Stopped"])
    Processed = State(remove=[Processing, "Stopped"])
    Stopped = State(remove=[Processing, Processed])
    ErrFile = State(require=["Exception"], remove=[Processing])
    InProgress = State(auto=True, require=[Processing])


class Handlers:
    """What to do when a state comes; the machine hands in the arguments of the mutation."""

    def __init__(self, machine: AsyncMachine, work: asyncio.TaskGroup) -> None:
        self.machine, self.work = machine, work

    def ProcessingState(self, event: Transition, name: str) -> None:
        self.work.create_task(self.process(name))

    def ErrFileState(self, event: Transition, err: Exception) -> None:
        print(f"  error: {err}")

    async def process(self, name: str) -> None:
        machine = self.machine
        async with machine.state_context(Files.Processing):
            for _ in DISK.get(name, "."):
                await asyncio.sleep(0)  # stands for reading
            if name in DISK:
                machine.add(Files.Processed, text=DISK[name].upper())
            else:
                machine.add_err(FileNotFoundError(f"no file {name}"), Files.ErrFile)
            return
        print(f"  {name} was left")  # Processing ended before its work

    def ProcessedState(self, event: Transition, text: str) -> None:
        print(f"  processed: {text}")


async def story() -> AsyncMachine:
    """A file that is there, one that is not, and one that nobody waits for."""
    machine = AsyncMachine(Files, id="files")
    async with asyncio.TaskGroup() as work:
        machine.bind(Handlers(machine, work))
        for name in ("report.txt", "lost.txt", "huge.bin"):
            machine.remove("Exception")
            machine.add(Files.Processing, name=name)
            print(f"{name}: {machine}")
            if name == "huge.bin":
                await asyncio.sleep(0)
                machine.add(Files.Stopped)
            await machine.when_not(Files.InProgress)
    print(f"end: {machine}")
    return machine


def main() -> AsyncMachine:
    """Run the story."""
    return asyncio.run(story())


if __name__ == "__main__":
    main()
