"""A door in this process: a relation machine of states.yaml, with handlers that may refuse.

python door.py
"""

from __future__ import annotations

from pathlib import Path

from trellis import Machine
from trellis.machine import Transition

STATES = Path(__file__).with_name("states.yaml")


class Door:
    """What happens when a state comes or goes. A handler is found by its name."""

    def __init__(self, key: str) -> None:
        self.key, self.told = key, list[str]()
        self.machine = Machine.load(STATES)
        self.machine.bind(self)
        self.machine.add("Start")

    def LockedExit(self, event: Transition, key: str = "") -> bool:
        """May the lock go? Whoever wants that needs the key; False refuses the whole transition."""
        return key == self.key

    def AlarmedState(self, event: Transition) -> None:
        self.told.append("the alarm is on")

    def OpenState(self, event: Transition, key: str = "") -> None:
        self.told.append("come in")


if __name__ == "__main__":
    door = Door(key="0000")
    steps = [
        ("lock it", lambda: door.machine.add("Locked")),
        ("open it without the key", lambda: door.machine.add("Open", key="1234")),
        ("open it with the key", lambda: door.machine.add("Open", key="0000")),
    ]
    for what, step in steps:
        print(f"{what}: {step().value}, now {', '.join(door.machine.active)}")
    print(*door.told, sep="\n")
