"""The colours of pictures: one for each kind of part and arrow, in light and in dark.

Every text has a contrast of at least 4.5 to 1 with what is behind it. No meaning is in colour alone: arrows differ in
their strokes, changes and marks in their borders too.
"""

from __future__ import annotations

KINDS = {  # kind -> light, dark
    "say": ("#0f766e", "#5eead4"),
    "ask": ("#b45309", "#fcd34d"),
    "do": ("#1d4ed8", "#93c5fd"),
    "use": ("#6d28d9", "#c4b5fd"),
    "wait": ("#475569", "#cbd5e1"),
    "emit": ("#be185d", "#f9a8d4"),
    "end": ("#334155", "#e2e8f0"),
    "pass": ("#52525b", "#d4d4d8"),
    "state": ("#0e7490", "#67e8f9"),
    "collapsed": ("#475569", "#cbd5e1"),
    "to-end": ("#15803d", "#86efac"),
    "to-fail": ("#b91c1c", "#fca5a5"),
    "to-rollback": ("#c2410c", "#fdba74"),
}
ARROWS = {
    "to": ("#64748b", "#94a3b8"),
    "catch": ("#dc2626", "#f87171"),
    "upon": ("#7c3aed", "#a78bfa"),
    "body": ("#94a3b8", "#64748b"),
    "require": ("#2563eb", "#60a5fa"),
    "add": ("#16a34a", "#4ade80"),
    "remove": ("#dc2626", "#f87171"),
    "after": ("#94a3b8", "#64748b"),
}
_STROKES = {
    "catch": "stroke-dasharray:5 4",
    "upon": "stroke-width:2.4",
    "add": "stroke-width:2.4",
    "after": "stroke-dasharray:2 4",
}
CHANGES = {"added": ("#15803d", "#4ade80"), "removed": ("#b91c1c", "#f87171"), "changed": ("#b45309", "#fbbf24")}
MARKS = {"visited": ("#15803d", "#4ade80"), "current": ("#c2410c", "#fb923c"), "failed": ("#b91c1c", "#f87171")}
PAPER = ("#ffffff", "#0b1220")
CARD = ("#ffffff", "#172033")
LINE = ("#cbd5e1", "#3b4a63")
INK = ("#0f172a", "#f1f5f9")
MUTED = ("#475569", "#b6c2d3")
FAINT = ("#64748b", "#94a3b8")
FRAME = ("#f8fafc", "#101a2c")
BODY = ("#f1f5f9", "#16223a")
TAKEN = MARKS["visited"]


def _theme(dark: int) -> str:
    rules = [
        f".paper{{fill:{PAPER[dark]}}}",
        f".part rect{{fill:{CARD[dark]};stroke:{LINE[dark]}}}",
        f".name,.heading{{fill:{INK[dark]}}}",
        f".does,.says,.pill{{fill:{MUTED[dark]}}}",
        f".note,.word{{fill:{FAINT[dark]}}}",
        f".frame rect{{fill:{FRAME[dark]};stroke:{LINE[dark]}}}",
        f".frame.body rect{{fill:{BODY[dark]}}}",
        f".start circle,.fork circle{{fill:{MUTED[dark]}}}",
        f".label rect{{fill:{PAPER[dark]};stroke:{LINE[dark]}}}",
        f".label text{{fill:{MUTED[dark]}}}",
    ]
    for kind, colours in KINDS.items():
        rules.append(f".{kind} .icon{{stroke:{colours[dark]}}}")
        if kind.startswith("to-"):
            rules.append(f".{kind} .pill{{fill:{colours[dark]}}}.{kind} rect{{stroke:{colours[dark]}}}")
        else:
            rules.append(f".{kind} .does{{fill:{colours[dark]}}}")
    for kind, colours in ARROWS.items():
        rules.append(f".arrow.{kind}{{stroke:{colours[dark]}}}.head-{kind}{{fill:{colours[dark]}}}")
    rules.append(f".label.catch text{{fill:{CHANGES['removed'][dark]}}}.label.upon text{{fill:{KINDS['use'][dark]}}}")
    rules.append(f".arrow.taken{{stroke:{TAKEN[dark]}}}.head-taken{{fill:{TAKEN[dark]}}}")
    for word, colours in (*MARKS.items(), *CHANGES.items()):
        colour = colours[dark]
        rules.append(f".part.{word} rect,.part.{word} circle,.frame.{word}>rect,.label.{word} rect{{stroke:{colour}}}")
        rules.append(f".{word} .told{{fill:{colour}}}")
    for word, colours in CHANGES.items():
        rules.append(f".arrow.{word}{{stroke:{colours[dark]}}}.head-{word}{{fill:{colours[dark]}}}")
    return "".join(rules)


_BASE = (
    ".trellis{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}"
    "text{font-size:11px}.name,.heading{font-size:13px;font-weight:600}.says{font-style:italic}"
    ".heading .word{font-size:11px;font-weight:400}"
    ".part rect,.frame rect,.label rect{stroke-width:1}.pill,.label text{text-anchor:middle}"
    ".icon{fill:none;stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}"
    ".arrow{fill:none;stroke-width:1.5;marker-end:url(#head-to)}"
    ".frame.body rect{stroke-dasharray:3 3}.part.cut rect,.part.any rect{stroke-dasharray:3 3}"
    + "".join(f".arrow.{kind}{{marker-end:url(#head-{kind});{_STROKES.get(kind, '')}}}" for kind in ARROWS)
    + ".arrow.both{marker-start:url(#head-remove)}"
    ".run .arrow:not(.taken){opacity:.5}.arrow.taken{stroke-width:2.6;marker-end:url(#head-taken)}"
    ".part.visited rect,.frame.visited>rect{stroke-width:2}"
    ".part.current rect,.frame.current>rect{stroke-width:3.5}.part.failed rect{stroke-width:3}"
    ".added rect,.changed rect{stroke-width:2.5}.label rect{stroke-width:1.2!important}.removed rect{stroke-width:2;stroke-dasharray:6 4}"
    ".removed text{text-decoration:line-through}.part.removed,.frame.removed{opacity:.75}"
    + "".join(f".arrow.{word}{{stroke-width:2.4;marker-end:url(#head-{word})}}" for word in CHANGES)
    + ".arrow.removed{stroke-dasharray:6 4}"
)
STYLE = f"{_BASE}{_theme(0)}@media(prefers-color-scheme:dark){{{_theme(1)}}}"


def _head(name: str) -> str:
    return (
        f'<marker id="head-{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="head-{name}" d="M0 1L10 5L0 9z"/></marker>'
    )


MARKERS = "".join(_head(name) for name in (*ARROWS, "taken", *CHANGES))
