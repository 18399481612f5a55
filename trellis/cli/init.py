"""`trellis init`: a small project that runs, with its test; nothing that is there already is touched."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import click

from trellis.cli import COMMANDS, tell
from trellis.cli.output import put
from trellis.errors import UsageError

TEMPLATES = {
    "chat": "A conversation: questions, answers, articles, a person as the last resort.",
    "saga": "Bookings that come about whole or are taken back: all, undo, rollback.",
    "machine": "States with relations: a door, as a machine in a program and in a workflow.",
    "agent": "A model that chooses tools, sees what they give, and asks before what stays.",
    "embed": "A program around a graph: its own actions, a signal, a test without waiting.",
}
"""Each template with what it shows."""
_TRIES = {"machine": "python door.py", "embed": "python app.py"}
"""Template -> the program in it that is worth a look."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_VALUES = ("true", "false", "null")
"""What YAML takes for something else than a name."""


@click.command("init", short_help=COMMANDS["init"])
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(readable=False))
@click.option(
    "--template", type=click.Choice(list(TEMPLATES)), default="chat", show_default=True, help="What it shows."
)
def command(folder: str, template: str) -> int:
    """Make a project in DIR, or here: a graph, its states, its tools, a test of it, and settings for editors.

    \b
    chat     a conversation: questions, answers, articles, a person as the last resort
    saga     bookings that come about whole or are taken back: all, undo, rollback
    machine  states with relations: a door, as a machine in a program and in a workflow
    agent    a model that chooses tools, sees what they give, and asks before what stays
    embed    a program around a graph: its own actions, a signal, a test without waiting

    Nothing is overwritten: where one of its files is there already, nothing is written at all.
    """
    if not folder:
        raise UsageError("'' is no name for a folder; here is .")
    made = files(template, Path(folder))
    taken = [name for name in made if os.path.lexists(Path(folder, name))]
    if taken:
        verb = "is" if len(taken) == 1 else "are"
        where = "" if folder == "." else f" in {folder}"
        raise UsageError(f"{', '.join(taken)} {verb} there already{where}; nothing was written: name another folder")
    _write(Path(folder), made)
    from trellis.editor.kept import write_schema
    from trellis.project import find_root

    write_schema(find_root(Path(folder, "graph.yaml")))
    for name in made:
        put(os.path.normpath(Path(folder, name)))
    tell(f"\ntry:{_tries(template, folder)}")
    return 0


def files(template: str, folder: Path) -> dict[str, str]:
    """The texts of a template by path from the folder, as they are for that folder."""
    from importlib.resources import files as packaged
    from importlib.resources.abc import Traversable

    from trellis.editor.kept import modeline
    from trellis.project.files import MARKERS, find_root

    around = Path(os.path.abspath(folder))
    root = find_root(around / "graph.yaml")
    alone = not any((root / marker).exists() for marker in MARKERS)
    found: dict[str, str] = {}

    def collect(part: Traversable, before: str) -> None:
        for entry in sorted(part.iterdir(), key=lambda entry: entry.name):
            if entry.is_dir() and entry.name != "__pycache__":
                collect(entry, f"{before}{entry.name}/")
            elif entry.is_file():
                found[before + entry.name] = entry.read_text("utf-8")

    templates = packaged("trellis.cli") / "templates"
    collect(templates / template, "")
    if alone or root == around:
        collect(templates / "common", "")
    if not alone:
        found.pop("trellis.toml", None)
    name = around.name if _NAME.fullmatch(around.name) and around.name.lower() not in _VALUES else template
    graph = found["graph.yaml"].partition("\n")[2].replace(f"\nname: {template}\n", f"\nname: {name}\n")
    found["graph.yaml"] = f"{modeline(root, around / 'graph.yaml')}\n{graph}"
    return found


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """All of these files, or none. Raises OSError, naming the one that could not be written."""
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            for above in reversed(path.parents):
                if not above.exists():
                    above.mkdir()
                    made.append(above)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except OSError:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise


def _tries(template: str, folder: str) -> str:
    import shlex

    steps = [] if folder == "." else [f"cd {shlex.quote(folder)}"]
    steps += ["trellis validate graph.yaml", "trellis run graph.yaml", "python -m pytest"]
    if template in _TRIES:
        steps.insert(len(steps) - 1, _TRIES[template])
    return "".join(f"\n  {step}" for step in steps)
