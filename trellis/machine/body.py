"""What the parts of a machine know of the whole: its fields, and what they may ask it to do.

Parts (transitions, waits, tracers, the work itself) are handed this; only the machine itself is built from the parts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from trellis.engine.relations import Change, Kind
from trellis.machine.mutation import Mutation, Source
from trellis.machine.waiting import Waiting

if TYPE_CHECKING:
    from trellis.machine.result import Result

R = TypeVar("R")
"""How a mutation is answered: at once (Result), or to be awaited."""


class Body(Waiting, Generic[R]):
    """A machine, as its parts see it."""

    __slots__ = (
        "_last",
        "_on_dispose",
        "arguments",
        "children",
        "config",
        "current",
        "disposed",
        "err",
        "groups",
        "handler_timeout",
        "handlers",
        "hooks",
        "id",
        "machine_tick",
        "made",
        "parent",
        "pending",
        "pipes",
        "queue",
        "queue_limit",
        "relations",
        "result",
        "running",
        "seen",
        "ticks",
        "time_source",
        "transition_limit",
    )

    id: str
    queue: list[Mutation]
    err: BaseException | None
    running: bool
    """Whether a transition runs."""
    disposed: bool
    made: int
    """Transitions that anybody had a part in, so far."""
    result: Result
    """What the first mutation of the latest call came to."""
    handlers: Any
    """The bound Handlers; None without any."""
    hooks: Any
    """The Hooks of its tracers; None without any."""
    current: Any
    """The Transition that runs."""
    seen: list[Any]
    """The transitions of the latest call that anybody had a part in."""
    parent: Body[Any] | None
    children: tuple[Body[Any], ...]
    """Machines whose parent this is."""
    groups: Mapping[str, tuple[str, ...]]
    """Named lists of states."""
    arguments: Mapping[str, type] | None
    """What states take, of those that say so; None where none does."""
    pipes: tuple[Any, ...]
    """What goes from this machine to others, and from others to it; each can be detached."""
    machine_tick: int
    """How often the machine went on from an export."""
    _last: Change | None
    _on_dispose: tuple[Callable[[], object], ...]
    handler_timeout: float | None
    time_source: Callable[[], float]
    transition_limit: int
    queue_limit: int

    pending: int
    """Mutations that wait and count as queue ticks."""

    @property
    @abstractmethod
    def owned_here(self) -> bool:
        """Whether the machine belongs to the calling thread."""

    @property
    @abstractmethod
    def queue_tick(self) -> int:
        """Counts the mutations that were run, from 1; prepended ones, auto passes and checks do not count."""

    @abstractmethod
    def mutate(
        self,
        kind: Kind,
        names: tuple[str, ...],
        args: Mapping[str, Any] = {},
        *,
        source: Source | None = None,
        prepend: bool = False,
        check: bool = False,
    ) -> R:
        """What all mutations come down to: run it now, or queue it while a transition runs."""

    @abstractmethod
    def _check_thread(self) -> None:
        """Raise WrongThread in a thread that does not own the machine."""

    @abstractmethod
    def trace(self, tracer: object) -> None:
        """Let an object watch."""

    @abstractmethod
    def untrace(self, tracer: object) -> bool:
        """Let an object watch no more; whether it did."""

    @abstractmethod
    def dispose(self) -> None:
        """End the machine."""

    @abstractmethod
    def replan(self) -> None:
        """Find out whether a mutation may be one step of the automaton: when nobody else has a part in it."""

    @abstractmethod
    def settle(self, change: Change) -> None:
        """Take over the outcome of a change."""

    @abstractmethod
    def take_next(self) -> Mutation | None:
        """The next mutation of the queue; functions that wait before it are called."""

    @abstractmethod
    def change_of(self, mutation: Mutation) -> Change:
        """What a queued mutation makes of the machine as it is now."""

    @abstractmethod
    def prepend_error(self, error: Exception, tx: Any) -> None:
        """Go into Exception next, because a handler of the transition `tx` raised."""

    @abstractmethod
    def drop_queue(self) -> None:
        """Forget everything that waits; it is canceled."""

    @abstractmethod
    def describe(self, change: Change) -> str:
        """`add A B`."""
