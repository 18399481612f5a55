"""A picture says what its marks mean, those that are in it and no others."""

from __future__ import annotations

import re

import pytest

from tests.render.test_goldens import CHARTS
from trellis.render.drawing import drawing
from trellis.render.html import page
from trellis.render.svg import svg


@pytest.mark.parametrize(
    ("name", "words", "line"),
    [
        ("everything", [], ""),
        ("run", ["was here", "is here", "way taken"], "✓ was here   ▶ is here"),
        ("diff", ["new", "changed", "gone"], "+ new   ~ changed   - gone"),
        ("states", ["active"], "▶ active"),
    ],
)
def test_each_mark_of_a_picture_is_explained_in_it(name: str, words: list[str], line: str) -> None:
    chart = CHARTS[name]()
    assert re.findall(r'<text class="word"[^>]*>([^<]*)</text>', svg(chart)) == words
    footer = re.findall(r"<footer>(.*)</footer>", page(chart))
    assert re.findall(r'<text class="word"[^>]*>([^<]*)</text>', "".join(footer)) == words
    assert bool(footer) is bool(words)
    told = drawing(chart).rpartition("\n\n")[2].removesuffix("\n")
    assert told == line if line else not re.match("[✓▶✗━+~-] ", told)
