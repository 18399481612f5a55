"""Durations as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("1d2h3m4s5ms", 93_784.005),
        ("90m", 5400.0),
        ("PT1H30M", 5400.0),
        ("P1D", 86_400.0),
        ("P1W", 604_800.0),
        ("P1DT0.5S", 86_400.5),
    ],
)
def test_durations_are_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (30, "expected a duration, found 30: write 30s or 30ms"),
        (1.5, "expected a duration, found 1.5: write 1.5s or 1.5ms"),
        (True, "expected a duration, found bool: write 500ms, 2s, 1h30m or PT1H30M"),
        ("30", "'30' lacks a unit: write 30s or 30ms"),
        ("1h30", "'1h30' lacks a unit: write 500ms, 2s, 1h30m or PT1H30M"),
        ("", "expected a duration such as 500ms, 2s, 1h30m or PT1H30M, found an empty text"),
        ("soon", "'soon' is no duration: write 500ms, 2s, 1h30m or PT1H30M"),
        ("-2s", "'-2s' is no duration: write 500ms, 2s, 1h30m or PT1H30M"),
        ("2 s", "'2 s' is no duration: write 2s"),
        ("5min", "'5min' is no duration: write 5m"),
        ("2S", "'2S' is no duration: write 2s"),
        ("3y", "'3y' is no duration: unknown unit 'y'; units are d, h, m, s and ms"),
        ("1m1h", "'1m1h' is no duration: units go from large to small, each once, as in 1h30m"),
        ("1s1s", "'1s1s' is no duration: units go from large to small, each once, as in 1h30m"),
        ("P", "'P' is no ISO 8601 duration: write PT1H30M"),
        ("PT", "'PT' is no ISO 8601 duration: write PT1H30M"),
        ("P1H", "'P1H' is no ISO 8601 duration: write PT1H30M"),
        ("PT1M1H", "'PT1M1H' is no ISO 8601 duration: units go from large to small, each once"),
        ("P1M", "'P1M': years and months have no fixed length; write days, as in P30D"),
        ("40000d", "'40000d' is longer than a hundred years"),
        ("9" * 400 + "d", f"'{'9' * 400}d' is longer than a hundred years"),
        ("١s", "'١s' is no duration: write 500ms, 2s, 1h30m or PT1H30M"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_to_write(text: Any, reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parse_duration(text)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (0.0005, "0.5ms"),
        (1.5, "1.5s"),
        (60, "1m"),
        (5400, "1h30m"),
        (93_784.005, "1d2h3m4.005s"),
        (59.9999, "1m"),
    ],
)
def test_seconds_are_written_in_the_short_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, int(LONGEST) * 1000))
def test_what_is_written_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_what_is_no_length_of_time_is_not_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="no duration has"):
        format_duration(seconds)


@given(st.text(max_size=20) | st.text("0123456789.PTHMSDWdhms", max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST
