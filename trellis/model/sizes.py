"""Sizes as people write them: `64KiB`, `1MB`, never a bare number, whose unit one would guess."""

from __future__ import annotations

import msgspec

from trellis.model.values import Value

UNITS = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
LARGEST = 1024**4
_EXAMPLES = "64KiB, 1MB or 1.5GB"


def parse_size(text: str | int | float) -> int:
    """Bytes of `64KiB`, `1MB` or `1.5GB`, at least 1. Raises ValueError, saying what to write."""
    if not isinstance(text, str):
        shown = repr(text) if type(text) in (int, float) else type(text).__name__
        hint = f"write {text}kB or {text}MB" if type(text) in (int, float) else f"write {_EXAMPLES}"
        raise ValueError(f"expected a size, found {shown}: {hint}")
    end = next((place for place, letter in enumerate(text) if letter not in "0123456789."), len(text))
    number, unit = text[:end], text[end:]
    whole, dot, part = number.partition(".")
    if not whole or (dot and not part) or "." in part:
        raise ValueError(f"{text!r} is no size: write {_EXAMPLES}")
    if unit not in UNITS:
        if not unit:
            raise ValueError(f"{text!r} lacks a unit: write {text}kB or {text}MB")
        known = {name.lower(): name for name in reversed(UNITS)}.get(unit.strip().lower().removesuffix("b") + "b")
        hint = f"write {number}{known}" if known else "units are B, kB, MB, GB, KiB, MiB and GiB"
        raise ValueError(f"{text!r} is no size: {hint}")
    size = round(float(number) * UNITS[unit])
    if not 0 < size <= LARGEST:
        raise ValueError(f"{text!r} is no size: from 1B to 1024GiB")
    return size


def format_size(size: int) -> str:
    """The shortest form that `parse_size` reads back as this many bytes: 1000000 is `1MB`, 65536 is `64KiB`."""
    for unit in ("GiB", "GB", "MiB", "MB", "KiB", "kB"):
        if size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size}B"


def size_of(value: Value, limit: int) -> int:
    """How many bytes the value has as JSON, as far as that may be more than `limit`; else 0."""
    kind = type(value)
    if kind is str:
        if len(value) * 6 + 2 <= limit:  # type: ignore[arg-type]
            return 0
    elif kind is not dict and kind is not list:
        return 0
    size = len(msgspec.json.encode(value))
    return size if size > limit else 0
