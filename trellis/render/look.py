"""What a part, an arrow and a frame look like on a screen: which lines of text, how large, where each stands in its box.

Texts are wrapped and cut here, so that boxes fit them; the whole text stays in the title, which a reader can point at.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.layout.frames import Arrangement, Padding, arrange
from trellis.render.layout.levels import Spacing
from trellis.render.layout.widths import width_of, wrapped

NAME, DOES, LABEL = 13.0, 11.0, 11.0
"""Sizes of letters in pixels."""
WIDEST = 200.0
"""Of a text in a box."""
WIDEST_LABEL = 150.0
GAP = 12.0
ICON = 18.0
ROUND = ("start", "any")
SPACING = Spacing(items=36, joints=18, port=14, track=12, above=16, below=24, least=36, label=9, side=14)
PADDING = Padding(top=38, sides=20, bottom=20)
DOT = 14.0
"""The size of a fork, and of the start."""
TERMINAL = 26.0


class Line(msgspec.Struct, frozen=True):
    """One line of text in a box: its class, its text, and its base line from the top of the box."""

    role: str
    text: str
    down: float


class Card(msgspec.Struct, frozen=True):
    """A part as it is drawn."""

    width: float
    height: float
    lines: tuple[Line, ...]


def flat(text: str) -> str:
    """`text` as one line that can be shown: what cannot be printed, or turns the order of a line, becomes a blank."""
    return " ".join("".join([mark if mark.isprintable() else " " for mark in text]).split())


def card_of(part: Part) -> Card:
    """The lines of a part and the size of its box."""
    kind = part.kind
    if kind in ("fork", "start"):
        return Card(DOT, DOT, ())
    if kind[0] == "$" or kind in ("join", "any", "cut"):
        text = wrapped(flat(part.name), WIDEST, DOES, 1)[0]
        wide = width_of(text, DOES) + 2 * GAP + (14 if kind[0] == "$" else 0)
        return Card(max(wide, 40.0), TERMINAL, (Line("pill", text, 17.0),))
    lines = [("name", text, NAME) for text in wrapped(flat(part.name), WIDEST, NAME, 2)]
    if part.does:
        lines += [("does", text, DOES) for text in wrapped(flat(part.does), WIDEST, DOES, 2)]
    if part.says:
        lines += [("says", text, DOES) for text in wrapped(f"“{flat(part.says)}”", WIDEST, DOES, 2)]
    notes = [*part.beside, *part.notes, *([f"undo {part.undo}"] if part.undo else [])]
    if notes:
        lines += [("note", text, DOES) for text in wrapped(flat(" · ".join(notes)), WIDEST, DOES, 3)]
    if part.told:
        lines += [("told", text, DOES) for text in wrapped(flat(part.told), WIDEST, DOES, 1)]
    placed = []
    down = GAP - 3.0
    for role, text, size in lines:
        down += size + 3.5
        placed.append(Line(role, text, round(down - 3.0, 1)))
    wide = max(
        width_of(text, size) * 1.08 + ICON if role == "name" else width_of(text, size) for role, text, size in lines
    )
    return Card(round(max(wide + 2 * GAP + 4, 84.0)), round(down + GAP - 3.0), tuple(placed))


def label_of(arrow: Arrow) -> str:
    """What an arrow says: its condition, or what it catches, as one line."""
    words = {"catch": "catch ", "upon": "upon "}.get(arrow.kind, "")
    undo = ("undo" if not arrow.label else " · undo") if arrow.undo else ""
    times = f"{arrow.taken}×" if arrow.taken > 1 else ""
    text = f"{words}{arrow.label}{undo}"
    return f"{text} {times}".strip()


def title_of(frame: Frame) -> tuple[str, str]:
    """The name of a frame, cut to what can be read, and the word behind it."""
    return wrapped(flat(frame.title), 260.0, NAME, 1)[0] or "…", " · ".join(
        word for word in ("" if frame.kind == "body" else frame.kind, frame.told) if word
    )


class View(msgspec.Struct, frozen=True):
    """A chart with its lines of text and its places."""

    chart: Chart
    cards: dict[str, Card]
    labels: dict[str, tuple[str, ...]]
    places: Arrangement


def view_of(chart: Chart) -> View:
    """The chart arranged for a screen, in pixels."""
    cards = {part.key: card_of(part) for part in chart.parts}
    labels = {}
    for arrow in chart.arrows:
        text = flat(label_of(arrow))
        if text:
            labels[arrow.key] = tuple(wrapped(text, WIDEST_LABEL, LABEL, 3))
    sizes = {key: (card.width, card.height) for key, card in cards.items()}
    spoken = {key: _size(lines) for key, lines in labels.items()}
    names = {part.key: part.node or part.name for part in chart.parts}
    far = {arrow.key: _sign(arrow, names[arrow.target]) for arrow in chart.arrows}
    signs = {key: _size(lines) for key, lines in far.items()}
    titles = {}
    for frame in chart.frames:
        name, word = title_of(frame)
        titles[frame.key] = width_of(name, NAME) * 1.08 + (width_of(word, DOES) + 34 if word else 0)
    places = arrange(chart, sizes, spoken, titles, signs, SPACING, PADDING)
    return View(chart, cards, labels | {key: far[key] for key in places.broken}, places)


def _size(lines: Sequence[str]) -> tuple[float, float]:
    """The size of a label of these lines."""
    return round(max(width_of(text, LABEL) for text in lines)) + 14.0, len(lines) * 14.0 + 6.0


def _sign(arrow: Arrow, target: str) -> tuple[str, ...]:
    """What stands at the end of an arrow that is too long to be drawn whole."""
    return tuple(wrapped(flat(f"{label_of(arrow)} → {target}".strip()), WIDEST_LABEL, LABEL, 3))
