"""A chart as one page: the picture to move about in, from one file, with nothing from anywhere else.

The page says itself that nothing may be loaded and that only its own script and styles may run, by their hashes. What an
author wrote is escaped text in the picture, and data in a block that no browser runs.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from trellis.render.chart import Chart
from trellis.render.colours import STYLE
from trellis.render.data import described
from trellis.render.legend import legend
from trellis.render.look import view_of
from trellis.render.script import PAGE_STYLE, SCRIPT
from trellis.render.svg import escaped, legend_lines, legend_width, number, picture_of

_TITLES = {
    "out": ("−", "Zoom out (-)"),
    "in": ("+", "Zoom in (+)"),
    "fit": ("Fit", "Show all of it (0)"),
    "close": ("Collapse", "Close every frame ([)"),
    "open": ("Expand", "Open every frame (])"),
}


def page(chart: Chart) -> str:
    """The page. A click on a frame closes or opens it."""
    view = view_of(chart)
    allowed = f"default-src 'none'; style-src {_hash(STYLE)} {_hash(PAGE_STYLE)}; script-src {_hash(SCRIPT)}"
    buttons = "".join(
        f'<button id="{key}" type="button" title="{title}" aria-label="{title}">{text}</button>'
        for key, (text, title) in _TITLES.items()
    )
    title = escaped(chart.title) or "graph"
    known = described(view).replace("<", "\\u003c")  # so that no text ends the block
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{allowed}; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{PAGE_STYLE}</style>
</head>
<body>
<header><h1>{title}</h1>
<input id="search" type="search" placeholder="Search (/)" aria-label="Search nodes"><span id="count" role="status"></span>
{buttons}</header>
{picture_of(view, whole=False)}
{_footer(chart)}<script type="application/json" id="data">{known}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _footer(chart: Chart) -> str:
    """What marks mean, where there are any."""
    marks = legend(chart)
    if not marks:
        return ""
    row = "".join(legend_lines(marks, 2.0))
    return f'<footer><svg width="{number(legend_width(marks))}" height="18" role="img">{row}</svg></footer>\n'


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
