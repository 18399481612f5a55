"""Sizes are read as people write them, and written so that they are read back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.sizes import LARGEST, UNITS, format_size, parse_size, size_of
from trellis.model.values import canonical

HINT = "write 64KiB, 1MB or 1.5GB"


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("64KiB", 65_536), ("1MB", 1_000_000), ("1.5GB", 1_500_000_000), ("0.5KiB", 512), ("3kB", 3000)],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", f"'' is no size: {HINT}"),
        ("big", f"'big' is no size: {HINT}"),
        ("1.MB", f"'1.MB' is no size: {HINT}"),
        ("1.2.3MB", f"'1.2.3MB' is no size: {HINT}"),
        ("-1MB", f"'-1MB' is no size: {HINT}"),
        ("٣MB", f"'٣MB' is no size: {HINT}"),
        ("7", "'7' lacks a unit: write 7kB or 7MB"),
        ("7 mb", "'7 mb' is no size: write 7MB"),
        ("7k", "'7k' is no size: write 7kB"),
        ("7TB", "'7TB' is no size: units are B, kB, MB, GB, KiB, MiB and GiB"),
        ("0B", "'0B' is no size: from 1B to 1024GiB"),
        ("0.1B", "'0.1B' is no size: from 1B to 1024GiB"),
        ("2000GiB", "'2000GiB' is no size: from 1B to 1024GiB"),
        (7, "expected a size, found 7: write 7kB or 7MB"),
        (True, f"expected a size, found bool: {HINT}"),
        (None, f"expected a size, found NoneType: {HINT}"),
    ],
)
def test_what_is_no_size_is_told_what_to_write(text: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_size(text)


@given(st.integers(1, LARGEST))
def test_what_is_written_is_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.integers(0, 60))
def test_a_value_is_measured_as_json_where_it_may_be_too_large(value: Any, limit: int) -> None:
    size = len(canonical(value))
    held = isinstance(value, str | dict | list)
    assert size_of(value, limit) == (size if held and size > limit else 0)


def test_every_unit_is_one() -> None:
    assert {format_size(3 * size) for unit, size in UNITS.items() if unit != "KB"} == {
        "3B", "3kB", "3MB", "3GB", "3KiB", "3MiB", "3GiB",
    }  # fmt: skip
