"""Child runs: each that a run waits for is begun once, followed to its end, and its outcome told to the run that uses it.

A child is a run like any other, in the same store; its id says whose it is, so whoever takes up the run above begins it or
finds it, and no crash makes two of one. What the run above wants of it stands in that run's state: that it goes on, or ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from trellis.engine import State
from trellis.engine.program import program_of
from trellis.errors import (
    FieldsNeeded,
    HostClosed,
    InvalidField,
    PermissionNeeded,
    RunClosed,
    RunOwned,
    RunTaken,
    SecretsNeeded,
    StoreError,
    TrellisError,
)
from trellis.hosts.admission import Admission
from trellis.hosts.clock import Clock
from trellis.hosts.commands import CancelRun, Command, Reply
from trellis.hosts.journal import Definitions
from trellis.hosts.live import Follower, LiveRun, heed
from trellis.hosts.reports import Secret, report
from trellis.hosts.sending import ENDS, LEFT
from trellis.hosts.values import passed_on, start_values, used_by
from trellis.hosts.vault import Vault
from trellis.model.actions import Completed, Denied, Failed, Response, StartChild
from trellis.model.events import Event
from trellis.model.graph import Graph
from trellis.model.secrets import reveal
from trellis.model.values import Value
from trellis.stores.base import RunRow, Store

log = logging.getLogger("trellis")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
"""How long until a child is looked at again that another host drives, or that cannot be driven now; each time twice."""


class Keeping(Protocol):
    """What is needed of the host."""

    async def begin(
        self,
        name: str,
        graph: Graph,
        given: dict[str, Value],
        secrets: dict[str, str],
        request_id: str,
        locale: str,
        above: StartChild | None = None,
    ) -> tuple[RunRow, LiveRun | None]:
        """Begin a run. The row of another one, and None, where it was begun before under this id or request."""

    async def go_on(self, row: RunRow, secrets: Mapping[str, str]) -> LiveRun:
        """The run of this row: the one that is open here, one that has ended, or one that is taken up again."""

    async def send(self, run: str, command: Command) -> Reply:
        """Deliver a command to a run, wherever it is."""


class Children:
    """Follows the child runs of the runs that one host drives, and hands each outcome to `post` as an event."""

    def __init__(
        self,
        host: Keeping,
        store: Store,
        admission: Admission,
        graphs: Definitions,
        clock: Clock,
        vault: Vault | None,
        post: Callable[[LiveRun, Event, None, Secret | None], None],
    ) -> None:
        self._host, self._store, self._admission, self._graphs = host, store, admission, graphs
        self._clock, self._vault, self._post = clock, vault, post
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def begin(self, run: LiveRun, request: StartChild) -> None:
        """See that the child does what its run wants: that there is one, or that it ends. Said again, nothing changes."""
        if self._stopping or run.closed.done():
            return
        follower = run.followers.get(request.id)
        if follower is not None:
            follower.news.set()
            return
        follower = run.followers[request.id] = Follower(request.child)
        follower.task = asyncio.get_running_loop().create_task(self._attend(run, request, follower))
        self._tasks.add(follower.task)
        follower.task.add_done_callback(self._tasks.discard)

    def refuse(self) -> None:
        """Follow nothing any more, and report nothing: that is for whoever resumes the runs."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """After `refuse`: wait until all of it is gone."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _attend(self, run: LiveRun, request: StartChild, follower: Follower) -> None:
        try:
            response = await self._outcome(run, request, follower)
        except HostClosed:
            return
        except Exception as error:
            log.exception("a fault while '%s' was followed", request.child)
            response = Failed("failed", f"{type(error).__name__}: {error}")
        finally:
            run.followers.pop(request.id, None)
            follower.begun.set()
        if response is not None and not self._stopping and not run.closed.done():
            event, secret = report(run, request, response, self._clock, self._vault)
            self._post(run, event, None, secret)

    async def _outcome(self, run: LiveRun, request: StartChild, follower: Follower) -> Response | None:
        """How the child ended; until then, what is wanted of it is done. None where it is known by now. Raises HostClosed."""
        told: CancelRun | None = None
        pause = FIRST_PAUSE_S
        while True:
            follower.news.clear()
            if request.id not in run.state.open:  # who asks may have been too late: such a child must not be begun
                return None
            wanted = _wanted(run, request)
            live: LiveRun | None = None
            try:
                live = await self._child(run, request, begin=wanted is None)
                if live is None:
                    return Failed("cancelled", "it was not begun", retryable=False)
            except RunOwned:
                pass  # another host drives it
            except (FieldsNeeded, InvalidField) as error:
                return Failed("invalid", str(error), retryable=False)
            except PermissionNeeded as error:
                return Denied(str(error))
            except HostClosed:
                raise
            except (StoreError, SecretsNeeded) as error:
                log.warning("run '%s' cannot go on here, next try in %g s: %s", request.child, pause, error)
            except TrellisError as error:
                return Failed("failed", str(error), retryable=False)
            follower.begun.set()
            if wanted is not None and wanted != told and not (live is not None and live.state.closed):
                told = wanted if await self._tell(request.child, wanted) else None
            if live is not None and live.state.closed:
                return outcome(live.state, run, request, live.secrets)
            if live is not None and not live.closed.done() and told == wanted:
                await _ended_or(live, follower)
                if live.state.closed:
                    return outcome(live.state, run, request, live.secrets)
                pause = FIRST_PAUSE_S
            else:
                await self._rest(pause, follower)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _child(self, parent: LiveRun, request: StartChild, *, begin: bool) -> LiveRun | None:
        """The child run as it is driven here, or as it ended; begun where there is none and `begin`, else None.

        Raises what `Host.start` and `Host.resume` do; RunTaken where somebody else has a run of this id.
        """
        async with self._admission.of(request.child):
            row = await self._store.row(request.child)
            if row is None and not begin:
                return None
            if row is None:
                graph = parent.graph.used(used_by(parent.graph, request))
                given, secrets = start_values(graph, passed_on(graph, request.fields, parent.secrets))
                row, live = await self._host.begin(
                    request.child, graph, given, secrets, request.id, parent.state.locale, request
                )
                if live is not None:
                    return live
            if row.request != request.id:
                raise RunTaken(row.run)
            found = await self._graphs.get(row.graph, row)
            given = passed_on(found, request.fields, parent.secrets)
            secret = program_of(found).secrets & given.keys()
            return await self._host.go_on(row, {name: str(given[name]) for name in secret})

    async def _tell(self, child: str, wanted: CancelRun) -> bool:
        """Let the child end. Whether it knows now."""
        try:
            await self._host.send(child, wanted)
        except RunClosed:
            return True
        except HostClosed:
            raise
        except TrellisError as error:
            log.warning("run '%s' cannot be told to end, next try soon: %s", child, error)
            return False
        return True

    async def _rest(self, seconds: float, follower: Follower) -> None:
        alarm = self._clock.alarm(seconds, follower.news.set)
        try:
            await follower.news.wait()
        finally:
            alarm.cancel()


