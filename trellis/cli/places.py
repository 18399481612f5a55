"""Where runs are kept: the URL that `--store` names, or the store of the project; and commands that name it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trellis.errors import StoreUnavailable, UnknownRun, UsageError

if TYPE_CHECKING:
    from trellis.hosts.local import Host
    from trellis.stores.base import Store

STORE = "sqlite:///.trellis/runs.db"
"""Where runs are kept, under the root of the project, unless `--store` says otherwise."""
SCHEMES = "file:DIR, sqlite:///FILE, postgresql://HOST/DATABASE, redis://HOST"


def open_kept(store: str | None, root: str, existing: str | None = None) -> Store:
    """The store that `--store` names, or that of the project at `root`.

    With `existing`, the id of a run that must be in it, none is made. Raises UsageError, StoreError.
    """
    from trellis.stores import open_store

    url, folder = (STORE, root) if store is None else (store, ".")
    if on_temporal(url):
        return runs_on_temporal(url)
    if existing is not None and not there(store, root):
        raise not_kept(UnknownRun(existing), store, root)
    must_be_folder(url, folder)
    return open_store(url, root=folder)


def on_temporal(store: str | None) -> bool:
    """Whether the runs are on a Temporal server."""
    return store is not None and store.startswith("temporal:")


def runs_on_temporal(url: str) -> Store:
    """The runs of a queue of a Temporal server, to look at and to speak to. Raises StoreUnavailable."""
    try:
        from trellis.hosts.temporal.kept import TemporalRuns
    except ImportError as error:
        from trellis.stores import unloaded

        raise unloaded("temporal", "temporal", error) from error
    return TemporalRuns(url)


def host_on_temporal(url: str, allow: Sequence[str], root: str) -> Host:
    """A host of runs on a Temporal server, which works there too where it may use tools. Raises StoreUnavailable."""
    from trellis.cli import tell

    try:
        from trellis.hosts.temporal.host import TemporalHost
    except ImportError as error:
        from trellis.stores import unloaded

        raise unloaded("temporal", "temporal", error) from error
    return TemporalHost(url, allow=allow, root=root, hindered=tell)  # type: ignore[return-value]


def must_be_folder(url: str, root: str) -> None:
    """Raises StoreUnavailable where a URL of a folder names a file."""
    from pathlib import Path

    path = file_of(url)
    if path is not None and url.startswith("file:") and Path(root, path).is_file():
        raise StoreUnavailable(url, f"{path} is a file; name a folder")


def not_kept(error: UnknownRun, store: str | None, root: str, hint: str = "") -> UsageError:
    """The error with the store that was searched."""
    return UsageError(f"{error}{hint}\nstore: {shown(store, root)}")


def there(store: str | None, root: str) -> bool:
    """Whether the store exists already; one that is no file of ours is left to whoever opens it."""
    from pathlib import Path

    url, folder = (STORE, root) if store is None else (store, ".")
    path = file_of(url)
    return path is None or Path(folder, path).exists()


def file_of(url: str) -> str | None:
    """The file or folder of a store that has one, as its URL names it."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest.startswith("///"):
        path = rest[3:]
    elif scheme == "file":
        path = rest[2:] if rest.startswith("///") else rest
    else:
        return None
    return path if path.strip("/") else None


def shown(store: str | None, root: str) -> str:
    """The URL as people may see it: absolute where it was not given, and without a password."""
    from trellis.stores.urls import masked

    return absolute(root) if store is None else masked(store)


def absolute(root: str) -> str:
    """The URL of the store of the project at `root`, from anywhere."""
    from pathlib import Path

    return f"sqlite:///{(Path(root) / STORE.removeprefix('sqlite:///')).resolve().as_posix()}"


def root_of(path: str) -> str:
    """The root of the project that the file at `path` is in."""
    from trellis.project import find_root

    return str(find_root(path))


def root_here() -> str:
    """The root of the project that the working directory is in."""
    return root_of("a file here")


def command_line(words: Sequence[str], store: str | None, allow: Sequence[str] = ()) -> str:
    """A command of ours as one can type it, with the store that was named; a password in its URL is to be filled in.

    A word in capitals between blanks, such as VALUE, stands for what one types there.
    """
    import shlex

    from trellis.stores.urls import masked

    given = ["trellis", *words]
    if store is not None:
        given += ["--store", masked(store)]
    for kind in allow:
        given += ["--allow", kind]
    return " ".join(map(shlex.quote, given))
