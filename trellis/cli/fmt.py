"""`trellis fmt`: documents in the house style, in their files or on stdout."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable

import click

from trellis.cli import COMMANDS, counted, tell
from trellis.cli.output import put

INVALID = 3
UNFORMATTED = 1
STDIN = "-"
NAMES = (".yaml", ".yml", ".md")
"""How the names of documents end."""


@click.command("fmt", short_help=COMMANDS["fmt"])
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(readable=False))
@click.option(
    "--check", is_flag=True, help="Write nothing; name the files that would change, and end with 1 if any would."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def command(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Lay documents out in the house style. What they say stays as it is, and so do comments, quotes, and the order of keys.

    A folder stands for the documents in it, `-` for stdin, which is written to stdout. A file that is no YAML is left as
    it is; its problems are told, and the command ends with 3.
    """
    from trellis.authoring.formatting import formatted
    from trellis.errors import Unreadable
    from trellis.project.files import read_file
    from trellis.project.readings import unreadable
    from trellis.project.writing import replace_file

    invalid = changed = 0
    for path in _documents(files):
        try:
            data = sys.stdin.buffer.read() if path == STDIN else read_file(path)
        except Unreadable as error:
            tell(str(unreadable(path, error)))
            invalid += 1
            continue
        name = "stdin.yaml" if path == STDIN else path
        made = formatted(name, data)
        for problem in made.problems:
            tell(str(problem))
        if made.text is None:
            invalid += 1
            continue
        new = made.text.encode()
        changed += new != data
        if diff and new != data:
            put(unified(name, data.decode(), made.text).removesuffix("\n"))
        if check and new != data and not diff:
            put(name)
        if path == STDIN and not (check or diff):
            put(made.text.removesuffix("\n"))
        elif new != data and not (check or diff):
            replace_file(path, new, was=data)
            put(path)
    if not (check or diff) and STDIN not in files:
        tell(f"{counted(changed, 'file')} formatted")
    if invalid:
        tell(f"error: {counted(invalid, 'file')} cannot be formatted")
        return INVALID
    return UNFORMATTED if check and changed else 0


def unified(path: str, before: str, after: str) -> str:
    """The lines in which two texts of a file differ, as `diff -u` shows them."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _documents(files: Iterable[str]) -> Iterable[str]:
    """The files that are named, and those in the folders that are; each once."""
    for path in dict.fromkeys(files):
        if not os.path.isdir(path):
            yield path
            continue
        for name in sorted(os.listdir(path)):
            inside = os.path.join(path, name)
            if name.endswith(NAMES) and not name.startswith(".") and os.path.isfile(inside):
                yield inside
