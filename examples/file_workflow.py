"""Processing of a file, as a workflow: file_workflow.yaml says what happens, and these are its tools.

The store is busy at first, and refuses one file for good: then what was downloaded is deleted by the undo of that step.
A missing file has nothing to take back. Between two attempts the clock is turned by hand.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trellis import ActionError, Host, Outcome, load
from trellis.model.actions import CallTool
from trellis.testing import ManualClock

GRAPH = Path(__file__).with_name("file_workflow.yaml")
REMOTE = {"one.txt": "first file", "banned.txt": "second file"}


def download(name: str) -> str:
    """The text of a file."""
    if name not in REMOTE:
        raise ActionError("missing", f"no file {name}", retryable=False)
    return REMOTE[name]


def process(text: str) -> str:
    """That text, processed."""
    return text.upper()


def upload(name: str, text: str, *, request: CallTool) -> str:
    """Where the text can be read from now on."""
    if name == "banned.txt":
        raise ActionError("refused", f"the store takes no {name}")
    if request.attempt < 3:
        raise ActionError("busy", "the store is busy")
    return f"store/{name}#{len(text)}"


def delete(name: str) -> None:
    """Delete the local copy."""


async def told(name: str) -> Outcome:
    """One run; after a failed attempt ten seconds go by."""
    clock = ManualClock()
    async with Host(clock=clock) as host:
        run = await host.start(load(str(GRAPH)), fields={"name": name})
        async for line in run.events():
            match line["type"]:
                case "states.changed":
                    print(f"  = {', '.join(line['states'])}")
                case "tool.called":
                    print(f"  [{line['tool']}] attempt {line['attempt']}")
                case "tool.returned" if "error" in line:
                    print(f"  {line['error']['message']}")
                case "timer.set":
                    clock.advance(10)
        outcome = await run.result()
    print(f"  {outcome.status}: {outcome.result}")
    return outcome


def main() -> list[Outcome]:
    """A file that goes through, one that is refused, one that is not there."""
    outcomes = []
    for name in ("one.txt", "banned.txt", "lost.txt"):
        print(f"{name}:")
        outcomes.append(asyncio.run(told(name)))
    return outcomes


if __name__ == "__main__":
    main()
