"""What the reader takes is in the reference."""

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


def test_every_key_of_later_versions_is_in_the_reference() -> None:
    later = {key for schema in maps(SCHEMA) for key in schema.get("x-later", ())}
    words = documented("format.md", r"`(\w+)`")
    assert later - words == set()