def _wanted(run: LiveRun, request: StartChild) -> CancelRun | None:
    """How the child is to end now; None: it is to go on."""
    pending = run.state.open[request.id]
    if not pending.cancelling:
        return None
    return CancelRun(LEFT if pending.undo else ENDS, undo=pending.undo)


async def _ended_or(live: LiveRun, follower: Follower) -> None:
    """Wait until the child has ended here, or something else is wanted of it. It stays in memory meanwhile."""
    news = asyncio.ensure_future(follower.news.wait())
    live.listeners.append(heed)
    try:
        await asyncio.wait((live.closed, news), return_when=asyncio.FIRST_COMPLETED)
    finally:
        live.listeners.remove(heed)
        news.cancel()


def outcome(state: State, run: LiveRun, request: StartChild, secrets: dict[str, str]) -> Response:
    """What the end of a child run means for the node that uses it: its result, or its error."""
    if state.status == "completed":
        result = state.result
        if run.secret_saved_by(request) is not None:
            try:
                result = reveal(result, secrets)
            except KeyError:
                return Failed("invalid", "its result is a secret that is not known any more", retryable=False)
        return Completed(result)
    error = None if state.error is None else (state.error.code, state.error.message)
    return failure(request.child, state.status, error, [failed.node for failed in state.undo_failures])


def failure(child: str, status: str, error: tuple[str, str] | None, lost: Sequence[str]) -> Failed:
    """How the node that uses a child run fails that did not complete: by its error, code and message. `lost`: the nodes
    that could not be undone."""
    code, message = error or ("failed", f"run '{child}' has ended: {status.replace('_', ' ')}")
    if status == "rollback_failed":
        return Failed("rollback_failed", f"{code}: {message}; could not undo {', '.join(lost)}", retryable=False)
    if code in ("cancelled", "terminated") or status == "cancelled":
        return Failed("cancelled", message, retryable=False)
    return Failed(code, message, retryable=code != "denied")
