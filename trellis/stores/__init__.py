"""Stores keep journals: they hold bytes, and know nothing of what an event means.

    base      the promise, `Store`, and what it is made of
    memory    memory://                  gone with the process
    file      file:DIR                   a folder of text files, for few runs on one machine
    sqlite    sqlite:///FILE             one file, shared by the processes of one machine
    postgres  postgresql://HOST/DATABASE shared by the hosts of many machines
    redis     redis://HOST/NUMBER        the same, as durable as its server is set up to be
    matching  which rows were asked for, where no database decides it
    owner     who is alive: an OS lock that its holder's death frees
    urls      URLs as they may be shown
    control   how an owner is reached by the other processes of its machine
    locks     lockers: locks by key with fencing tokens

A backend is imported when its first store is opened.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trellis.stores.base import Store

_LIBRARIES = {"postgres": "psycopg", "redis": "redis", "temporal": "temporalio"}
_KNOWN = "memory://, file:DIR, sqlite:///FILE, postgresql://HOST/DATABASE, redis://HOST/NUMBER"


def open_store(url: str, *, root: str = ".") -> Store:
    """The store at `url`, made where there is none yet; close it when done.

    `sqlite:///runs.db` is a file under the folder `root`, `sqlite:////var/runs.db` an absolute path; `file:runs` is a
    folder under `root`, `file:/var/runs` an absolute one; the folders above are made. A server is reached at the first
    use, and not before. Raises StoreUnavailable, StoreTooNew, StoreCorrupt or StoreFull; another's file is left as it
    was.
    """
    scheme, colon, rest = url.partition(":")
    match scheme if colon else "":
        case "memory" if rest == "//":
            from trellis.stores.memory import MemoryStore

            return MemoryStore()
        case "file" if _folder(rest):
            from trellis.stores.file import FileStore

            return FileStore(url, path=_folder(rest), root=root)
        case "sqlite" if rest.startswith("///") and rest.strip("/"):
            from trellis.stores.sqlite import SqliteStore

            return SqliteStore(url, path=rest[3:], root=root)
        case "postgresql" | "postgres" if rest.startswith("//"):
            try:
                from trellis.stores.postgres import PostgresStore
            except ImportError as error:
                raise unloaded(scheme, "postgres", error) from error
            return PostgresStore(url)
        case "redis" | "rediss" | "unix" if rest.startswith("//"):
            try:
                from trellis.stores.redis import RedisStore
            except ImportError as error:
                raise unloaded(scheme, "redis", error) from error
            return RedisStore(url)

    from trellis.errors import StoreUnavailable
    from trellis.stores.urls import masked

    shown = masked(url)
    raise StoreUnavailable(shown, _advice(shown))


def unloaded(scheme: str, extra: str, error: ImportError) -> Exception:
    """What to say where a library of `extra` does not load. The URL may hold a password, so it stays unsaid."""
    library = (error.name or _LIBRARIES[extra]).partition(".")[0]
    if library == "trellis":
        return error
    from trellis.errors import StoreUnavailable

    lacks = f"it needs '{library}'"
    if not isinstance(error, ModuleNotFoundError):  # it is there, and lacks a part of its own
        reason = str(error).partition("\n")[0].rstrip(".")
        lacks = f"'{library}' does not load: {reason}"
    return StoreUnavailable(f"{scheme}://…", f"{lacks}; pip install 'trellis-engine[{extra}]'")


def _folder(rest: str) -> str:
    """The folder that stands after `file:`, also as `file:///var/runs`; empty where none does."""
    if rest.startswith("//"):
        rest = rest[2:] if rest.startswith("///") else ""
    return rest if rest.strip("/") else ""


def _advice(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    place = (rest if colon else url).strip("/")
    file = place or "runs.db"
    if not colon and url.startswith("/"):
        file = "/" + file
    if scheme == "sqlite" and colon:
        return f"the file comes after three slashes, an absolute path after four: sqlite:///{file}"
    if scheme == "file" and colon:
        return f"the folder comes after the colon: file:{place or 'runs'}, or file:/{place or 'var/runs'}"
    if scheme in ("postgresql", "postgres", "redis", "rediss") and colon:
        return f"the host comes after two slashes: {scheme}://{place or 'localhost'}"
    if scheme == "temporal" and colon:
        return (
            "it is a Temporal server, which keeps runs and no tables of ours; `trellis run FILE --on` starts one there"
        )
    from difflib import get_close_matches

    near = get_close_matches(scheme, ("memory", "sqlite", "postgresql", "redis"), n=1) if colon else ["sqlite"]
    guess = {
        "memory": "; did you mean memory://?",
        "sqlite": f"; did you mean sqlite:///{file}?",
        "postgresql": f"; did you mean postgresql://{place}?",
        "redis": f"; did you mean redis://{place}?",
    }
    return f"unknown store '{scheme}'; known: {_KNOWN}{guess[near[0]] if near else ''}"
