"""Durations as people write them: `1h30m`, `500ms` or ISO 8601, never a bare number, whose unit one would guess."""

from __future__ import annotations

_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_ISO_DATE = {"W": 604_800.0, "D": 86_400.0}
_ISO_TIME = {"H": 3_600.0, "M": 60.0, "S": 1.0}
_WORDS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "msec": "ms", "millisecond": "ms", "milliseconds": "ms",
}  # fmt: skip
_EXAMPLES = "500ms, 2s, 1h30m or PT1H30M"
LONGEST = 36_500 * 86_400.0
"""A hundred years, in seconds."""


def parse_duration(text: str | int | float) -> float:
    """Seconds of `500ms`, `2s`, `1h30m`, `1d` or ISO 8601 `PT1H30M`. Raises ValueError, saying what to write.

    Units go from large to small, each at most once; a part may have decimals (`1.5s`).
    """
    if not isinstance(text, str):
        raise ValueError(f"expected a duration, found {_shown(text)}: {_with_unit(text)}")
    if not text:
        raise ValueError(f"expected a duration such as {_EXAMPLES}, found an empty text")
    seconds = _iso(text) if text[0] == "P" else _short(text)
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return seconds


def format_duration(seconds: float) -> str:
    """The short form that `parse_duration` reads back: 5400 is `1h30m`, 0.5 is `500ms`, 0 is `0s`.

    Below a second it counts milliseconds, above it rounds to them. Raises ValueError for what is no length of time.
    """
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"no duration has {seconds} seconds")
    if seconds < 1:
        return f"{_decimal(seconds * 1000)}ms" if seconds else "0s"
    milliseconds = round(seconds * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            text += f"{count}{unit}"
    return text + f"{_decimal(milliseconds / 1000)}s" if milliseconds or not text else text


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _short(text: str) -> float:
    seconds, last, rest = 0.0, 0.0, text
    while rest:
        number, rest = _number(rest)
        unit, rest = _word(rest)
        if not number:
            raise ValueError(f"{text!r} is no duration: write {_EXAMPLES}")
        if not unit:
            raise ValueError(f"{text!r} lacks a unit: {_with_unit(text) if number == text else 'write ' + _EXAMPLES}")
        if unit not in _SECONDS:
            raise ValueError(f"{text!r} is no duration: {_unknown_unit(number, unit)}")
        size = _SECONDS[unit]
        if last and size >= last:
            raise ValueError(f"{text!r} is no duration: units go from large to small, each once, as in 1h30m")
        seconds, last = seconds + float(number) * size, size
    return round(seconds, 9)


def _iso(text: str) -> float:
    date, separator, time = text[1:].partition("T")
    if (not date and not time) or (separator and not time):
        raise ValueError(f"{text!r} is no ISO 8601 duration: write PT1H30M")
    return round(_iso_part(text, date, _ISO_DATE) + _iso_part(text, time, _ISO_TIME), 9)


def _iso_part(text: str, rest: str, units: dict[str, float]) -> float:
    seconds, last = 0.0, 0.0
    while rest:
        number, rest = _number(rest)
        unit, rest = rest[:1], rest[1:]
        if unit in ("Y", "M") and units is _ISO_DATE:
            raise ValueError(f"{text!r}: years and months have no fixed length; write days, as in P30D")
        if not number or unit not in units:
            raise ValueError(f"{text!r} is no ISO 8601 duration: write PT1H30M")
        size = units[unit]
        if last and size >= last:
            raise ValueError(f"{text!r} is no ISO 8601 duration: units go from large to small, each once")
        seconds, last = seconds + float(number) * size, size
    return seconds


def _number(text: str) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] in "0123456789":
        end += 1
    if 0 < end < len(text) - 1 and text[end] == "." and text[end + 1] in "0123456789":
        end += 1
        while end < len(text) and text[end] in "0123456789":
            end += 1
    return text[:end], text[end:]


def _word(text: str) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] not in "0123456789":
        end += 1
    return text[:end], text[end:]


def _unknown_unit(number: str, unit: str) -> str:
    known = _WORDS.get(unit.strip().lower()) or (unit.strip().lower() if unit.strip().lower() in _SECONDS else None)
    if known:
        return f"write {number}{known}"
    return f"unknown unit {unit!r}; units are d, h, m, s and ms"


def _shown(number: object) -> str:
    return repr(number) if type(number) in (int, float) else type(number).__name__


def _with_unit(number: object) -> str:
    return f"write {number}s or {number}ms" if type(number) in (int, float, str) else f"write {_EXAMPLES}"
