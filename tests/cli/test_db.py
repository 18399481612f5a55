"""`trellis db` tells the format of every kind of store, brings it up, and makes keys; nothing else is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.golden import matches
from tests.cli.test_runs import read
from trellis.hosts.vault import Vault

pytestmark = pytest.mark.covers("GT13")

STORES = {"sqlite:///runs.db": 2, "file:runs": 1}


@pytest.mark.parametrize(("store", "format"), STORES.items())
def test_a_store_that_is_not_there_has_no_format_and_is_not_made(here: Here, store: str, format: int) -> None:
    told = f"store   {store}\nformat  nothing yet; this version would write {format}\n"
    assert here("db", "status", "--store", store) == (0, told, "")
    assert not Path("runs.db").exists() and not Path("runs").exists()


@pytest.mark.parametrize(("store", "format"), STORES.items())
def test_to_migrate_twice_is_to_migrate_once(here: Here, store: str, format: int) -> None:
    first = f"{store} was brought from nothing to format {format}\n"
    assert here("db", "migrate", "--store", store) == (0, first, "")
    assert here("db", "migrate", "--store", store) == (0, f"{store} has format {format} already\n", "")


def test_status_tells_size_and_runs(here: Here) -> None:
    here("run", "hello.yaml", "--id", "h-1")
    here("run", "saga.yaml", "--id", "s-1", "--set", "fault=other")
    done = here("db", "status")
    assert (done.code, done.err) == (0, "")
    matches("status.txt", done.out, here.folder)
    status = read("status", here("db", "status", "--json").out)
    assert (status["format"], status["known"], status["runs"]) == (2, 2, {"failed": 1, "running": 1})
    assert status["bytes"] > 0


def test_the_size_of_a_folder_is_that_of_its_files(here: Here) -> None:
    here("run", "hello.yaml", "--id", "h-1", "--store", "file:runs")
    status = read("status", here("db", "status", "--json", "--store", "file:runs").out)
    assert status["bytes"] == sum(path.stat().st_size for path in Path("runs").rglob("*") if path.is_file())
    assert status["durability"] == "what was answered survives the loss of power"


@pytest.mark.parametrize("words", [("db", "status"), ("db", "migrate"), ("runs", "ls"), ("run", "hello.yaml")])
def test_a_file_where_a_folder_is_named_is_told_so(here: Here, words: tuple[str, ...]) -> None:
    done = here(*words, "--store", "file:hello.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("store file:hello.yaml: hello.yaml is a file; name a folder\n")


def test_a_store_of_a_newer_version_is_told_and_left_as_it_is(here: Here) -> None:
    import apsw

    here("run", "hello.yaml", "--id", "h-1", "--store", "sqlite:///runs.db")
    connection = apsw.Connection("runs.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    done = here("db", "status", "--store", "sqlite:///runs.db")
    assert done.code == 1
    assert "format  99, this version knows 2: a newer trellis wrote it; upgrade trellis\n" in done.out
    told = (
        "error: store sqlite:///runs.db has format 99, this version knows 2: it was written by a newer trellis; "
        "upgrade trellis or name another --store\n"
    )
    assert here("db", "migrate", "--store", "sqlite:///runs.db") == (2, "", told)
    assert json.loads(here("db", "status", "--store", "sqlite:///runs.db", "--json").out)["format"] == 99


@pytest.mark.parametrize("command", ["status", "migrate"])
@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("memory://", "memory:// is gone with its process and has no format; name another --store"),
        ("sqlite:///hello.yaml", "the file is no SQLite database"),
        ("sqlit:///x", "unknown store 'sqlit'"),
        ("postgresql://u:sesame@127.0.0.1:1/x", "postgresql://u:***@127.0.0.1:1/x"),
        ("redis://:sesame@127.0.0.1:1/0", "redis://:***@127.0.0.1:1/0"),
    ],
)
def test_a_store_that_cannot_be_asked_is_told_why(here: Here, command: str, store: str, told: str) -> None:
    for library in ("psycopg", "redis"):
        if store.startswith(library[:5].replace("psyco", "postg")):
            pytest.importorskip(library)
    done = here("db", command, "--store", store)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "sesame" not in done.err


def test_a_key_is_one_that_the_vault_takes_and_another_each_time(here: Here) -> None:
    pytest.importorskip("cryptography")
    one, two = here("db", "key"), here("db", "key")
    assert one.out != two.out
    assert Vault.from_text(one.out.strip()).key == one.out.partition("=")[0]
