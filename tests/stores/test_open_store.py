"""A URL opens one store, or a text tells how it should have been written."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trellis.errors import StoreUnavailable
from trellis.stores import open_store


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("runs.db", "unknown store 'runs.db'; known: memory://, sqlite:///FILE; did you mean sqlite:///runs.db?"),
        ("", "unknown store ''; known: memory://, sqlite:///FILE; did you mean sqlite:///runs.db?"),
        (
            "/var/runs.db",
            "unknown store '/var/runs.db'; known: memory://, sqlite:///FILE; did you mean sqlite:////var/runs.db?",
        ),
        (
            "sqlit:///a/runs.db",
            "unknown store 'sqlit'; known: memory://, sqlite:///FILE; did you mean sqlite:///a/runs.db?",
        ),
        ("mem://", "unknown store 'mem'; known: memory://, sqlite:///FILE; did you mean memory://?"),
        ("memory://x", "unknown store 'memory'; known: memory://, sqlite:///FILE; did you mean memory://?"),
        ("postgresql://host/db", "unknown store 'postgresql'; known: memory://, sqlite:///FILE"),
        (
            "sqlite://runs.db",
            "the file comes after three slashes, an absolute path after four: sqlite:///runs.db",
        ),
        ("sqlite:///", "the file comes after three slashes, an absolute path after four: sqlite:///runs.db"),
        ("sqlite:a/runs.db", "the file comes after three slashes, an absolute path after four: sqlite:///a/runs.db"),
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


def test_a_backend_is_imported_only_when_it_is_opened() -> None:
    script = (
        "import sys; from trellis.stores import open_store; open_store('memory://');"
        "print([name for name in ('apsw', 'asyncio', 'trellis.stores.sqlite', 'difflib') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("[]\n", "")
