"""Where a project ends, and how its files are read: nothing outside its root, nothing that is no plain file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from trellis.errors import Unreadable

MARKERS = ("pyproject.toml", "trellis.toml", ".git")
"""What the root of a project holds."""
LARGEST = 32 * 1024 * 1024
"""Octets of the largest file that is read at all. Loaders have their own, lower limit, and tell of it."""
DOCUMENTS = (".yaml", ".yml", ".md")
"""How the names of files end that may be meant where one is not there."""
NO_TEXT = "its path is no UTF-8"
TRIES = 5
"""How often a file is read that changes meanwhile."""


def find_root(path: str | os.PathLike[str]) -> Path:
    """The nearest folder around `path` that holds pyproject.toml, trellis.toml or .git; else the folder it is in.

    A folder is around itself.
    """
    place = Path(os.path.abspath(path))  # not resolved: links stay as they are
    folder = place if place.is_dir() else place.parent
    for around in (folder, *folder.parents):
        if any((around / marker).exists() for marker in MARKERS):
            return around
    return folder


def read_file(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> bytes:
    """The octets of a plain file inside its project, or inside the one at `root`. Raises Unreadable."""
    name = os.fspath(path)
    place = Path(os.path.abspath(name))
    if not is_text(str(place)):
        raise Unreadable(name, NO_TEXT, "rename it")
    try:
        real, around = place.resolve(), (find_root(place) if root is None else Path(root)).resolve()
        if not real.is_relative_to(around):
            raise Unreadable(name, f"it leads outside the project's root {around}", "no path leaves the project")
        kind = real.stat().st_mode
        if stat.S_ISDIR(kind):
            raise Unreadable(name, "it is a folder", "name a file in it")
        if not stat.S_ISREG(kind):
            raise Unreadable(name, "it is no plain file", "write the graph to a file first")
        return _read_whole(real, name)
    except OSError as error:
        hint = _nearest(place, root) or "check the path" if isinstance(error, FileNotFoundError) else ""
        raise Unreadable(name, reason_of(error), hint) from error
    except (ValueError, RuntimeError) as error:  # a NUL in the path; links that lead round in a circle
        raise Unreadable(name, str(error), "check the path") from error


def is_text(name: str) -> bool:
    """Whether a path is UTF-8, so that it can be kept, shown and sent."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nearest(place: Path, root: str | os.PathLike[str] | None) -> str:
    """`did you mean …?` for what lies in the same folder of the project under a name like this one; or an empty text."""
    from trellis.model.problems import did_you_mean

    try:
        folder = place.parent.resolve()
        if not folder.is_relative_to((find_root(place) if root is None else Path(root)).resolve()):
            return ""
        # Without their endings, which make most names alike.
        names = {
            Path(name).stem: name for name in os.listdir(folder) if name.endswith(DOCUMENTS) and name != place.name
        }
    except OSError:
        return ""
    near = did_you_mean(place.stem, names)
    return near and did_you_mean(names[near.split("'")[1]], [names[near.split("'")[1]]])


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be read, in a few words."""
    text = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    return text[:1].lower() + text[1:]


def _read_whole(real: Path, name: str) -> bytes:
    """The octets of a file as they were at one moment, as far as its times tell. Raises Unreadable, OSError."""
    for _ in range(TRIES):
        with real.open("rb") as file:
            before = os.fstat(file.fileno())
            data = file.read(LARGEST)
            after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return data
    raise Unreadable(name, "it changes while it is read", "try again once whoever writes it has finished")


def read_inside(folder: str, names: Iterable[str], root: str) -> Iterator[tuple[str, bytes | Unreadable]]:
    """Each of these files of one folder with its octets, or with the reason why there are none. Quick for many.

    Raises OSError where it is no folder, Unreadable where it is outside `root`.
    """
    real, around = os.path.realpath(folder), os.path.realpath(root)
    if not (real == around or real.startswith(os.path.join(around, ""))):
        raise Unreadable(folder, f"it leads outside the project's root {around}", "no path leaves the project")
    if _PLAIN is None:
        for name in names:
            yield name, _read_or_reason(os.path.join(folder, name), root)
        return
    handle = os.open(real, os.O_RDONLY)
    try:
        for name in names:
            yield name, _read_small(name, handle) or _read_or_reason(os.path.join(folder, name), root)
    finally:
        os.close(handle)


_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC if os.open in os.supports_dir_fd else None
_PAGE = 4096


def _read_small(name: str, folder: int) -> bytes:
    """The octets of a plain file that is no link and is read at once, so that nobody changes it meanwhile; else none."""
    assert _PLAIN is not None
    try:
        file = os.open(name, _PLAIN, dir_fd=folder)
    except (OSError, ValueError):
        return b""
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size >= _PAGE:
            return b""
        data = os.read(file, _PAGE)
        return data if len(data) == about.st_size else b""
    except OSError:
        return b""
    finally:
        os.close(file)


def _read_or_reason(path: str, root: str) -> bytes | Unreadable:
    try:
        return read_file(path, root)
    except Unreadable as error:
        return error


def files_in(root: str, folder: str) -> list[str]:
    """The names of what is in a folder of the one at `root` and is no folder itself. Raises OSError."""
    with os.scandir(os.path.join(root, folder)) as entries:
        return [entry.name for entry in entries if not _is(entry.is_dir)]


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link that leads to itself, or to where nobody may look, is of none."""
    try:
        return kind()
    except OSError:
        return False


def files_below(root: str, under: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files whose names end so in the folder `under` of the one at `root`, and below; by POSIX path from there."""
    found: list[str] = []
    for folder in folders_below(root, under):
        inside = "" if folder == root else os.path.relpath(folder, root).replace(os.sep, "/") + "/"
        try:
            with os.scandir(folder) as entries:
                found += [
                    inside + entry.name
                    for entry in entries
                    if entry.name.endswith(suffixes) and not entry.name.startswith(".") and _is(entry.is_file)
                ]
        except OSError:  # it has gone since
            continue
    return sorted(found)


def folders_below(root: str, under: str = "") -> Iterator[str]:
    """The folder `under` of the one at `root`, and those below it, the nearer ones first; each once, wherever links lead.

    Left out is what is hidden, what is kept for programs (node_modules, __pycache__, virtual environments), what cannot
    be read, and what is outside the root.
    """
    around = os.path.realpath(root)
    waiting = [os.path.normpath(os.path.join(root, under))]
    seen: set[str] = set()
    above = os.path.realpath(waiting[0])
    while above.startswith(os.path.join(around, "")):  # a link that leads to what it is in leads round in a circle
        above = os.path.dirname(above)
        seen.add(above)
    for folder in waiting:
        real = os.path.realpath(folder)
        if real in seen or not (real == around or real.startswith(os.path.join(around, ""))):
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if _is(entry.is_dir) or entry.name == "pyvenv.cfg")
        except OSError:
            continue
        if "pyvenv.cfg" in names:
            continue
        yield folder
        waiting += [os.path.join(folder, name) for name in names if name not in _OTHERS and not name.startswith(".")]


_OTHERS = frozenset(("node_modules", "__pycache__"))
