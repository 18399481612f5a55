"""A chart with its places as data: what a page, an editor or a test draws or reads. Its form is in a JSON Schema.

`schemas/picture.schema.json` beside this module is the promise. Lengths are pixels from the upper left corner.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trellis.model.values import Value
from trellis.render.chart import Chart
from trellis.render.layout.levels import Rectangle
from trellis.render.look import View, view_of

VERSION = 1
_ALWAYS = ("key", "kind", "name", "title", "source", "target")


def picture(chart: Chart) -> dict[str, Value]:
    """The chart as an object by the schema."""
    return _pictured(view_of(chart))


def described(view: View) -> str:
    """The same of a view, on one line."""
    return _json(_pictured(view))


def _pictured(view: View) -> dict[str, Value]:
    chart, places = view.chart, view.places
    found: dict[str, Any] = {
        "v": VERSION,
        "kind": chart.kind,
        "title": chart.title,
        "width": _number(places.width),
        "height": _number(places.height),
        "nodes": [_known(part, frame="region") | {"box": _box(places.parts[part.key])} for part in chart.parts],
        "edges": [
            _known(arrow)
            | {"points": [[_number(x), _number(y)] for x, y in places.routes[arrow.key]]}
            | ({"labelled": _box(places.labels[arrow.key])} if arrow.key in places.labels else {})
            | ({"broken": True} if arrow.key in places.broken else {})
            for arrow in chart.arrows
        ],
        "regions": [_known(frame, frame="region") | {"box": _box(places.frames[frame.key])} for frame in chart.frames],
    }
    return found


def data(chart: Chart) -> str:
    """The same as text: one object, one line a node, edge and region."""
    found = picture(chart)
    lines = []
    for key, value in found.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"    {_json(item)}" for item in value)
            lines.append(f"  {_json(key)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _known(struct: msgspec.Struct, **renamed: str) -> dict[str, Any]:
    """What is said of a part, an arrow or a frame; what is empty is left out."""
    built = msgspec.structs.asdict(struct)
    return {
        renamed.get(key, key): list(value) if isinstance(value, tuple) else value
        for key, value in built.items()
        if value or key in _ALWAYS
    }


def _box(box: Rectangle) -> dict[str, float]:
    return dict(zip(("x", "y", "width", "height"), map(_number, box), strict=True))


def _number(value: float) -> float:
    short = round(value, 1)
    return int(short) if short == int(short) else short


def _json(value: Value) -> str:
    return msgspec.json.encode(value).decode()
