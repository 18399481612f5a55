"""Which runs a command is about: the one that is named, or all that a query finds; those are looked at first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import click

from trellis.cli import counted, tell
from trellis.cli.output import put
from trellis.errors import TrellisError, UsageError

STATUSES = ("running", "completed", "failed", "denied", "timed_out", "cancelled", "rolled_back", "rollback_failed")
FAILED = 1


class Query(NamedTuple):
    """What was said of the runs that are wanted. `older` is in seconds since their last event."""

    status: str | None = None
    graph: str | None = None
    where: str | None = None
    older: float | None = None

    @property
    def given(self) -> bool:
        return any(part is not None for part in self)


def query_of(status: str | None, graph: str | None, where: str | None, older: str | None) -> Query:
    """The query of these options. Raises UsageError."""
    if status is not None and status not in STATUSES:
        from trellis.model.problems import suggestion

        told = suggestion(status, STATUSES) or f"; known: {', '.join(STATUSES)}"
        raise UsageError(f"no run has the status '{status}'{told}")
    age = None
    if older is not None:
        from trellis.model.durations import parse_duration

        try:
            age = parse_duration(older)
        except ValueError as error:
            raise UsageError(f"--older: {error}") from None
    return Query(status, graph, where, age)


async def found(store: Any, query: Query, *, limit: int | None = None) -> list[Any]:
    """The rows that the query finds, the newest first. Where it could find none, says why. Raises UsageError."""
    from trellis.hosts.clock import SystemClock
    from trellis.hosts.operations import select, unindexed

    before = SystemClock().now() - query.older if query.older is not None else None
    rows = await select(store, status=query.status, name=query.graph, where=query.where, older_than=before, limit=limit)
    if not rows and query.where is not None:
        from trellis.model.problems import suggestion

        missing = await unindexed(store, query.where, status=query.status, name=query.graph)
        for field, known in missing.items():
            tell(f"--where: none of the runs has an indexed field '{field}'{suggestion(field, known)}")
    return rows


def one_or_query(run: str | None, query: Query) -> None:
    """Raises UsageError where it is not said which runs are meant, or said twice."""
    if run is None and not query.given:
        raise UsageError("name a run, or say which: --status, --graph, --where, --older")
    if run is not None and query.given:
        raise UsageError("name a run, or say which with --status, --graph, --where, --older; not both")


Act = Callable[[str], Awaitable[str]]
"""Does something to the run of an id, and says what was done."""


async def for_each(runs: Sequence[str], act: Act, *, batch: bool, dry: bool, yes: bool) -> int:
    """Do it to each run; what cannot be done to one is said, and the others go on. Gives the exit code.

    One run that was named fails as it does, by raising. Runs that a query found are shown by `dry`, and need `yes`.
    """
    if dry:
        for run in runs:
            put(run)
        tell(f"{counted(len(runs), 'run')}; nothing was done")
        return 0
    if batch and runs and not yes:
        raise UsageError(f"{counted(len(runs), 'run')} would be changed: look at them with --dry-run, then say --yes")
    failures = 0
    for run in runs:
        try:
            put(await act(run))
        except TrellisError as error:
            if not batch:
                raise
            failures += 1
            tell(f"error: {error}" if f"'{run}'" in str(error) else f"error: run '{run}': {error}")
    if batch:
        tell(f"{counted(len(runs) - failures, 'run')} done" + (f", {failures} not" if failures else ""))
    return FAILED if failures else 0


_HELP = {
    "status": f"Only runs of this status: {', '.join(STATUSES)}.",
    "graph": "Only runs of the graph of this name.",
    "where": "Only runs for which this holds: an expression over indexed fields, user == 'ana'.",
    "older": "Only runs whose last event was so long ago: 30d, 12h.",
}


def query_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a query."""
    names = {"status": "STATUS", "graph": "NAME", "where": "EXPR", "older": "AGE"}
    for name, metavar in reversed(names.items()):
        command = click.option(f"--{name}", metavar=metavar, help=_HELP[name])(command)
    return command


dry_option = click.option("--dry-run", "dry", is_flag=True, help="Only say which runs these are.")
yes_option = click.option("--yes", is_flag=True, help="Do it to all runs that the query finds.")
