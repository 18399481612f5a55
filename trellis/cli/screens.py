"""Which screen a run is shown on."""

from __future__ import annotations

import sys

from trellis.cli.screen import JsonScreen, TextScreen, steerable


def screen_for(output: str) -> TextScreen:
    """The screen of `--output`: auto is a tree where stdout is a terminal that can show it, else lines of text."""
    if output == "json":
        return JsonScreen()
    if output == "auto" and steerable(sys.stdout):
        from trellis.cli.live import LiveScreen

        return LiveScreen()
    return TextScreen()
