"""What somebody waits for on a machine: found again by the states that move, and held only while somebody wants it.

The machine holds each wait by a weak reference, and by a strong one for each task that awaits it. So nobody has to
clean up: a wait that nobody holds is gone. Only the thread that owns the machine touches the indexes; whatever ends a
wait elsewhere (another thread, the garbage collector) leaves a note, and the owner takes it out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import ref

from trellis.engine.relations import Change, Relations

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

NOTHING: Final[Mapping[str, Any]] = {}
QUERY, QUEUE, DRAIN, DISPOSED = "query", "queue", "drain", "disposed"


class Watched(Protocol):
    """The machine, as its waits see it."""

    relations: Relations
    disposed: bool

    @property
    def clock(self) -> dict[str, int]:
        """The tick of every state."""

    def add_err(self, err: BaseException | None) -> object:
        """Go into Exception."""

    def replan(self) -> None:
        """Find out anew who has a part in mutations."""


Question = Callable[[Mapping[str, Any]], object]
"""Asked when something happened; true: this is what was waited for. It is given the arguments of the mutation where
a state enters, the clock where it is a query, else nothing."""


def hand_over(loop: AbstractEventLoop, thread: int, call: Callable[[], object]) -> None:
    """Call this in the thread of a loop: at once where that is this one."""
    try:
        if thread == get_ident():
            call()
        else:
            loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():  # nobody awaits anything in a closed one
            raise


class Once:
    """Something that comes once. Any number of tasks may await it, in any thread; cancelling one leaves the others.

    `done`: it came, or was cancelled, or the machine was disposed.
    """

    __slots__ = ("__weakref__", "_awaiting", "_error", "_ref", "_waits", "came", "done")

    def __init__(self, waits: Waits | None, came: Question) -> None:
        """Without `waits` it has come already."""
        self._waits, self.came = waits, came
        self._ref: Ref | None = None
        self._awaiting: dict[Future[None], int] = {}
        self._error: BaseException | None = None
        self.done = waits is None

    def __await__(self) -> Generator[Any, None, None]:
        if not self.done:
            from asyncio import get_running_loop

            future = get_running_loop().create_future()
            self.hold(future)
            self._awaiting[future] = get_ident()
            try:
                if not self.done:  # another thread may have been faster
                    yield from future
            except BaseException:
                self._awaiting.pop(future, None)
                self.let_go(future)
                del self  # a cancelled task keeps its traceback, and that would keep this
                raise
            self._awaiting.pop(future, None)
            self.let_go(future)
        if self._error is not None:
            raise self._error

    def finish(self, error: BaseException | None = None) -> None:
        """It came, or will never come: wake all who await it. With an error, that is what they get."""
        if self.done:
            return
        self._error = error
        self.done = True
        if self._waits is not None and self._ref is not None:
            self._waits.drop(self._ref)
        for future in list(self._awaiting):
            thread = self._awaiting.get(future, 0)
            hand_over(future.get_loop(), thread, partial(_wake, future))

    def hold(self, token: object) -> None:
        """Stay registered, whoever holds this or not, until the token is let go."""
        if self._waits is not None:
            self._waits.held[token] = self

    def let_go(self, token: object) -> None:
        """The end of `hold`."""
        if self._waits is not None:
            self._waits.held.pop(token, None)


class Wait(Once):
    """A wait for what was asked for when it was made. Equal waits are one object while they are pending."""

    __slots__ = ()

    def __str__(self) -> str:
        """`when A B`, as far as it is still waited for."""
        entry = self._ref
        if entry is None:
            return "a wait"
        kind = entry.key[0] if isinstance(entry.key, tuple) else entry.key
        names = sorted({name for _, name in entry.places} - {str(kind)})
        return " ".join([str(kind or "when"), *names])

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled before it came."""
        from asyncio import CancelledError

        return isinstance(self._error, CancelledError)

    def cancel(self) -> None:
        """Wait no more: tasks that await it get CancelledError, and so do all who share it."""
        from asyncio import CancelledError

        self.finish(CancelledError())


class Ref(ref[Once]):
    """A weak reference that knows where it is registered: in which index, under which name."""

    __slots__ = ("key", "places")

    key: Hashable
    places: tuple[tuple[Index, str], ...]


Index = dict[str, dict[Ref, None]]


