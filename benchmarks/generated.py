"""Random workloads of any size, the same for the same seed on every machine; the relations are about as dense as those
of the vectors in tests/conformance."""

from __future__ import annotations

from typing import Any, Final

_MASK: Final = (1 << 64) - 1


class SplitMix64:
    """Sebastiano Vigna's splitmix64: 64 bits of state, and nothing that differs between languages."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, `limit`."""
        return self.bits() % limit

    def chance(self, percent: int) -> bool:
        """True in this many of a hundred."""
        return self.below(100) < percent

    def some(self, names: list[str], most: int) -> list[str]:
        """One to `most` different names, or fewer where there are fewer."""
        wanted = min(1 + self.below(most), len(names))
        chosen: list[str] = []
        while len(chosen) < wanted:
            name = names[self.below(len(names))]
            if name not in chosen:
                chosen.append(name)
        return chosen


def workload(seed: int, states: int, mutations: int) -> dict[str, Any]:
    """A schema that no other seed gives, and mutations of one to three states each.

    A state requires and follows earlier ones only, for where those run in circles the peer's order is random.
    """
    dice = SplitMix64(seed)
    names = [f"S{number:03}" for number in range(states)]
    schema: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        earlier, others = names[:number], [other for other in names if other != name]
        state: dict[str, Any] = {}
        if dice.chance(12):
            state["auto"] = True
        if dice.chance(15):
            state["multi"] = True
        if earlier and dice.chance(20):
            state["require"] = dice.some(earlier, 1)
        if dice.chance(30):
            state["add"] = dice.some(others, 2)
        if dice.chance(35):
            brought = [*state.get("require", ()), *state.get("add", ())]
            state["remove"] = dice.some([other for other in others if other not in brought], 3)
        if earlier and dice.chance(22):
            state["after"] = dice.some(earlier, 2)
        schema[name] = state
    ops: list[list[Any]] = []
    for _ in range(mutations):
        roll = dice.below(100)
        ops.append(["add" if roll < 60 else "remove" if roll < 85 else "set", dice.some(names, 3)])
    return {"name": f"generated_{states}", "schema": schema, "order": names, "ops": ops}
