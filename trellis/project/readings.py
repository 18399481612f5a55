"""The documents of a loader as they are written, kept by content: none is read twice that did not change."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from trellis.errors import Unreadable
from trellis.model.folders import HEADS, around, inside
from trellis.model.problems import Problem
from trellis.model.values import digest
from trellis.project.folders import is_folder, named, octets, parts
from trellis.project.loaders import Loader

if TYPE_CHECKING:
    from trellis.loaders import Reading


class Readings:
    """What a loader gives, read. It believes the loader's first word on a name until `forget` is told otherwise.
    `shown`: how problems call a document."""

    def __init__(self, loader: Loader, shown: Callable[[str], str]) -> None:
        self.loader, self.shown = loader, shown
        self._digests: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._refused: dict[str, Unreadable] = {}
        self._unread: dict[str, bytes] = {}
        """What was got and not read yet."""
        self._readings: dict[str, tuple[str, Reading]] = {}
        self._parts: dict[str, tuple[str, Reading | None]] = {}
        """What files are as parts of their folder."""
        self._files: dict[str, list[str]] = {}
        """Of each folder that was asked for, the files that its graph may be made of."""

    def reading(self, name: str) -> Reading:
        """The document as it is written; one that ends with `/` is the graph of that folder. Raises Unreadable."""
        known = self.digest(name)
        if not known:
            raise self._refused[name]
        before = self._readings.get(name)
        if before is not None and before[0] == known:
            return before[1]
        _load_parser()
        if name.endswith("/"):
            reading = self._folder(name)
        else:
            from trellis.loaders import read

            reading = read(self.shown(name), self._text(name))
        self._readings[name] = known, reading
        return reading

    def left_out(self, folder: str) -> dict[str, str]:
        """The files in a folder that was read that are no nodes, and would be but for what it says of each."""
        from trellis.loaders.folders import has_nodes

        before, files = inside(folder), self._files.get(folder, ())
        parts = {file: self._parts[before + file][1] for file in files if before + file in self._parts}
        for head in HEADS:
            reading = parts.get(head)
            if reading is not None and has_nodes(reading):
                return {file: f"{file} is none: {head} has `nodes`, so it has all of them" for file in parts}
        return {
            file: f"{file} has no front matter: begin it with two lines ---"
            for file, part in parts.items()
            if part is None and file.endswith(".md")
        }

    def called(self, name: str) -> str:
        """The name, with `/` behind it where it is that of a folder."""
        if name.endswith("/") or self.digest(name) or not is_folder(self.loader, name):
            return name
        return f"{name}/"

    def digest(self, name: str) -> str:
        """The digest of a document's octets, or of all that the graph of a folder may be made of; "" where there is no such
        thing."""
        known = self._digests.get(name)
        if known is None:
            known = self._digests[name] = self._fresh_folder(name) if name.endswith("/") else self._fresh(name)
        return known

    def forget(self, names: Iterable[str]) -> None:
        """Documents changed, came or went: these; none: any may have."""
        for name in tuple(names) or tuple(self._digests):
            self._digests.pop(name, None)
            self._digests.pop(f"{name}/", None)
            self._digests.pop(around(name), None)

    def hold(self, documents: Mapping[str, str]) -> bool:
        """Whether these are what they were: name -> digest."""
        return all(self.digest(name) == before for name, before in documents.items())

    def _fresh(self, name: str) -> str:
        try:
            data = self.loader.get(name)
        except Unreadable as error:
            self._refused[name] = error
            return ""
        return self._taken(name, data, self._readings)

    def _fresh_folder(self, name: str) -> str:
        before = inside(name)
        try:
            files = parts(self.loader, name)
            missing = [file for file in files if before + file not in self._digests]
            taken = sum(self._sizes.get(before + file, 0) for file in {*files}.difference(missing))
            for file, data in octets(self.loader, name, missing, taken):
                if isinstance(data, Unreadable):
                    self._refused[before + file], self._digests[before + file] = data, ""
                    self._sizes.pop(before + file, None)
                else:
                    self._digests[before + file] = self._taken(before + file, data, self._parts)
        except Unreadable as error:
            self._refused[name] = error
            return ""
        self._refused.pop(name, None)
        self._files[name] = files
        return digest("\n".join([f"{file} {self._digests[before + file]}" for file in files]).encode())

    def _taken(self, name: str, data: bytes, readings: Mapping[str, tuple[str, Reading | None]]) -> str:
        """The digest of octets that were got, which are kept where `readings` has none of them."""
        if not isinstance(data, bytes):
            raise TypeError(f"{type(self.loader).__name__}.get({name!r}) gave {type(data).__name__}: give bytes")
        self._refused.pop(name, None)
        known, self._sizes[name] = digest(data), len(data)
        before = readings.get(name)
        if before is None or before[0] != known:
            self._unread[name] = data
        return known

    def _text(self, name: str) -> bytes:
        """What was got of a document and not read, or is got again: it may have been read as a part, or as a whole."""
        data = self._unread.pop(name, None)
        return self.loader.get(name) if data is None else data

    def _folder(self, name: str) -> Reading:
        from trellis.loaders.folders import gather, read_parts

        before, shown = inside(name), self.shown(name)
        files, ahead = self._files[name], inside(shown)
        parts: dict[str, Reading | None] = {}
        fresh: list[str] = []
        for file in files:
            known, kept = self._digests[before + file], self._parts.get(before + file)
            if kept is not None and kept[0] == known:
                parts[file] = kept[1]
            elif known:
                parts[file] = None
                fresh.append(file)
            else:
                parts[file] = refused(ahead + file, self._refused[before + file])
        read = read_parts((ahead + file, self._text(before + file)) for file in fresh)
        for file, part in zip(fresh, read, strict=True):
            parts[file] = part
            self._parts[before + file] = self._digests[before + file], part
        return gather(shown, named(self.loader, name), parts)


def refused(shown: str, error: Unreadable) -> Reading:
    """What becomes of a document that cannot be read."""
    from trellis.loaders import Reading

    return Reading(None, (unreadable(shown, error),))


def unreadable(shown: str, error: Unreadable) -> Problem:
    """That a document cannot be read, as its one problem."""
    what = "folder" if shown.endswith("/") else "file"
    shown = shown.encode(errors="backslashreplace").decode()  # of a path that is no UTF-8
    return Problem(shown.rstrip("/"), 1, 1, "E100", "error", f"cannot read this {what}: {error.reason}", error.hint)


_DELAY = "MIMALLOC_PURGE_DELAY"
"""How long the native parser keeps memory that it does not need any more, in milliseconds; read as it is loaded."""


def _load_parser() -> None:
    """Load the native parser, so that it gives memory back at once: it takes 20 times the text, and would keep most."""
    if "yaml_rs" in sys.modules:
        return
    given = os.environ.get(_DELAY)
    os.environ.setdefault(_DELAY, "0")
    try:
        _load_for_good()
    finally:
        if given is None:
            os.environ.pop(_DELAY, None)


def _load_for_good() -> None:
    """Let a thread that lasts load the native parser, which crashes the process once the one that loaded it has ended."""
    from trellis.loaders.fast import load_parser

    if threading.current_thread() is threading.main_thread():
        load_parser()
        return

    loaded = threading.Event()

    def last() -> None:
        try:
            load_parser()
        finally:
            loaded.set()
        threading.Event().wait()

    threading.Thread(target=last, name="trellis parser", daemon=True).start()
    loaded.wait()
