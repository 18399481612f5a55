"""A graph of dependencies: what needs what is said once, and the order follows.

First without waiting: all parts are automatic, one change brings them all, and handlers run in the order of `require`.
Then with work that takes its time: each part has a state for being built, which begins by itself as soon as the parts
it needs are there, so whatever can be built side by side is.
"""

from __future__ import annotations

import asyncio

from trellis import AsyncMachine, Machine
from trellis.machine import Transition

NEEDS = {"App": ["Library", "Assets"], "Library": ["Compiler"], "Assets": [], "Compiler": []}
TURNS = {"App": 1, "Library": 1, "Assets": 3, "Compiler": 1}
"""How often the event loop goes round until a part is built; this stands for work."""

AT_ONCE = {
    "Start": {},
    **{part: {"auto": True, "require": ["Start", *needs]} for part, needs in NEEDS.items()},
}
BUILT = {
    "Start": {},
    **{
        f"{part}Building": {"auto": True, "require": ["Start", *needs], "remove": [part]}
        for part, needs in NEEDS.items()
    },
    **{part: {"require": needs, "remove": [f"{part}Building"]} for part, needs in NEEDS.items()},
}


def there(event: Transition) -> None:
    """Handler of a part that has come."""
    print(f"  {event.name.removesuffix('State')} is there")


def at_once() -> Machine:
    """All in one transition."""
    machine = Machine(AT_ONCE, id="at-once")
    machine.bind({f"{part}State": there for part in NEEDS})
    machine.add("Start")
    return machine


async def built() -> AsyncMachine:
    """Part by part; returns when App is there."""
    machine = AsyncMachine(BUILT, id="built")
    async with asyncio.TaskGroup() as work:

        async def build(part: str) -> None:
            for _ in range(TURNS[part]):
                await asyncio.sleep(0)
            machine.add(part)

        def start(event: Transition) -> None:
            part = event.name.removesuffix("BuildingState")
            print(f"  {part} is being built")
            work.create_task(build(part))

        machine.bind({f"{part}BuildingState": start for part in NEEDS})
        machine.bind({f"{part}State": there for part in NEEDS})
        machine.add("Start")
        await machine.when("App")
    return machine


def main() -> tuple[str, ...]:
    """Both, and what is active at the end of the second."""
    print("at once:")
    at_once()
    print("side by side:")
    return asyncio.run(built()).active


if __name__ == "__main__":
    main()
