"""Canaries, and where they are sought: in the files, tables and keys that hold a run, and in all that is told of it.

They are sought in every form in which something could have written them.
"""

from __future__ import annotations

import base64
import gc
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from tests.stores.redis_places import client_of, prefix_of

CANARIES = {source: f"""c4nary {source}+/"v\\lue'ñ~%20?""" for source in ("given", "env", "typed", "made")}
KEY = base64.b64encode(b"a key that nobody may ever see..").decode()
KEYS = f"k1={KEY}"

Held = dict[str, bytes]
"""What a store holds: by the name of a file, a table or a key."""


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Every way in which this text could have been written, by name."""
    data = text.encode()
    yield "plain", data
    yield "backwards", text[::-1].encode()
    yield "UTF-16", text.encode("utf-16-le")
    yield "Latin", text.encode("latin-1")
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(text))[3:-3].encode()
    yield "JSON in UTF-8", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "Python", repr(text)[1:-1].encode()
    yield "bytes", repr(data)[2:-1].encode()
    yield "YAML", text.replace("'", "''").encode()
    yield "hex", data.hex().encode()
    yield "HEX", data.hex().upper().encode()
    for kind, quoted in (("URL", quote(text)), ("URL part", quote(text, safe="")), ("form", quote_plus(text))):
        yield kind, quoted.encode()
        yield f"{kind} in small letters", quoted.lower().encode()
    for before in range(3):
        middle = base64.b64encode(bytes(before) + data)[4:-4]
        yield f"base64 +{before}", middle
        yield f"base64 of URLs +{before}", middle.translate(bytes.maketrans(b"+/", b"-_"))


SOUGHT = {
    f"{source}, {kind}": written
    for source, text in {**CANARIES, "key": KEY.rstrip("="), "raw key": base64.b64decode(KEY).decode()}.items()
    for kind, written in forms(text)
}


def unfolded(data: bytes) -> bytes:
    """These bytes, and what base64 in them stands for."""
    inside = [
        base64.b64decode(run[: len(run) // 4 * 4], altchars)
        for altchars in (b"+/", b"-_")
        for run in re.findall(rb"[A-Za-z0-9%b]{16,}" % re.escape(altchars), data)
    ]
    return b"\n".join((data, *inside))


def found_in(data: bytes) -> list[str]:
    """The forms of canaries that are in these bytes."""
    data = unfolded(data)
    return [form for form, written in SOUGHT.items() if written in data]


def nothing() -> Held:
    """What a server holds where there is none."""
    return {}


class Kept(NamedTuple):
    """A store of a test: its URL, and what a server holds of it beside the files of the project."""

    url: str
    held: Callable[[], Held] = nothing


def all_rows(url: str) -> Held:
    """Every row of every table in the schema of this URL, and the statements that the server shows to its operators."""
    import psycopg

    place, schema = re.split(r"[?&]schema=", url)
    held = {}
    with psycopg.connect(place, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
        assert len(tables) > 3, "there is no store"
        for (table,) in tables:
            rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"'.encode()).fetchall()
            held[table] = b"\n".join(map(written, (cell for row in rows for cell in row)))
        statements = connection.execute("SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()").fetchall()
        held["pg_stat_activity"] = b"\n".join(map(written, (cell for row in statements for cell in row)))
    return held


def all_keys(url: str) -> Held:
    """What is under every key of the prefix of this URL."""
    held = {}
    client: Any  # what it answers depends on how it was made
    with client_of(url) as client:
        for key in client.scan_iter(f"{prefix_of(url)}*", count=1000):
            kind, value = client.type(key).decode(), None
            if kind == "string":
                value = [client.get(key)]
            elif kind == "hash":
                value = [cell for pair in client.hgetall(key).items() for cell in pair]
            elif kind == "list":
                value = client.lrange(key, 0, -1)
            elif kind == "set":
                value = client.smembers(key)
            elif kind == "zset":
                value = client.zrange(key, 0, -1)
            else:
                assert kind == "stream", f"{key!r} is a {kind}"
                value = [cell for _, entry in client.xrange(key) for pair in entry.items() for cell in pair]
            held[key.decode()] = b"\n".join([key, *map(written, value)])
    assert held, "there is no store"
    return held


def written(cell: object) -> bytes:
    """A cell as bytes; whatever is none is shown by JSON."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell)
    return cell.encode() if isinstance(cell, str) else json.dumps(cell, default=repr, ensure_ascii=False).encode()


KINDS: dict[str, tuple[str, Callable[[str], Held]]] = {
    "postgresql": ("postgres_place", all_rows),
    "redis": ("redis_place", all_keys),
}
"""Of a store on a server: the fixture that makes a place there, and what looks into it."""
FILES = {"sqlite": "sqlite:///runs.db", "file": "file:runs"}


def pieces(folder: Path, held: Callable[[], Held] = nothing) -> Held:
    """All that is in the files under the folder, and in the store on a server."""
    gc.collect()
    found = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    stored = held() or {path.name: path.read_bytes() for path in (folder / "store").rglob("*") if path.is_file()}
    assert sum(map(len, stored.values())) > 1000, "there is no store"
    return {**found, **stored}


def left_in(folder: Path, held: Callable[[], Held] = nothing) -> dict[str, list[str]]:
    """Which canaries are in which file under the folder, or which table or key of the store on a server."""
    found = {name: found_in(data) for name, data in pieces(folder, held).items()}
    return {name: forms for name, forms in found.items() if forms}


def shown_in(*told: object) -> list[str]:
    """Which canaries are in what was told: as text, as JSON, as Python shows it."""
    texts = [
        text for each in told for text in (str(each), repr(each), json.dumps(each, default=repr, ensure_ascii=False))
    ]
    return found_in("\n".join(texts).encode("utf-8", "surrogatepass"))


def told_by(error: BaseException) -> list[object]:
    """All that an exception tells, with those behind it."""
    chain: list[object] = []
    while error is not None:
        chain += [str(error), repr(error), vars(error), getattr(error, "__notes__", [])]
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return chain
