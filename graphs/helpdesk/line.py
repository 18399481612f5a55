"""Measures the line of whoever asks. It stands in for a device."""

from __future__ import annotations


def measure(*, lights: bool) -> float:
    """Mbit/s; nothing comes through a box without lights."""
    return 3.5 if lights else 0.0
