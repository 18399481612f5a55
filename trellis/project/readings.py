"""The documents of a loader as they are written, kept by content: none is read twice that did not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from trellis.errors import Unreadable
from trellis.model.values import digest
from trellis.project.loaders import Loader

if TYPE_CHECKING:
    from trellis.loaders import Reading


class Readings:
    """What a loader gives, read. It believes the loader's first word on a name until `forget` is told otherwise.
    `shown`: how problems call a document."""

    def __init__(self, loader: Loader, shown: Callable[[str], str]) -> None:
        self.loader, self.shown = loader, shown
        self._digests: dict[str, str] = {}
        self._refused: dict[str, Unreadable] = {}
        self._unread: dict[str, bytes] = {}
        """What was got and not read yet."""
        self._readings: dict[str, tuple[str, Reading]] = {}

    def reading(self, name: str) -> Reading:
        """The document as it is written. Raises Unreadable."""
        from trellis.loaders import read

        known = self.digest(name)
        if not known:
            raise self._refused[name]
        before = self._readings.get(name)
        if before is not None and before[0] == known:
            return before[1]
        reading = read(self.shown(name), self._unread.pop(name))
        self._readings[name] = known, reading
        return reading

    def digest(self, name: str) -> str:
        """The digest of a document's octets, or of the names in the folder `name/`; "" where there is no such thing."""
        known = self._digests.get(name)
        if known is None:
            known = self._digests[name] = self._fresh(name)
        return known

    def forget(self, names: Iterable[str]) -> None:
        """Documents changed, came or went: these; none: any may have."""
        for name in tuple(names) or tuple(self._digests):
            self._digests.pop(name, None)
            around = name.rstrip("/")
            while around:  # what it is in has another name more, or less
                around = around.rpartition("/")[0]
                self._digests.pop(f"{around}/", None)

    def hold(self, documents: Mapping[str, str]) -> bool:
        """Whether these are what they were: name -> digest."""
        return all(self.digest(name) == before for name, before in documents.items())

    def _fresh(self, name: str) -> str:
        if name.endswith("/"):
            return digest("\n".join(sorted(self.loader.list(name))).encode())
        try:
            data = self.loader.get(name)
        except Unreadable as error:
            self._refused[name] = error
            return ""
        if not isinstance(data, bytes):
            raise TypeError(f"{type(self.loader).__name__}.get({name!r}) gave {type(data).__name__}: give bytes")
        self._refused.pop(name, None)
        known = digest(data)
        before = self._readings.get(name)
        if before is None or before[0] != known:
            self._unread[name] = data
        return known
