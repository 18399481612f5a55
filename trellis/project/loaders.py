"""Where documents come from: a loader gives the octets behind a name, and never says what they mean.

A name is a POSIX path from the project's root, `graphs/build.yaml`, wherever the octets are kept.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple, Protocol

from trellis.errors import Unreadable, UsageError
from trellis.model.folders import beside as beside

if TYPE_CHECKING:
    import asyncio

SUFFIXES = (".yaml", ".yml", ".md")
"""How the names of files end that may be documents."""


class Reload(NamedTuple):
    """Documents changed, came or went. `names`: which; none: any of them may have."""

    names: frozenset[str] = frozenset()


class Loader(Protocol):
    """Where the documents of a project are kept.

    `trellis.testing.LoaderContract` is what this promises, as tests.
    """

    def get(self, name: str) -> bytes:
        """The octets of a document, whole. Raises Unreadable where there is none of that name, or it is out of reach."""

    def list(self, under: str = "") -> Iterable[str]:
        """The names of what may be documents, sorted: all of them, or those in the folder `under` and below it."""

    def watch(self) -> AsyncIterator[Reload]:
        """What changes from the first step of the iteration on; it ends only where there is nothing to watch.

        Whoever watches gets anew what is named, so one event may stand for many changes, and may name what is as it
        was. A change is told after `get` gives it.
        """


class FileLoader:
    """The files below the folder `root`; none from outside it, wherever links lead."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)
        self.asked: set[str] = set()
        """What was got so far: its changes are told too, however it is called."""

    def get(self, name: str) -> bytes:
        from trellis.project.files import read_file

        self.asked.add(name)
        try:
            return read_file(os.path.join(self.root, name), self.root)
        except Unreadable as error:
            raise Unreadable(name, error.reason, error.hint) from error

    def list(self, under: str = "") -> list[str]:
        from trellis.project.files import files_below

        return files_below(self.root, under, SUFFIXES)

    async def watch(self) -> AsyncGenerator[Reload, None]:
        from trellis.project.watching import watch

        async with aclosing(watch(self.root, SUFFIXES, self.asked)) as changes:
            async for names in changes:
                yield Reload(names)

    def place(self, name: str) -> str:
        """The absolute path of a document, for people and for the working directory of its tools; that of a folder ends
        with `/`."""
        return os.path.normpath(os.path.join(self.root, name)) + ("/" if name.endswith("/") else "")

    def name(self, path: str | os.PathLike[str]) -> str:
        """The name of the document at a path."""
        return os.path.relpath(os.path.abspath(path), self.root).replace(os.sep, "/")


class MemoryLoader:
    """Documents that a program holds, by name. `set` and `delete` change them, and whoever watches is told."""

    def __init__(self, documents: Mapping[str, str | bytes] | None = None) -> None:
        self._documents: dict[str, bytes] = {}
        self._watching: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str]]] = []
        for name, text in (documents or {}).items():
            self._documents[_plain(name)] = _octets(text)

    def get(self, name: str) -> bytes:
        found = self._documents.get(posixpath.normpath(name))
        if found is None:
            known = tuple(self._documents)  # others may put some meanwhile
            if any(each.startswith(f"{posixpath.normpath(name)}/") for each in known):
                raise Unreadable(name, "it is a folder", "name a file in it")
            from trellis.model.problems import did_you_mean

            raise Unreadable(name, "there is no document of that name", did_you_mean(name, known))
        return found

    def list(self, under: str = "") -> list[str]:
        folder = posixpath.normpath(under) if under else "."
        return sorted(name for name in tuple(self._documents) if folder == "." or name.startswith(f"{folder}/"))

    def set(self, name: str, text: str | bytes) -> None:
        """Put a document in its place, or in that of another. From any thread. Raises UsageError for a name that is no path."""
        self._documents[_plain(name)] = _octets(text)
        self._tell(name)

    def delete(self, name: str) -> None:
        """Take a document away, if it is there."""
        if self._documents.pop(posixpath.normpath(name), None) is not None:
            self._tell(name)

    async def watch(self) -> AsyncGenerator[Reload, None]:
        import asyncio

        queue: asyncio.Queue[str] = asyncio.Queue()
        watcher = asyncio.get_running_loop(), queue
        self._watching.append(watcher)
        try:
            while True:
                names = {await queue.get()}
                while not queue.empty():
                    names.add(queue.get_nowait())
                yield Reload(frozenset(names))
        finally:
            self._watching.remove(watcher)

    def _tell(self, name: str) -> None:
        for loop, queue in tuple(self._watching):
            loop.call_soon_threadsafe(queue.put_nowait, posixpath.normpath(name))


def _plain(name: str) -> str:
    plain = posixpath.normpath(name)
    if not name or plain.startswith(("/", "..")) or plain == ".":
        raise UsageError(
            f"{name!r} is no name of a document: write a path from the project's root, as graphs/build.yaml"
        )
    return plain


def _octets(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