class Waits:
    """The waits of one machine. `quiet` holds changes that nobody waits for; ask `look` about others."""

    __slots__ = (
        "_errors",
        "_gone",
        "_known",
        "_touched",
        "asked",
        "changing",
        "ending",
        "entering",
        "held",
        "moving",
        "quiet",
        "view",
    )

    def __init__(self, view: Watched) -> None:
        self.view = view
        self.changing: Index = {}
        """By state: who is asked after a transition that moved it."""
        self.entering: Index = {}
        """By state: who is asked when it is entered, with the arguments."""
        self.moving: Index = {}
        """By state: who is asked as soon as its clock moves."""
        self.asked: Index = {}
        """Who is asked after every transition (QUERY), and who when the queue goes on (QUEUE)."""
        self.ending: Index = {}
        """Who waits for the end of the queue (DRAIN) or of the machine (DISPOSED)."""
        self.held: dict[object, Once] = {}
        self.quiet: set[Change] = set()
        self._known: dict[Hashable, Ref] = {}
        self._gone: list[Ref] = []
        self._touched: dict[str, None] = {}
        self._errors: list[Exception] = []

    @property
    def pending(self) -> bool:
        """Whether there is anybody whom a transition may concern."""
        self._sweep()
        return bool(self.changing or self.entering or self.moving or self.asked)

    def find(self, key: Hashable) -> Once | None:
        """The one that is registered under this key, and pending."""
        self._sweep()
        known = self._known.get(key)
        once = known() if known is not None else None
        return None if once is None or once.done else once  # another thread may be about to drop it

    def register(self, once: Once, key: Hashable, index: Index, names: Iterable[str]) -> None:
        """Find it under these names of an index, and under its key if that is not None."""
        self._sweep()
        entry = Ref(once, self.drop)
        entry.key, entry.places = key, tuple((index, name) for name in names)
        once._ref = entry
        for name in names:
            index.setdefault(name, {})[entry] = None
        if key is not None:
            self._known[key] = entry
        self.quiet = set()
        self.view.replan()

    def wait(self, key: Hashable, index: Index, names: Iterable[str], came: Question) -> Wait:
        """The wait of this key, made where there is none."""
        found = None if key is None else self.find(key)
        if isinstance(found, Wait):
            return found
        wait = Wait(self, came)
        self.register(wait, key, index, names)
        return wait

    def drop(self, entry: Ref) -> None:
        """Note that this one is no longer wanted. From any thread, at any moment."""
        self._gone.append(entry)
        self.quiet = set()  # so that the machine looks here, and may find that nobody waits any more

    def _sweep(self) -> None:
        while self._gone:
            entry = self._gone.pop()
            for index, name in entry.places:
                refs = index.get(name, {})
                refs.pop(entry, None)
                if not refs:
                    index.pop(name, None)
            if entry.key is not None and self._known.get(entry.key) is entry:
                del self._known[entry.key]

    def _indexes(self) -> tuple[Index, ...]:
        return self.changing, self.entering, self.moving, self.asked, self.ending

    # What the machine tells

    def look(self, change: Change) -> bool:
        """Whether nobody waits for anything that this change, with its auto pass, may bring. Then it is in `quiet`."""
        if not self.pending:
            self.view.replan()  # from here on the machine need not even look
            return True
        if self.asked or self._touched:
            return False
        names = self.view.relations.names
        for state, _ in change.moves:
            name = names[state]
            if name in self.changing or name in self.entering or name in self.moving:
                return False
        if len(self.quiet) > 10_000:  # as many changes are remembered by the resolver, at least
            self.quiet.clear()
        self.quiet.add(change)
        return True

    def settled(self, change: Change) -> None:
        """Clocks were applied."""
        if self.moving or self.changing:
            names = self.view.relations.names
            self.moved([names[state] for state, _ in change.ticks])

    def moved(self, names: Iterable[str]) -> None:
        """The clocks of these states are others than before."""
        for name in names:
            if name in self.changing:
                self._touched[name] = None
            if name in self.moving:
                _ask(self.moving[name], NOTHING)

    def entered(self, change: Change, args: Mapping[str, Any], failed: str | None) -> None:
        """The final handlers were called, up to the one that failed."""
        if not self.entering or (failed is not None and failed.endswith("End")):
            return
        names = self.view.relations.names
        for state in change.enters:
            name = names[state]
            if failed == f"{name}State":
                break
            if name in self.entering:
                _ask(self.entering[name], args)

    def after(self, change: Change) -> None:  # noqa: ARG002 - what moved is known already, also from changes taken back
        """A transition was accepted and has ended."""
        self._ask_touched()
        if self.asked:
            _ask(self.asked.get(QUERY, {}), self.view.clock)
            _ask(self.asked.get(QUEUE, {}), NOTHING)

    def drained(self) -> None:
        """The queue has ended. What is so by now has come too, though its transition failed or there was none."""
        self._ask_touched()
        _ask(self.asked.get(QUEUE, {}), NOTHING)
        _finish(self.ending.get(DRAIN, {}))

    def _ask_touched(self) -> None:
        if self._touched:
            touched, self._touched = self._touched, {}
            for name in touched:
                _ask(self.changing.get(name, {}), NOTHING)

    def failed(self, error: Exception) -> None:
        """A callback raised: the machine goes into Exception, or `close` raises it."""
        if self.view.disposed:
            self._errors.append(error)
        else:
            self.view.add_err(error)

    def close(self) -> None:
        """The machine is disposed: everything has come. Then raises what callbacks raised, as an ExceptionGroup."""
        for index in self._indexes():
            for refs in list(index.values()):
                _finish(refs)
        self._sweep()
        if self._errors:
            errors, self._errors = self._errors, []
            raise ExceptionGroup("callbacks of state contexts raised when the machine was disposed", errors)


def _wake(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _ask(refs: Iterable[Ref], told: Mapping[str, Any]) -> None:
    for entry in list(refs):
        once = entry()
        if once is None or once.done:
            continue
        try:
            came = once.came(told)
        except Exception as error:  # noqa: BLE001 - the question is theirs who await it, and so is its error
            once.finish(error)
        else:
            if came:
                once.finish()


def _finish(refs: Iterable[Ref]) -> None:
    for entry in list(refs):
        once = entry()
        if once is not None:
            once.finish()
