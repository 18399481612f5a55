"""Questions to a machine, or to what it was at some moment: which states are active, and how often they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from trellis.engine.relations import Config, Relations, no_names
from trellis.errors import MachineError
from trellis.machine.schema import schema_hash
from trellis.model.states import StateDef

if TYPE_CHECKING:
    import re


class View:
    """Active states and clocks. A clock counts activations and deactivations, so an odd one is active.

    Where a name is unknown: `is_`, `any`, `any1`, `switch` and `has` take it as a state that is never active; all else,
    `not_` too, raises UnknownState. So does a list where names stand one by one; a text where groups of names are
    wanted raises MachineError.
    """

    __slots__ = ()

    relations: Relations
    config: Config
    ticks: list[int]

    @property
    def names(self) -> tuple[str, ...]:
        """All states, in index order."""
        return self.relations.names

    @property
    def schema(self) -> Mapping[str, StateDef]:
        """What every state means, in index order; without relations to what is no state."""
        return MappingProxyType(self.relations.states)

    @property
    def schema_hash(self) -> str:
        """Twelve hexadecimal digits, equal for schemas that mean the same: order and tags have no part in it."""
        return schema_hash(self.relations)

    @property
    def active(self) -> tuple[str, ...]:
        """The active states, in machine order."""
        return self.relations.named(self.config.order)

    @property
    def clock(self) -> dict[str, int]:
        """The tick of every state, in index order."""
        return dict(zip(self.relations.names, self.ticks, strict=True))

    @property
    def time_sum(self) -> int:
        """Machine time: the sum of all ticks."""
        return sum(self.ticks)

    def is_(self, *names: str) -> bool:
        """Whether all of these are active."""
        index, mask = self.relations.index, self.config.mask
        try:
            return all(name in index and mask >> index[name] & 1 for name in names)
        except TypeError as error:
            raise no_names(names, error) from None

    def not_(self, *names: str) -> bool:
        """Whether none of these is active. Raises UnknownState: what does not exist would always be inactive."""
        mask = self.config.mask
        return not any(mask >> number & 1 for number in self.relations.numbers(names))

    def any1(self, *names: str) -> bool:
        """Whether at least one of these is active."""
        index, mask = self.relations.index, self.config.mask
        try:
            return any(name in index and mask >> index[name] & 1 for name in names)
        except TypeError as error:
            raise no_names(names, error) from None

    def any(self, *groups: Iterable[str]) -> bool:
        """Whether all states of at least one group are active."""
        return any(self.is_(*group) for group in _groups("any", groups))

    def has(self, *names: str) -> bool:
        """Whether the schema has all of these."""
        try:
            return all(name in self.relations.index for name in names)
        except TypeError as error:
            raise no_names(names, error) from None

    def switch(self, *groups: Iterable[str]) -> str | None:
        """The first active state of the groups, in the order they are given; None where none is."""
        return next((name for group in _groups("switch", groups) for name in group if self.is_(name)), None)

    def names_like(self, pattern: str | re.Pattern[str]) -> tuple[str, ...]:
        """The states whose names match, in index order: a text as a file pattern (`Err*`), an expression anywhere."""
        if isinstance(pattern, str):
            from fnmatch import fnmatchcase

            return tuple(name for name in self.names if fnmatchcase(name, pattern))
        return tuple(name for name in self.names if pattern.search(name))

    def tagged(self, tag: str) -> tuple[str, ...]:
        """The states with this tag, in index order; `key` stands for all of `key:value` too."""
        return tuple(
            name
            for name, state in self.relations.states.items()
            if any(has == tag or has.startswith(f"{tag}:") for has in state.tags)
        )

    def parse_states(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that are states, each once, in the order given."""
        if isinstance(names, str):
            raise MachineError(f"parse_states takes a list of names: parse_states([{names!r}])")
        return tuple(name for name in dict.fromkeys(names) if name in self.relations.index)

    def index(self, name: str) -> int:
        """The place of a state in `names`."""
        return self.relations.numbers((name,))[0]

    def tick(self, name: str) -> int:
        """The clock of one state."""
        return self.ticks[self.index(name)]

    def time(self, *names: str) -> tuple[int, ...]:
        """The ticks of these states; without names, of all in index order."""
        return tuple(self.tick(name) for name in names) if names else tuple(self.ticks)

    def diff_since(self, ticks: Sequence[int]) -> dict[str, int]:
        """How far each clock that moved has moved since the ticks of all states were these."""
        then_now = zip(self.names, ticks, self.ticks, strict=False)  # states may have come behind the old ones
        return {name: now - then for name, then, now in then_now if now != then}

    def is_time(self, ticks: Sequence[int], *names: str) -> bool:
        """Whether the ticks of these states (of all without names) are exactly these."""
        return self.time(*names) == tuple(ticks)

    def was_time(self, ticks: Sequence[int], *names: str) -> bool:
        """Whether each of these states (all without names) has reached its tick."""
        now = self.time(*names)
        return len(now) == len(ticks) and all(have >= want for have, want in zip(now, ticks, strict=True))

    def is_clock(self, clock: Mapping[str, int]) -> bool:
        """Whether each named state has exactly its tick."""
        return all(self.tick(name) == tick for name, tick in clock.items())

    def was_clock(self, clock: Mapping[str, int]) -> bool:
        """Whether each named state has reached its tick."""
        return all(self.tick(name) >= tick for name, tick in clock.items())

    def __str__(self) -> str:
        return f"({' '.join(f'{name}:{tick}' for name, tick in self.clock.items() if tick % 2)})"

    def string_all(self) -> str:
        """Active states with their ticks, then the others: `(A:1) [B:2 Exception:0]`."""
        rest = " ".join(f"{name}:{tick}" for name, tick in self.clock.items() if not tick % 2)
        return f"{self} [{rest}]"

    def inspect(self, *names: str) -> str:
        """Every state (or these) on a line of its own, with its tick and relations."""
        lines: list[str] = []
        for name in names or self.names:
            tick, state = self.tick(name), self.relations.states[name]
            facts: dict[str, object] = {"Tick": tick}
            facts |= {relation: "true" for relation in ("auto", "multi") if getattr(state, relation)}
            lists = {relation: getattr(state, relation) for relation in ("require", "add", "remove", "after", "tags")}
            facts |= {relation: " ".join(values) for relation, values in lists.items() if values}
            lines.append(f"{tick % 2} {name}")
            lines += [f"    |{fact.capitalize():<8} {value}" for fact, value in facts.items()]
        return "".join(f"{line}\n" for line in lines)


def _groups(call: str, groups: Sequence[Iterable[str]]) -> Sequence[Iterable[str]]:
    for group in groups:
        if isinstance(group, str):  # else its letters would be taken for names
            raise MachineError(f"{call} takes groups of names: {call}([{group!r}])")
    return groups


class Moment(View):
    """What a machine was at one moment; it does not change any more."""

    __slots__ = ("config", "relations", "ticks")

    def __init__(self, relations: Relations, config: Config, ticks: Iterable[int]) -> None:
        self.relations, self.config, self.ticks = relations, config, list(ticks)
