"""The resolver: from the active states and what is called for, the states that are active next, and why not.

Pure. A configuration is an ordered tuple of states and the same as a bit mask, interned, because the order decides
outcomes; what was resolved once for a configuration is remembered in it, so a machine becomes an automaton that is
built as it runs. The algorithm is that of asyncmachine-go (its `TargetStates`), done over masks: each of its stages
is skipped where the masks show that it has nothing to do.

    base     called first, then the active ones (add); the active ones without the called (remove); the called (set)
    imply    each state that is new, or multi, brings its `add`
    require  who lacks a required state goes, until nobody does
    block    from the end: who is removed by one that still stays, goes
    imply    once more, but for what the remaining ones remove
    require  once more
    sort     by the order of `require`, then by `after`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from trellis.engine.cleaning import clean, conflicts, in_order, ranks
from trellis.engine.stable_sort import stable_sort
from trellis.errors import UnknownState
from trellis.model.problems import did_you_mean
from trellis.model.states import EXCEPTION, StateDef

Kind = Literal["add", "remove", "set"]
Ticks = tuple[tuple[int, int], ...]
"""States whose clocks move, each with how far."""
HEALTH: Final = ("Healthcheck", "Heartbeat")
"""Adding exactly one of these is no reason for an auto pass."""
WEIGHT_LIMIT: Final = 2_000_000
"""How much is remembered before all is forgotten: the sum of the lengths of configurations and targets, each and 8."""


class Config:
    """The active states, in order. One object per order and schema: compare with `is`."""

    __slots__ = ("add", "auto", "closed", "mask", "order", "remove", "removes", "set")

    add: dict[tuple[str, ...], Change]
    remove: dict[tuple[str, ...], Change]
    set: dict[tuple[str, ...], Change]

    def __init__(self, order: tuple[int, ...], mask: int, removes: int, closed: bool) -> None:
        self.order, self.mask = order, mask
        self.removes = removes
        """All that a member removes."""
        self.closed = closed
        """Whether each member has what it requires."""
        self.add = self.remove = self.set = _NOTHING
        self.auto: Change | Literal[False] | None = False
        """The auto pass from here; None: nothing to try; False: not looked for yet."""


class Change(msgspec.Struct, eq=False):
    """One resolved mutation of one configuration. States are numbers, in `Relations.names`.

    `target` is what the relations gave, also where it was not accepted; `after` is `before` then. `ticks` holds each
    state whose clock moves, and by how much. Of a change that is remembered, `auto` is the auto pass that follows (None: none does); `last` and `moves` are `after` and `ticks` of
    both together. Of an auto pass that was accepted in part, `tried` is the whole of it, as it is negotiated.
    """

    kind: Kind
    before: Config
    after: Config
    last: Config
    called: tuple[int, ...]
    target: tuple[int, ...]
    exits: tuple[int, ...] = ()
    enters: tuple[int, ...] = ()
    ticks: Ticks = ()
    moves: Ticks = ()
    accepted: bool = False
    is_auto: bool = False
    auto: Change | None = None
    tried: Change | None = None


def no_names(names: Sequence[object], error: TypeError) -> Exception:
    """What to raise where names could not be looked up: most often they are a list of names."""
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is None:
        return error
    return UnknownState(wrong, "give the names one by one, not as a list" if isinstance(wrong, list | set) else "")


_NOTHING: Final[dict[tuple[str, ...], Change]] = {}
"""What a configuration knows of a kind of mutation before the first: never written to."""


class Relations:
    """A schema made ready for resolving, and what was resolved with it so far. Machines and runs share one.

    `states` maps names to their definitions, `order` gives the index of the names (else: as in `states`).
    Raises BadSchema where the order does not fit the states, or a state adds and removes what is no state.
    """

    def __init__(self, states: Mapping[str, StateDef], order: Sequence[str] | None = None) -> None:
        self.problems = conflicts(states)
        """Contradictions that a machine starts in Exception for."""
        self.names = in_order(states, order)
        cleaned = clean(states)
        cleaned.setdefault(EXCEPTION, StateDef(multi=True))
        self.states = {name: cleaned[name] for name in self.names}
        """The cleaned definitions, in order; what every name means here."""
        self.index = {name: number for number, name in enumerate(self.names)}
        self._build()
        self.configs: dict[tuple[int, ...], Config] = {}
        self._weight = 0
        self.empty = self.config(())

    def _build(self) -> None:
        index, states = self.index, tuple(self.states.values())
        count = len(states)
        self.bits = bits = [1 << number for number in range(count)]
        nowhere = 1 << count  # what an unknown required state is: never active

        def numbers(names: Iterable[str]) -> tuple[int, ...]:
            return tuple(dict.fromkeys(index[name] for name in names))

        def mask(names: Iterable[str]) -> int:
            return sum(bits[number] for number in numbers(names))

        self._adds = [numbers(state.add) for state in states]
        self._removed = [mask(state.remove) for state in states]
        self._required = [
            mask(name for name in state.require if name in index)
            | (nowhere if any(name not in index for name in state.require) else 0)
            for state in states
        ]
        self._rank = ranks([numbers(name for name in state.require if name in index) for state in states], count)
        follows = [mask(state.after) for state in states]
        self._blockers, self._dependents, self._sooner = [0] * count, [0] * count, [0] * count
        for number, state in enumerate(states):
            for other in numbers(state.remove):
                self._blockers[other] |= bits[number]
            for other in numbers(name for name in state.require if name in index):
                self._dependents[other] |= bits[number]
            for other in numbers(state.after):  # `other` goes before `number`, unless each follows the other
                if not follows[other] & bits[number]:
                    self._sooner[other] |= bits[number]
        self.multi = self._having(state.multi for state in states)
        self.autos = tuple(number for number, state in enumerate(states) if state.auto)
        self._autos = sum(bits[number] for number in self.autos)
        self._adders, self._removers = self._having(self._adds), self._having(self._removed)
        self._needy, self._sorted = self._having(self._required), self._having(self._sooner)
        self._ranked = self._having(rank >= 0 for rank in self._rank)
        self._related = self._adders | self._needy | self._removers | self._ranked | self._sorted
        """States that bear on others; among the rest whatever is called for comes to be."""
        self._once = [(number, 1) for number in range(count)]
        self._twice = [(number, 2) for number in range(count)]
        self._health = frozenset((index[name],) for name in HEALTH if name in index)

    def _having(self, marks: Iterable[object]) -> int:
        return sum(bit for bit, mark in zip(self.bits, marks, strict=True) if mark)

    # Names and configurations

    def numbers(self, names: Sequence[str]) -> tuple[int, ...]:
        """The states of these names, each once. Raises UnknownState, with the nearest name, for the first unknown."""
        index = self.index
        try:
            if len(names) == 1:
                return (index[names[0]],)
            return tuple(dict.fromkeys([index[name] for name in names]))
        except KeyError as error:
            raise UnknownState(error.args[0], did_you_mean(str(error.args[0]), index)) from None
        except TypeError as error:
            raise no_names(names, error) from None

    def named(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The names of these states."""
        names = self.names
        return tuple([names[number] for number in numbers])

    def config(self, order: tuple[int, ...]) -> Config:
        """The configuration with exactly these states, each once, in this order; it need not be one that resolves."""
        found = self.configs.get(order)
        if found is None:
            mask = sum(map(self.bits.__getitem__, order))
            closed = all(not self._required[state] & ~mask for state in order)
            found = self._keep(order, mask, self._removes(mask, order), closed)
        return found

    def _removes(self, mask: int, order: Iterable[int]) -> int:
        removes = 0
        if mask & self._removers:
            removed = self._removed
            for state in order:
                removes |= removed[state]
        return removes

    def _keep(self, order: tuple[int, ...], mask: int, removes: int, closed: bool) -> Config:
        self._weigh(order)
        kept = self.configs[order] = Config(order, mask, removes, closed)
        return kept

    def _weigh(self, states: tuple[int, ...]) -> None:
        """Something with so many states is kept. Where it is too much, all is forgotten."""
        self._weight += len(states) + 8
        if self._weight > WEIGHT_LIMIT:
            for config in self.configs.values():  # machines hold some of them, and go on from there
                config.add = config.remove = config.set = _NOTHING
                config.auto = False
            self.configs = {(): self.empty}
            self._weight = 0

    # Mutations

    def mutate(self, kind: Kind, before: Config, names: tuple[str, ...]) -> Change:
        """The change that calling for `names` makes. Remembered under exactly these names."""
        known: dict[tuple[str, ...], Change] = getattr(before, kind)
        change = known.get(names)
        if change is None:
            change = self.resolve(kind, before, self.numbers(names))
            if change.ticks and self._autos:
                follow = self.follows(change)
                if follow is not None:
                    change.auto, change.last, change.moves = follow, follow.after, change.ticks + follow.ticks
            self._weigh(change.target)
            if known is _NOTHING:
                known = {}
                setattr(before, kind, known)
            known[names] = change
        return change

    def check(self, kind: Kind, before: Config, names: tuple[str, ...]) -> Change:
        """The change for one who only asks. As in the reference it counts as accepted where a multi state is called,
        though others may be refused. Not remembered."""
        return self.resolve(kind, before, self.numbers(names), check=True)

    def resolve(self, kind: Kind, before: Config, called: tuple[int, ...], *, check: bool = False) -> Change:
        """The same for states by number, each once; not remembered."""
        bits, active = self.bits, before.mask
        wanted = bits[called[0]] if len(called) == 1 else sum([bits[state] for state in called])
        if kind == "add":
            target, mask, removes = self._target(before, self._joined(called, wanted, before), wanted | active, 0)
        elif kind == "remove":
            kept = [state for state in before.order if not wanted & bits[state]] if wanted & active else before.order
            target, mask, removes = self._target(before, kept, active & ~wanted, wanted)
        else:
            target, mask, removes = self._target(before, called, wanted, 0)
        accepted = kind == "remove" or not wanted & ~mask or (check and bool(wanted & self.multi))
        return self._change(kind, before, called, wanted, target, mask, removes, accepted, False)

    def move(self, before: Config, added: tuple[int, ...], removed: tuple[int, ...]) -> Change:
        """One mutation that adds and removes: called first, then the active ones without the removed, which nothing
        implies. Accepted as an `add` is. No state may be in both."""
        bits = self.bits
        wanted = sum(bits[state] for state in added)
        gone = sum(bits[state] for state in removed)
        base = [*added, *(state for state in before.order if not (wanted | gone) & bits[state])]
        target, mask, removes = self._target(before, base, wanted | before.mask & ~gone, gone)
        return self._change("add", before, added, wanted, target, mask, removes, not wanted & ~mask, False)

    def auto(self, before: Config) -> Change | None:
        """The auto pass from here: one `add` of every auto state that is not active and that no active one removes.

        None where nothing is to be tried.
        """
        change = before.auto
        if change is False:
            tried = self._autos & ~before.mask & ~before.removes
            change = before.auto = self._auto(before, tried) if tried else None
        return change

    def _auto(self, before: Config, mask: int) -> Change:
        called = tuple([state for state in self.autos if mask & self.bits[state]])
        target, active, removes = self._target(before, self._joined(called, mask, before), mask | before.mask, 0)
        tried = self._change("add", before, called, mask, target, active, removes, bool(mask & active), True)
        self._weigh(tried.target)
        if not mask & ~active:
            return tried
        change = self.auto_without(tried, mask & ~active)
        change.tried = tried
        return change

    def auto_without(self, tried: Change, refused: int) -> Change:
        """The auto pass `tried`, resolved anew as if the states in the mask `refused` had not been called."""
        before, bits = tried.before, self.bits
        called = [state for state in tried.called if not refused & bits[state]]
        mask = sum(bits[state] for state in called)
        target, active, removes = self._target(before, self._joined(called, mask, before), mask | before.mask, 0)
        return self._change("add", before, tried.called, mask, target, active, removes, tried.accepted, True)

    def follows(self, change: Change) -> Change | None:
        """The auto pass after a change that was made; None where there is none, or nothing to try."""
        if change.is_auto or not change.ticks or (change.kind == "add" and change.called in self._health):
            return None
        return self.auto(change.after)

    def undone(self, change: Change, left: tuple[int, ...]) -> Change:
        """What follows a change that was made and whose final handlers failed: only `left` stays active.

        Multi states that were called and stay count as entered again, as in the reference.
        """
        after = self.config(left)
        again = sum(self.bits[state] for state in change.called) & self.multi
        exits = tuple(state for state in change.after.order if not after.mask & self.bits[state])
        ticks = [(state, 2) for state in left if again & self.bits[state]] + [(state, 1) for state in exits]
        moved = tuple(ticks)
        return Change(
            change.kind,
            change.after,
            after,
            after,
            change.called,
            left,
            exits,
            (),
            moved,
            moved,
            is_auto=change.is_auto,
        )

    # The stages

    def _joined(self, called: Sequence[int], wanted: int, before: Config) -> Sequence[int]:
        if not wanted & before.mask:
            return (*called, *before.order)
        bits = self.bits
        return [*called, *[state for state in before.order if not wanted & bits[state]]]

    def _target(self, before: Config, base: Sequence[int], mask: int, never: int) -> tuple[tuple[int, ...], int, int]:
        """The target as states in order, as a mask, and all that it removes. `never` is not implied."""
        if not mask & self._related:
            return tuple(base), mask, 0
        bits, adds, active = self.bits, self._adds, before.mask
        entering = ~active | self.multi
        start, states = mask, base

        implying = mask & self._adders & entering
        if implying:
            states = list(base)
            for state in base:
                if implying & bits[state]:
                    for other in adds[state]:
                        if not (mask | never) & bits[other]:
                            states.append(other)
                            mask |= bits[other]

        implied = mask
        grown = not active & ~mask  # everything that was active is still there
        suspects = self._needy & (mask & ~active if grown and before.closed else mask)
        if suspects and (kept := self._satisfied(mask, suspects)) != mask:
            states = [state for state in states if kept & bits[state]]
            mask = kept
            grown = not active & ~mask

        if grown:
            removes, new = before.removes, mask & ~active & self._removers
            while new:
                low = new & -new
                removes |= self._removed[low.bit_length() - 1]
                new ^= low
        else:
            removes = self._removes(mask, states)
        listed = mask
        hit = removes & mask
        if hit:
            blockers = self._blockers
            for state in reversed(states):
                if hit & bits[state] and blockers[state] & mask:
                    mask ^= bits[state]
            if mask != listed:
                states = [state for state in states if mask & bits[state]]
                removes = self._removes(mask, states)

        blocked = mask != listed
        implying = mask & self._adders & entering
        if mask == implied:
            implying &= ~start  # what the others bring is there
        brought: list[int] = []
        if implying:
            barred = never | removes
            for state in reversed(states):
                if implying & bits[state]:
                    for other in adds[state]:
                        if not (mask | barred) & bits[other]:
                            brought.append(other)
                            mask |= bits[other]
            if brought:
                brought.reverse()
                states = [*brought, *states]

        if blocked or brought:
            suspects = self._needy & (mask if blocked else mask & ~listed)
            if suspects and (kept := self._satisfied(mask, suspects)) != mask:
                states = [state for state in states if kept & bits[state]]
                mask = kept
            removes = self._removes(mask, states)
        return self._sort(states, mask), mask, removes

    def _satisfied(self, mask: int, suspects: int) -> int:
        """What is left of `mask` when all go that lack a required state; only `suspects` may lack one now."""
        required, dependents = self._required, self._dependents
        while suspects:
            low = suspects & -suspects
            suspects ^= low
            state = low.bit_length() - 1
            if required[state] & ~mask:
                mask ^= low
                suspects |= dependents[state] & mask
        return mask

    def _sort(self, states: Sequence[int], mask: int) -> tuple[int, ...]:
        if mask & self._ranked:
            states = sorted(states, key=self._rank.__getitem__)
        late = mask & self._sorted
        if late:
            sooner = self._sooner
            while late:
                low = late & -late
                if sooner[low.bit_length() - 1] & mask:
                    return stable_sort(states, sooner, self.bits)
                late ^= low
        return tuple(states)

    def _change(
        self, kind: Kind, before: Config, called: tuple[int, ...], wanted: int, target: tuple[int, ...], mask: int,
        removes: int, accepted: bool, is_auto: bool,
    ) -> Change:  # fmt: skip
        if not accepted and not is_auto:
            return Change(kind, before, before, before, called, target)
        bits, active = self.bits, before.mask
        enters: tuple[int, ...] = ()
        exits: tuple[int, ...] = ()
        ticks: list[tuple[int, int]] = []
        entering = mask & (~active | (self.multi & wanted))
        if entering:
            once, twice, entered = self._once, self._twice, []
            for state in target:
                if entering & bits[state]:
                    entered.append(state)
                    ticks.append(twice[state] if active & bits[state] else once[state])
            enters = tuple(entered)
        leaving = active & ~mask
        if leaving:
            exits = self._sort([state for state in before.order if leaving & bits[state]], leaving)
            ticks += map(self._once.__getitem__, exits)
        if not accepted:
            return Change(kind, before, before, before, called, target, exits, enters, (), (), False, is_auto)
        after = self.configs.get(target)
        if after is None:
            after = self._keep(target, mask, removes, True)
        moved = tuple(ticks)
        return Change(kind, before, after, after, called, target, exits, enters, moved, moved, True, is_auto)
