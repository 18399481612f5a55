"""Which files of a project change, whatever way they are saved: written, renamed into place, linked, taken away and put back.

Each folder is watched by itself, so what is hidden or kept for programs (`.trellis`, `.git`, virtual environments) costs
nothing and wakes nobody. Where the set of folders changes it is watched anew, and then anything may have changed.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from itertools import islice

from watchfiles._rust_notify import RustNotify

from trellis.project.files import folders_below

STEP_MS, BURST_MS, LOOK_MS = 20, 200, 2_000
"""How long nothing more may change until a change is told; how long a burst is waited for; how often it is looked
whether the folders are still those that are watched, whatever was told of them."""
MOST = 1_000
"""How many folders are watched at most, the nearer ones first; beside those of the files that were asked for."""
_HOW = (False, bool(os.environ.get("WATCHFILES_FORCE_POLLING")), 300, False, True)
"""No words of its own; by looking again and again, and how often in milliseconds; no folders below; none that may not be read."""
GONE_S = 0.2
"""How often it is looked for a root that is gone."""


async def watch(root: str, suffixes: tuple[str, ...], asked: Collection[str]) -> AsyncGenerator[frozenset[str], None]:
    """The names of files below `root` that changed; none of them: any may have. A name is the POSIX path from there.

    Told of are the files that end in one of `suffixes`, and those that were `asked` for, a set that may grow. Raises
    OSError where the system watches no more folders.
    """
    told_gone = False
    while True:
        folders = await asyncio.to_thread(_folders, root, asked)
        if not folders:
            if not told_gone:
                yield frozenset()
            told_gone = True
            await asyncio.sleep(GONE_S)
            continue
        told_gone = False
        try:
            notify = RustNotify(sorted(folders), *_HOW)
        except FileNotFoundError:  # one has gone since
            continue
        with notify:
            watched = _Watched(root, suffixes, asked, folders)
            yield frozenset()  # what changed while nobody looked
            while not watched.outdated:
                names = await asyncio.to_thread(watched.names, await _changes(notify))
                if names:
                    yield names


async def _changes(notify: RustNotify) -> Iterable[tuple[int, str]]:
    """What changed since the last call; nothing where that was long ago."""
    stop = threading.Event()
    try:
        found = await asyncio.to_thread(notify.watch, BURST_MS, STEP_MS, LOOK_MS, stop)
    finally:
        stop.set()  # a thread is not cancelled with the one who waits for it
    return found if isinstance(found, set) else ()


class _Watched:
    """What the folders are that are watched, and which names changes in them mean."""

    def __init__(self, root: str, suffixes: tuple[str, ...], asked: Collection[str], folders: dict[str, int]) -> None:
        self._root, self._suffixes, self._asked, self._folders = root, suffixes, asked, folders
        self._known = len(asked)
        self._linked = {name: _seen(root, name) for name in _linked(root, asked)}
        self._ways = _ways(root, folders, asked)
        self.outdated = False
        """Whether other folders are to be watched now."""

    def names(self, changes: Iterable[tuple[int, str]]) -> frozenset[str]:
        """The documents that changed, by what the system tells."""
        root, asked, found, folders = self._root, self._asked, set[str](), False
        for _, path in changes:
            told = path.endswith(self._suffixes) and not os.path.basename(path).startswith(".")
            found.update(name for name in self._names(path) if told or name in asked)
            folders = folders or path in self._folders or os.path.isdir(path)
        for name, before in self._linked.items():
            now = _seen(root, name)
            if now != before:
                self._linked[name] = now
                found.add(name)
        if _identity(root) != self._folders.get(root):
            self.outdated = True  # nobody may have told of that
        elif folders or len(asked) != self._known:
            self._known, self._ways = len(asked), _ways(root, self._folders, asked)
            self.outdated = _folders(root, asked) != self._folders or _linked(root, asked) != self._linked.keys()
        return frozenset(found)

    def _names(self, path: str) -> Iterator[str]:
        """All names of what is at a path: of a folder that several ways lead to, the system tells by one of them."""
        folder, file = os.path.split(path)
        for way in {folder, *self._ways.get(os.path.realpath(folder), ())}:
            if os.path.join(way, "").startswith(os.path.join(self._root, "")):
                yield os.path.relpath(os.path.join(way, file), self._root).replace(os.sep, "/")


def _ways(root: str, folders: Collection[str], asked: Collection[str]) -> dict[str, set[str]]:
    """Folder without links -> all paths by which it is watched, or was asked for."""
    ways: dict[str, set[str]] = {}
    for folder in {*folders, *(os.path.dirname(_place(root, name)) for name in tuple(asked))}:
        ways.setdefault(os.path.realpath(folder), set()).add(folder)
    return ways


def _folders(root: str, asked: Collection[str]) -> dict[str, int]:
    """The folders to watch, each with what tells it from another one of its name: those of the project, those around
    all that was asked for, and those that links lead to."""
    real_root = os.path.realpath(root)
    wanted = dict.fromkeys(islice(folders_below(root), MOST))
    for name in tuple(asked):
        place = _place(root, name)
        for path, top in ((place, root), (os.path.realpath(place), real_root)):
            while path.startswith(os.path.join(top, "")):
                path = os.path.dirname(path)
                wanted[path] = None
    found = {}
    for folder in wanted:
        known = _identity(folder)
        if known is not None:
            found[folder] = known
    return found


def _identity(folder: str) -> int | None:
    """What tells a folder from another one of its name; None where there is none."""
    try:
        return os.stat(folder).st_ino
    except (OSError, ValueError):
        return None


def _linked(root: str, asked: Collection[str]) -> set[str]:
    """The names that were asked for and are links, or lead through one."""
    real_root = os.path.realpath(root)
    found = set()
    for name in tuple(asked):
        place = _place(root, name)
        if place.startswith(os.path.join(root, "")):
            straight = os.path.join(real_root, os.path.relpath(place, root))
            if os.path.realpath(place) != straight:
                found.add(name)
    return found


def _seen(root: str, name: str) -> tuple[int, int, int] | None:
    """What tells one content of a file from another, as far as it shows from outside."""
    try:
        about = os.stat(_place(root, name))
    except (OSError, ValueError):
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def _place(root: str, name: str) -> str:
    return os.path.normpath(os.path.join(root, name))
