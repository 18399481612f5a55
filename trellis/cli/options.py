"""The options that `run` and `resume` share, where runs are kept, and the command line that goes on with one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from trellis.errors import UnknownRun, UsageError

if TYPE_CHECKING:
    from trellis.stores.base import Store

STORE = "sqlite:///.trellis/runs.db"
"""Where runs are kept, under the root of the project, unless `--store` says otherwise."""
KINDS = ("process",)
"""Kinds of tools that need permission when a graph names them."""


class Options(NamedTuple):
    """What was asked for: `store` None is the one of the project whose root is `root`.

    `existing` names the run that must be there already; then no store is made.
    """

    store: str | None
    answers: str | None
    output: str
    allow: tuple[str, ...]
    root: str
    existing: str | None = None

    def how_to_resume(self, run: str) -> str:
        """What becomes of `run`, which is still open, and the command that continues it."""
        if self.store == "memory://":
            return f"run {run} was kept in memory only and is gone"
        return f"run {run} stays open; continue with: {self.resume_command(run)}"

    def resume_command(self, run: str) -> str:
        """The exact command that goes on with `run` from here."""
        words = ["trellis", "resume", run]
        if self.store is not None:
            words += ["--store", self.store]
        elif root_here() != self.root:
            words += ["--store", _absolute(self.root)]
        for kind in self.allow:
            words += ["--allow", kind]
        return " ".join(map(_quoted, words))


def open_kept(store: str | None, root: str, existing: str | None = None) -> Store:
    """The store that `--store` names, or that of the project at `root`.

    With `existing`, the id of a run that must be in it, none is made. Raises UsageError, StoreError.
    """
    from trellis.stores import open_store

    url, folder = (STORE, root) if store is None else (store, ".")
    if existing is not None and not _there(url, folder):
        raise not_kept(UnknownRun(existing), store, root)
    return open_store(url, root=folder)


def not_kept(error: UnknownRun, store: str | None, root: str) -> UsageError:
    """The error with the store that was searched."""
    url = _absolute(root) if store is None else store
    return UsageError(f"{error}\nstore: {url}")


def _there(url: str, folder: str) -> bool:
    """Whether a store is at `url` already; what is no file is left to whoever opens it."""
    from pathlib import Path

    path = url.removeprefix("sqlite:///")
    return path == url or not path.strip("/") or Path(folder, path).exists()


def root_of(path: str) -> str:
    """The root of the project that the file at `path` is in."""
    from trellis.project import find_root

    return str(find_root(path))


def root_here() -> str:
    """The root of the project that the working directory is in."""
    return root_of("a file here")


def _absolute(root: str) -> str:
    from pathlib import Path

    return f"sqlite:///{(Path(root) / STORE.removeprefix('sqlite:///')).resolve().as_posix()}"


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _kinds(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`--allow process,http` is `--allow process --allow http`."""
    kinds = tuple(dict.fromkeys(kind.strip() for value in values for kind in value.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"'{kind}' is no kind of tool; known: {', '.join(KINDS)}", context, parameter)
    return kinds


_OPTIONS = (
    click.option(
        "--store", metavar="URL", help=f"Where runs are kept: memory:// or sqlite:///FILE.  [default: {STORE}]"
    ),
    click.option(
        "--answers", metavar="FILE", help="Answers as YAML or JSON, a list or a map by node; stdin is not read then."
    ),
    click.option(
        "--output",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        help="json: an object per line, for programs; text and auto: words for people.",
    ),
    click.option(
        "--allow", multiple=True, metavar="KIND", callback=_kinds, help=f"Let the graph's {', '.join(KINDS)} tools run."
    ),
)


def session_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that `run` and `resume` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
