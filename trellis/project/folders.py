"""The files of a folder, as a loader gives them: which there are, and what is in them.

A folder is called with a `/` behind its name, `graphs/tour/`; the one where the project begins is `./`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from trellis.errors import Unreadable
from trellis.model.folders import HEADS, inside, node_in, parts_of
from trellis.model.problems import Problem
from trellis.model.values import SIZE
from trellis.project.files import NO_TEXT, files_in, is_text, read_inside, reason_of
from trellis.project.loaders import FileLoader, Loader

MOST = 20_000
"""How many files a graph may be made of. Together they are no longer than one document may be."""


def is_folder(loader: Loader, name: str) -> bool:
    """Whether a loader has a folder of this name, with or without a `/` behind it."""
    if isinstance(loader, FileLoader):
        return os.path.isdir(loader.place(name))
    return any(True for _ in loader.list(name))


def named(loader: Loader, folder: str) -> str:
    """What a graph in this folder is called where its head does not say."""
    place = loader.place(folder) if isinstance(loader, FileLoader) else folder
    return os.path.basename(place.rstrip("/.")) or "graph"


def parts(loader: Loader, folder: str) -> list[str]:
    """The files that the graph of a folder may be made of, in order. Raises Unreadable."""
    before = inside(folder)
    if isinstance(loader, FileLoader):
        try:
            files = files_in(loader.root, before)
        except (OSError, ValueError) as error:
            raise Unreadable(folder, reason_of(error), "check the path") from error
        if not is_text(loader.place(folder)):
            raise Unreadable(folder, NO_TEXT, "rename it")
        loader.asked.add(before + HEADS[0])  # so that the folder is watched, wherever it is
    else:
        names = [name[len(before) :] for name in loader.list(folder) if name.startswith(before)]
        if not names:
            raise Unreadable(folder, "there is no folder of that name", "check the path")
        files = [name for name in names if "/" not in name]
    found = parts_of(files)
    if not is_text("".join(found)):
        odd = ascii(next(file for file in found if not is_text(file)))
        raise Unreadable(folder, f"the name {odd} in it is no UTF-8", "rename that file")
    if len(found) > MOST:
        reason = f"it holds {len(found):,} files of nodes, a graph has at most {MOST:,}"
        raise Unreadable(folder, reason, "make several graphs of it, and `use` them")
    return found


def explained(problems: Iterable[Problem], left_out: Mapping[str, str]) -> list[Problem]:
    """The problems, where those of targets that mean a file which was left out say why."""
    whys = {f"no node named '{node_in(file)}'": why for file, why in left_out.items()}
    return [
        replace(each, hint=whys[each.message]) if each.code == "E204" and each.message in whys else each
        for each in problems
    ]


def octets(
    loader: Loader, folder: str, files: Iterable[str], taken: int = 0
) -> Iterator[tuple[str, bytes | Unreadable]]:
    """Each of these files of a folder with its octets, or with the reason why there are none; its other files have `taken`
    octets. Raises Unreadable."""
    room = SIZE - taken
    each = _each(loader, folder, files)
    while room >= 0:
        found = next(each, None)
        if found is None:
            return
        yield found
        room -= len(found[1]) if isinstance(found[1], bytes) else 0
    reason = f"its files have more than {SIZE // 2**20} MiB, as much as a document has at most"
    raise Unreadable(folder, reason, "make several graphs of it, and `use` them")


def _each(loader: Loader, folder: str, files: Iterable[str]) -> Iterator[tuple[str, bytes | Unreadable]]:
    if isinstance(loader, FileLoader):
        try:
            yield from read_inside(loader.place(folder), files, loader.root)
        except OSError as error:
            raise Unreadable(folder, reason_of(error), "check the path") from error
        return
    for file in files:
        try:
            yield file, loader.get(inside(folder) + file)
        except Unreadable as error:
            yield file, error
