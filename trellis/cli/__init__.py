"""The command line: each command is a module of its own, imported when it is called, so that help comes at once."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from trellis.cli.output import on_terminal, put
from trellis.errors import InvalidGraph, TrellisError

COMMANDS = {
    "init": "Make a small project that runs, with its test.",
    "run": "Run a graph, or go on with a run of it.",
    "resume": "Go on with a run where it stopped.",
    "answer": "Answer what a run asks.",
    "signal": "Send a run a signal.",
    "runs": "Find runs, look at them, take care of them.",
    "worker": "Serve a store: recover runs, fire timers, schedules.",
    "schedule": "See when schedules fire, and what they did.",
    "db": "The format of a store, and keys for secrets.",
    "validate": "Check documents; every problem, with its place.",
    "explain": "Say what the code of a problem means.",
    "fmt": "Lay documents out in the house style.",
    "mv": "Rename a node, or what else has a name.",
    "plan": "Show what a run would do, without doing it.",
    "graph": "Draw a graph, or where a run of it is.",
    "schema": "The JSON Schemas of documents, for editors.",
    "lsp": "Serve an editor: problems, completion, names.",
    "import": "Make a graph of a project of another system.",
    "version": "Show the version.",
}
"""Every command with its short help: what `trellis --help` shows without importing one."""

UNWRITABLE = 1
INTERRUPTED = 130


class Commands(click.Group):
    """Finds a command in the module of its name in `package`. `table` has each with its short help."""

    def __init__(self, *arguments: Any, table: Mapping[str, str], package: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._table, self._package = table, package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._table:
            return None
        from importlib import import_module

        module = cmd_name + "_" * (cmd_name == "import")  # a word of Python, and no name for a module
        command: click.Command = import_module(f"{self._package}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(self._table.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._table and not args[0].startswith("-"):
            from trellis.model.problems import suggestion

            within = ctx.command_path.partition(" ")[2]
            what = f"'{within} {args[0]}'" if within else f"'{args[0]}'"
            ctx.fail(f"no command {what}{suggestion(args[0], self._table)}")
        return super().resolve_command(ctx, args)


def subcommands(name: str, table: Mapping[str, str], package: str) -> Callable[[Callable[..., Any]], Commands]:
    """Makes a function the command `name` whose own commands are the modules of `package`."""
    return click.group(
        name,
        cls=Commands,
        table=table,
        package=package,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        subcommand_metavar="COMMAND …",
    )


@subcommands("trellis", COMMANDS, "trellis.cli")
@click.pass_context
def trellis(context: click.Context) -> None:
    """Run workflows written as YAML graphs."""
    if context.invoked_subcommand is None:
        put(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Perform one command line and give its exit code. What can be expected to go wrong is said, without a traceback.

    Without `arguments` it is the whole program: those of the process are taken.
    """
    if arguments is None:
        _prepare_streams()
        gc.set_threshold(100_000)  # what is imported stays: looking through it for garbage is a tenth of a short run
    try:
        code = _perform(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output went away, which is its right
        discard_output()
        code = INTERRUPTED
    except OSError as error:
        if error.filename is None:
            discard_output()
        what = error.filename or "cannot write the output"
        tell(f"error: {what}: {error.strerror or error}")
        code = UNWRITABLE
    if arguments is None:
        gc.freeze()  # the process ends: nothing is left to collect for, and the interpreter tries several times
        if "temporalio" in sys.modules:
            _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End the process, which lets others do first what they do at its end, but takes no interpreter down.

    Temporal's library has threads that may crash one then: of some programs whose last call has just failed, one in ten.
    """
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _prepare_streams() -> None:
    """A stream that is closed takes everything; a character that stdout cannot show stops no run, and none steers."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout, sys.stderr = on_terminal(sys.stdout), on_terminal(sys.stderr)


def _perform(arguments: Sequence[str] | None) -> int:
    try:
        code = trellis.main(arguments, prog_name="trellis", standalone_mode=False)
    except click.UsageError as error:
        version = getattr(error, "option_name", None) == "--version"  # what looks like it means something else
        tell(f"error: {_NO_VERSION if version else _sentence(error)}")
        if version:
            tell("try: trellis version")
        elif error.ctx is not None:
            tell(f"try: {error.ctx.command_path} --help")
        return error.exit_code
    except click.ClickException as error:
        tell(f"error: {error.format_message()}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell("interrupted")
        return INTERRUPTED
    except InvalidGraph as error:
        tell(str(error))
        tell(f"error: {counted(len(error.problems), 'problem')}, nothing was run")
        return error.exit_code
    except TrellisError as error:
        tell(f"error: {error}")
        return error.exit_code
    return code if isinstance(code, int) else 0


def tell(text: str) -> None:
    """Words for people go to stderr; where that is gone, with its terminal, nobody is left to read them."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def counted(number: int, word: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def discard_output() -> None:
    """Nobody reads stdout any more: what is still to come goes nowhere, and says nothing about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


_NO_VERSION = "no such option '--version'"


def _sentence(error: click.UsageError) -> str:
    text = error.format_message()
    return text[:1].lower() + text[1:].removesuffix(".")
