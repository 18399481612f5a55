"""What the reader takes is in the reference, and what it says is in the list of problems."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "trellis/loaders/schemas/graph.schema.json").read_text("utf-8"))


def documented(page: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / "docs" / page).read_text("utf-8")))


def maps(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from maps(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from maps(part)


def test_every_code_of_the_reader_is_in_the_list_of_problems() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "trellis/loaders").glob("*.py"))
    assert set(re.findall(r'"([EW]\d{3})"', sources)) - documented("problems.md", r"(?m)^\| ([EW]\d{3}) \|") == set()


def test_every_key_of_later_versions_is_in_the_reference() -> None:
    later = {key for schema in maps(SCHEMA) for key in schema.get("x-later", ())}
    words = documented("format.md", r"`(\w+)`")
    assert later - words == set()
