"""A URL opens one store, or a text tells how it should have been written."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from trellis.errors import StoreUnavailable
from trellis.stores import open_store
from trellis.stores.locks import open_locker

KNOWN = "known: memory://, file:DIR, sqlite:///FILE, postgresql://HOST/DATABASE, redis://HOST/NUMBER"
SQLITE = "the file comes after three slashes, an absolute path after four: sqlite:///"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("runs.db", f"unknown store 'runs.db'; {KNOWN}; did you mean sqlite:///runs.db?"),
        ("", f"unknown store ''; {KNOWN}; did you mean sqlite:///runs.db?"),
        ("/var/runs.db", f"unknown store '/var/runs.db'; {KNOWN}; did you mean sqlite:////var/runs.db?"),
        ("sqlit:///a/runs.db", f"unknown store 'sqlit'; {KNOWN}; did you mean sqlite:///a/runs.db?"),
        ("mem://", f"unknown store 'mem'; {KNOWN}; did you mean memory://?"),
        ("memory://x", f"unknown store 'memory'; {KNOWN}; did you mean memory://?"),
        ("postgre://host/db", f"unknown store 'postgre'; {KNOWN}; did you mean postgresql://host/db?"),
        ("radis://host/0", f"unknown store 'radis'; {KNOWN}; did you mean redis://host/0?"),
        ("mysql://host/db", f"unknown store 'mysql'; {KNOWN}"),
        ("sqlite://runs.db", SQLITE + "runs.db"),
        ("sqlite:///", SQLITE + "runs.db"),
        ("sqlite:a/runs.db", SQLITE + "a/runs.db"),
        ("file:", "the folder comes after the colon: file:runs, or file:/var/runs"),
        ("file:/", "the folder comes after the colon: file:runs, or file:/var/runs"),
        ("file://runs/a", "the folder comes after the colon: file:runs/a, or file:/runs/a"),
        ("postgresql:host/db", "the host comes after two slashes: postgresql://host/db"),
        ("redis:", "the host comes after two slashes: redis://localhost"),
    ],
)
def test_an_url_that_names_no_store_is_answered_with_what_was_meant(url: str, reason: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store(url)
    assert (caught.value.url, caught.value.reason) == (url, reason)
    assert caught.value.exit_code == 2


def test_a_relative_file_is_under_the_root_and_its_folders_are_made(tmp_path: Path) -> None:
    store = open_store("sqlite:///a/b/runs.db", root=str(tmp_path))
    assert (tmp_path / "a/b/runs.db").is_file()
    assert store.url == "sqlite:///a/b/runs.db"
    asyncio.run(store.close())


def test_an_absolute_file_is_where_it_says(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/runs.db", root="/nowhere")
    asyncio.run(store.close())
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.db"]


@pytest.mark.parametrize("url", ["file:a/b", "file:{root}/a/b", "file://{root}/a/b"])
def test_a_folder_is_under_the_root_or_where_it_says(tmp_path: Path, url: str) -> None:
    url = url.format(root=tmp_path)
    store = open_store(url, root=str(tmp_path) if "{" not in url and str(tmp_path) not in url else "/nowhere")
    assert (tmp_path / "a/b/format.json").is_file()
    assert store.url == url
    asyncio.run(store.close())


@pytest.mark.parametrize(
    ("scheme", "extra", "library"),
    [
        ("postgresql", "postgres", "psycopg"),
        ("postgres", "postgres", "psycopg"),
        ("redis", "redis", "redis"),
        ("rediss", "redis", "redis"),
    ],
)
def test_a_library_that_is_missing_is_named_and_no_password_is(
    scheme: str, extra: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch, f"trellis.stores.{extra}", library)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(StoreUnavailable) as caught:
        open_store(f"{scheme}://me:secret@host/db")
    assert (caught.value.url, caught.value.reason) == (
        f"{scheme}://…",
        f"it needs '{library}'; pip install 'trellis-engine[{extra}]'",
    )


@pytest.mark.parametrize("open_place", [open_store, open_locker])
def test_a_library_that_is_there_and_does_not_load_is_named_with_what_it_lacks(
    open_place: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psycopg.py").write_text(
        "raise ImportError('no pq wrapper available.\\nAttempts made:\\n- libpq library not found')\n", "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    forget(monkeypatch, "psycopg", "trellis.stores.postgres", "trellis.stores.locks.postgres")
    with pytest.raises(StoreUnavailable) as caught:
        open_place("postgresql://me:secret@host/db")
    assert str(caught.value) == (
        "store postgresql://…: 'psycopg' does not load: no pq wrapper available; pip install 'trellis-engine[postgres]'"
    )


@pytest.mark.parametrize("open_place", [open_store, open_locker])
def test_a_fault_of_our_own_is_not_taken_for_a_library_that_does_not_load(
    open_place: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch, "trellis.stores.postgres", "trellis.stores.locks.postgres")
    monkeypatch.setitem(sys.modules, "trellis.stores.postgres.place", ModuleType("trellis.stores.postgres.place"))
    with pytest.raises(ImportError, match="cannot import name"):
        open_place("postgresql://host/db")


def forget(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Let these be imported anew; afterwards they are what they were."""
    for name in list(sys.modules):
        if f"{name}.".startswith(tuple(f"{package}." for package in packages)):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("url", ["postgresql://nobody.invalid/db", "redis://nobody.invalid/0"])
def test_a_server_is_not_reached_before_the_first_use(url: str) -> None:
    store = open_store(url)
    asyncio.run(store.close())


def test_a_backend_is_imported_only_when_it_is_opened() -> None:
    script = """
import sys
from trellis.stores import open_store
open_store('memory://')
names = 'apsw', 'psycopg', 'redis', 'asyncio', 'difflib', 'trellis.stores.sqlite', 'trellis.stores.file'
print([name for name in names if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("[]\n", "")
