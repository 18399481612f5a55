"""Every key of the schema is told of on one page of the language, and no page tells of one that is not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.language.page import ROOT, options, pages

SCHEMA: dict[str, Any] = json.loads((ROOT / "trellis/loaders/schemas/graph.schema.json").read_text("utf-8"))
ELSEWHERE = {
    "a document": "format.md",
    "a schedule": "schedules.md",
    "`calendar`": "schedules.md",
    "`migrate`": "versions.md",
}
"""What other pages than those of the language tell of."""
SHARED = ("a body", "`each`", "a reaction")
"""What has the keys of a node too."""
TO_COME: dict[str, set[str]] = {}
"""Keys whose pages are yet to be written."""


def nouns(schema: Any) -> Iterator[tuple[str, set[str]]]:
    """Each kind of map of the schema with its keys."""
    if isinstance(schema, dict):
        if "x-noun" in schema and "properties" in schema:
            yield schema["x-noun"], {*schema["properties"]} - {"description"}
        for part in schema.values():
            yield from nouns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from nouns(part)


def test_each_verb_and_option_is_on_one_page_of_the_language() -> None:
    node = dict(nouns(SCHEMA))["a node"]
    wanted = {
        (noun.strip("`"), key)
        for noun, keys in nouns(SCHEMA)
        if noun not in ELSEWHERE
        for key in (keys - node if noun in SHARED else keys)
    }
    wanted -= {("each", "start"), ("each", "nodes")}  # as those of a body
    told = Counter(option for page in pages() for option in options(page) if option[1] != "description")
    assert [option for option, times in told.items() if times > 1] == []
    assert set(told) - wanted == set()
    missing: dict[str, set[str]] = {}
    for scope, key in wanted - set(told):
        missing.setdefault(scope, set()).add(key)
    assert missing == TO_COME


def test_what_is_on_no_page_of_the_language_is_in_the_other_references() -> None:
    keys = dict(nouns(SCHEMA))
    for noun, page in ELSEWHERE.items():
        words = set(re.findall(r"[\w-]+", (ROOT / "docs" / page).read_text("utf-8")))
        assert keys[noun] - words == set(), noun
