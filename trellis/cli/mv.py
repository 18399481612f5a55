"""`trellis mv`: another name for a node, a field, a state, a signal or a tool, wherever it stands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from trellis.cli import COMMANDS, counted, tell
from trellis.cli.output import put
from trellis.errors import Unreadable, UsageError

if TYPE_CHECKING:
    from trellis.project.loaders import FileLoader

KNOWN_BY_RUNS = {"node": "nodes", "field": "fields"}
"""What open runs know by its name -> where `migrate:` tells them of the new one."""


@click.command("mv", short_help=COMMANDS["mv"])
@click.argument("old", metavar="NAME")
@click.argument("new", metavar="NEW")
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(readable=False))
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would change.")
def command(old: str, new: str, files: tuple[str, ...], dry_run: bool) -> int:
    """Rename a node, in all documents of the project, or something else: field:NAME, state:NAME, signal:NAME, tool:NAME.

    FILE is the one that declares it, where several do. A node in a body is written with its path, such as checks.http.
    """
    from trellis.authoring.renaming import named, rename
    from trellis.model.folders import HEADS, inside
    from trellis.project.files import find_root
    from trellis.project.loaders import FileLoader
    from trellis.project.writing import replace_files

    kind, name = named(old)
    loader = FileLoader(find_root(files[0] if files else os.path.join(os.curdir, "x")))
    within = [loader.name(path) + ("/" if os.path.isdir(path) else "") for path in files]
    documents = dict(_documents(loader))
    missing = [
        path for path, each in zip(files, within, strict=True) if not each.endswith("/") and each not in documents
    ]
    if missing:
        raise UsageError(f"{missing[0]} is no document of the project at {loader.root}")
    made = rename(documents, kind, name, new, within=within)
    heads = [inside(made.home) + head for head in HEADS] if made.home.endswith("/") else []
    home = next((head for head in heads if head in documents), made.home)
    shown = {each: os.path.relpath(os.path.join(loader.root, each)) for each in {*made.texts, *made.files, home}}
    if dry_run:
        from trellis.cli.fmt import unified

        for path, text in made.texts.items():
            put(unified(shown[path], documents[path].decode(), text).removesuffix("\n"))
        for path, other in made.files.items():
            put(f"rename {shown[path]} to {os.path.relpath(os.path.join(loader.root, other))}")
        return 0
    place = partial(os.path.join, loader.root)
    texts = {place(path): text.encode() for path, text in made.texts.items()}
    were = {place(path): documents[path] for path in made.texts}
    replace_files(texts, {place(path): place(other) for path, other in made.files.items()}, were=were)
    for path in sorted(shown.keys() & {*made.texts, *made.files}):
        put(shown[path])
    places = len(made.edits) + len(made.files)
    tell(f"{kind} {made.old} is {made.new} now, in {counted(places, 'place')}")
    if kind in KNOWN_BY_RUNS:
        tell(f"runs that are open know the old name; for them to adopt this version, add to {shown[home]}:")
        tell(f"  migrate: {{{KNOWN_BY_RUNS[kind]}: {{{_key(made.old)}: {_key(made.new)}}}}}")
    return 0


def _documents(loader: FileLoader) -> Iterator[tuple[str, bytes]]:
    """All documents of a project that can be read."""
    for name in loader.list():
        with suppress(Unreadable):  # nobody who names it can be compiled, and that is told of
            yield name, loader.get(name)


def _key(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
