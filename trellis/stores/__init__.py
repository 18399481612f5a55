"""Stores keep journals: they hold bytes, and know nothing of what an event means.

    base     the promise, `Store`, and what it is made of
    memory   memory://                  gone with the process
    sqlite   sqlite:///FILE             one file, shared by the processes of one machine
    owner    who is alive: an OS lock that its holder's death frees

A backend is imported when its first store is opened.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trellis.stores.base import Store

_KNOWN = "memory://, sqlite:///FILE"


def open_store(url: str, *, root: str = ".") -> Store:
    """The store at `url`, made where there is none yet; close it when done.

    `sqlite:///runs.db` is a file under the folder `root`, `sqlite:////var/runs.db` an absolute path; the folders above
    it are made. Raises StoreUnavailable, StoreTooNew, StoreCorrupt or StoreFull; another's file is left as it was.
    """
    if url == "memory://":
        from trellis.stores.memory import MemoryStore

        return MemoryStore()
    path = url.removeprefix("sqlite:///")
    if path != url and path.strip("/"):
        from trellis.stores.sqlite import SqliteStore

        return SqliteStore(url, path=path, root=root)

    from trellis.errors import StoreUnavailable

    raise StoreUnavailable(url, _advice(url))


def _advice(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    file = (rest if colon else url).strip("/") or "runs.db"
    if not colon and url.startswith("/"):
        file = "/" + file
    if scheme == "sqlite" and colon:
        return f"the file comes after three slashes, an absolute path after four: sqlite:///{file}"
    from difflib import get_close_matches

    near = get_close_matches(scheme, ("memory", "sqlite"), n=1) if colon else ["sqlite"]
    guess = {"memory": "; did you mean memory://?", "sqlite": f"; did you mean sqlite:///{file}?"}
    return f"unknown store '{scheme}'; known: {_KNOWN}{guess[near[0]] if near else ''}"
