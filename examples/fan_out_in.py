"""Fan out, fan in: six fetches, at most three at a time, and Ready once all of them are done.

Each fetch is two states that drive each other out: it runs, then it is done. FetchEnter refuses a fourth one, and every
fetch that ends asks for the next. Nobody counts what is left: Ready is automatic and requires all that must be done.
"""

from __future__ import annotations

import asyncio

from trellis import AsyncMachine
from trellis.machine import Transition

NUMBERS = range(1, 7)
AT_ONCE = 3
FETCHES, DONES = [f"Fetch{number}" for number in NUMBERS], [f"Done{number}" for number in NUMBERS]

SCHEMA = {
    "Start": {},
    **{f"Fetch{number}": {"require": ["Start"], "remove": [f"Done{number}"]} for number in NUMBERS},
    **{f"Done{number}": {"remove": [f"Fetch{number}"]} for number in NUMBERS},
    "Ready": {"auto": True, "require": DONES},
}


async def fetched() -> AsyncMachine:
    """Run to Ready."""
    machine = AsyncMachine(SCHEMA, id="fan")
    async with asyncio.TaskGroup() as work:

        def may_start(event: Transition) -> bool:
            return sum(name in FETCHES for name in event.before) < AT_ONCE

        def start(event: Transition) -> None:
            name = event.name.removesuffix("State")
            running = [fetch for fetch in FETCHES if machine.is_(fetch)]
            print(f"{name} starts; running: {', '.join(running)}")
            work.create_task(fetch(name))

        async def fetch(name: str) -> None:
            async with machine.state_context(name):  # work ends with its state, whoever ends that
                for _ in range(1 + FETCHES.index(name) % 3):  # stands for a network
                    await asyncio.sleep(0)
            machine.add(name.replace("Fetch", "Done"))

        def go_on(event: Transition) -> None:
            for fetch, done in zip(FETCHES, DONES, strict=True):
                if machine.not_(fetch, done):
                    event.add(fetch)

        machine.bind({f"{fetch}Enter": may_start for fetch in FETCHES} | {f"{fetch}State": start for fetch in FETCHES})
        machine.bind({"StartState": go_on} | {f"{done}State": go_on for done in DONES})
        machine.add("Start")
        await machine.when("Ready")
    print(f"Ready: {machine.is_('Ready')}, {sum(map(machine.is_, DONES))} done")
    return machine


def main() -> AsyncMachine:
    """Run it."""
    return asyncio.run(fetched())


if __name__ == "__main__":
    main()
