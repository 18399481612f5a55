"""The options that several commands share, and the command line that goes on with a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from trellis.cli.places import SCHEMES, STORE, absolute, command_line, root_here

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
    by: str = ""
    """Who answers."""
    headless: bool = False
    """Nobody is there: nothing is asked, stdin is not read."""
    ask_tools: bool = False
    """Whether each call of a tool is asked about."""

    def how_to_resume(self, run: str) -> str:
        """What becomes of `run`, which is still open, and the command that continues it."""
        if self.store == "memory://":
            return f"run {run} was kept in memory only and is gone"
        return f"run {run} stays open; continue with: {self.resume_command(run)}"

    def resume_command(self, run: str) -> str:
        """The exact command that goes on with `run` from here."""
        words = ["resume", run, *(["--ask-tools"] if self.ask_tools else []), *(["--as", self.by] if self.by else [])]
        return command_line(words, self.place, self.allow)

    @property
    def place(self) -> str | None:
        """The store as a command that is typed here has to name it; None where it need not."""
        if self.store is not None:
            return self.store
        return absolute(self.root) if root_here() != self.root else None


def _kinds(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`--allow process,http` is `--allow process --allow http`."""
    kinds = tuple(dict.fromkeys(kind.strip() for value in values for kind in value.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"'{kind}' is no kind of tool; known: {', '.join(KINDS)}", context, parameter)
    return kinds


allow_option = click.option(
    "--allow", multiple=True, metavar="KIND", callback=_kinds, help=f"Let the graph's {', '.join(KINDS)} tools run."
)
store_option = click.option("--store", metavar="URL", help=f"Where runs are kept: {SCHEMES}.  [default: {STORE}]")
own_id_option = click.option(
    "--id", "own_id", metavar="OWN", default="", help="Your own id of it: sent again under it, it counts once."
)
by_option = click.option("--by", "--as", "by", metavar="WHO", default="", help="Who does it; the journal keeps it.")
reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; the journal keeps it.")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def on_change_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--on-change`, for commands that watch."""
    return click.option(
        "--on-change", type=click.Choice(["adopt", "keep"]), default=default, show_default=True,
        help="With --watch: open runs adopt a new version where that is proved safe, or keep theirs.",
    )  # fmt: skip


_OPTIONS = (
    click.option("--store", metavar="URL", help=f"Where runs are kept: memory://, {SCHEMES}.  [default: {STORE}]"),
    click.option(
        "--answers", metavar="FILE", help="Answers as YAML or JSON, a list or a map by node; stdin is not read then."
    ),
    click.option("--headless", is_flag=True, help="Nobody is there: no question is put, stdin is not read."),
    click.option(
        "--output",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        help="auto: words for people, and a tree on a terminal; text: no tree; json: an object per line, for programs.",
    ),
    allow_option,
    click.option("--ask-tools", is_flag=True, help="Ask before each call of a tool; anything but yes is a no."),
    click.option("--as", "by", metavar="WHO", default="", help="Who answers; the journal keeps it, approvals need it."),
)


def session_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that `run` and `resume` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
