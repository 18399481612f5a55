"""The judge of meaning and of places: a document by ruamel.yaml's parser, its values by our own reading of YAML 1.2.

It works on events with a stack of its own, so that no depth, alias or size can do more than end in a problem.
A part that has a fault of its own (a number that is no JSON, an unknown alias) becomes BROKEN: it was reported,
whoever reads on leaves it out.
"""

from __future__ import annotations

from typing import Any

from trellis.loaders.scalars import NoJson, plain
from trellis.loaders.syntax import QUOTE, Fault, expects_expression, shown
from trellis.model.documents import Step
from trellis.model.problems import Place, Problem
from trellis.model.types import found
from trellis.model.values import DEPTH

ALIASES = 1_000
"""How many aliases a document may hold."""
REPEATED = 100_000
"""How many values aliases may add to it."""
FAULTS = 10_000
"""After so many faults the rest of a document is not read."""


class Broken:
    """Stands where a value was that is none."""

    __slots__ = ()


BROKEN = Broken()


class Spot:
    """Where a value begins, where its key does, and the spots of its parts."""

    __slots__ = ("key", "parts", "place")

    def __init__(self, place: Place, parts: dict[Step, Spot] | None = None) -> None:
        self.place, self.key, self.parts = place, place, parts


class Verdict:
    """`value` is None where nothing can be read on; `spot` is then as far as it was read."""

    __slots__ = ("broken", "problems", "spot", "value")

    def __init__(self, value: Any, spot: Spot, problems: list[Problem], *, broken: bool) -> None:
        self.value, self.spot, self.problems, self.broken = value, spot, problems, broken


def judge(path: str, text: str) -> Verdict:
    """The value of `text`, the places of its parts, and every fault that can be seen without knowing the format."""
    from trellis.loaders.events import events  # ruamel.yaml, which a sound document does not need

    composer = _Composer(text)
    for event in events(text, composer.faults):
        if not composer.take(event):
            break
        if len(composer.faults) >= FAULTS:
            place = composer.faults[-1].place
            composer.fault(place, "E117", f"more than {FAULTS:,} faults; the rest is not read")
            break
    problems = [
        Problem(path, fault.place.line, fault.place.column, fault.code, "error", fault.message, fault.hint)
        for fault in composer.faults
    ]
    return Verdict(composer.value, composer.root, problems, broken=composer.broken)


class _Frame:
    """A list or map that is being filled.

    `key` waits for its value; `skip` drops that value, `spoil` makes it BROKEN.
    """

    __slots__ = ("anchor", "key", "key_place", "parts", "skip", "spoil", "spot", "value", "waits")

    def __init__(self, value: Any, place: Place, anchor: str | None) -> None:
        self.parts: dict[Step, Spot] = {}
        self.spot = spot = Spot(place, self.parts)
        self.value, self.anchor = value, anchor
        self.key: str = ""
        self.key_place = spot.place
        self.waits = self.skip = self.spoil = False


class _Composer:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.value: Any = None
        self.root = Spot(Place())
        self.faults: list[Fault] = []
        self.broken = False
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, Spot] | None] = {}
        self.aliases = 0
        self.room = REPEATED
        self.documents = 0

    def fault(self, place: Place, code: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(place, code, message, hint))

    def take(self, event: Any) -> bool:
        """Take one event in. False: there is no use in reading on."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            place = _place(event.start_mark)
            self.refuse_tag(event, place)
            self.scalar(event, place)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            place = _place(event.start_mark)
            self.refuse_tag(event, place)
            if len(self.stack) >= DEPTH:
                message = f"more than {DEPTH} lists and maps inside each other"
                self.fault(place, "E107", message, "flatten it, or keep data out of it")
                self.value = None
                return False
            value: Any = {} if kind == "MappingStartEvent" else []
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            self.stack.append(_Frame(value, place, event.anchor))
            if len(self.stack) == 1:
                self.value, self.root = value, self.stack[0].spot
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            frame = self.stack.pop()
            self.place_value(frame.value, frame.spot, frame.anchor)
        elif kind == "AliasEvent":
            self.alias(event)
        elif kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                place = _place(event.start_mark)
                self.fault(place, "E106", "a second document begins here", "a file holds one: make two files")
                return False
        return True

    def refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            line = self.lines[place.line - 1]
            start = line.find("!", place.column - 1)
            written = line[start:].split(maxsplit=1)[0].rstrip(",]}")[:40] if start >= 0 else "!"
            self.fault(
                Place(place.line, max(start + 1, place.column)),
                "E103",
                f"tag '{written}': values have no tags here",
                QUOTE if self.is_expression(place) else "remove it, or quote it if it is text",
            )

    def is_expression(self, place: Place) -> bool:
        return expects_expression(self.lines, place.line)

    def quoting(self, place: Place) -> str:
        return QUOTE if self.is_expression(place) else "quote it if it is text"

    def scalar(self, event: Any, place: Place) -> None:
        value: Any = event.value
        is_plain = event.style is None
        if is_plain:
            try:
                value = plain(value)
            except NoJson as error:
                self.fault(place, "E114", str(error), "quote it if it is meant as text")
                value = BROKEN
        elif "\0" in value:
            self.fault(place, "E112", "the text holds the character NUL, which not every store keeps", "remove \\0")
            value = BROKEN
        if isinstance(value, str) and not value.isascii():
            value = self.joined(value, place)
        if is_plain and event.value == "<<" and self.is_key():
            self.fault(place, "E105", "'<<' merges maps in YAML 1.1 only", "repeat the keys, or alias each value")
            self.begin(BROKEN, place, event.value)
        elif self.is_key():
            if event.anchor is not None:
                self.anchors[event.anchor] = (value, Spot(place))
            self.begin(value, place, event.value)
        else:
            if is_plain and not event.value and self.stack and self.stack[-1].waits:
                place = self.stack[-1].key_place  # nothing is written, so there is only the key to point at
            self.place_value(value, Spot(place), event.anchor)

    def joined(self, value: str, place: Place) -> Any:
        """Two halves of a character, escaped one by one as JSON does, as that character."""
        try:
            value.encode()
        except UnicodeEncodeError:
            try:
                return value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                message = "half of a surrogate pair, which is no character"
                self.fault(place, "E115", message, "write the character itself, or both halves")
                return BROKEN
        return value

    def alias(self, event: Any) -> None:
        place = _place(event.start_mark)
        name = event.anchor
        self.aliases += 1
        value: Any = BROKEN
        spot = Spot(place)
        if name not in self.anchors:
            self.fault(place, "E104", f"no anchor '&{name[:40]}' stands before '*{name[:40]}'", self.quoting(place))
        elif self.anchors[name] is None:
            self.fault(place, "E104", f"'*{name[:40]}' stands inside what it names, which would never end")
        elif self.aliases > ALIASES:
            if self.aliases == ALIASES + 1:
                self.fault(place, "E104", f"more than {ALIASES} aliases", "write values once, or split the file")
        elif self.room >= 0:
            known = self.anchors[name]
            assert known is not None
            spot.parts = known[1].parts
            value = self.copied(known[0], len(self.stack))
            if self.room < 0:
                message = f"aliases would add more than {REPEATED} values"
                self.fault(place, "E104", message, "write values once, or split the file")
                value = BROKEN
            elif value is BROKEN and known[0] is not BROKEN:
                self.fault(place, "E107", f"more than {DEPTH} lists and maps inside each other", "flatten it")
        self.place_value(value, spot, None)

    def copied(self, value: Any, depth: int) -> Any:
        """A copy, counted; BROKEN where it is too deep."""
        self.room -= 1
        if self.room < 0 or not isinstance(value, dict | list):
            return value
        if depth >= DEPTH:
            return BROKEN
        if isinstance(value, list):
            copies = [self.copied(part, depth + 1) for part in value]
            return BROKEN if _holds_new(copies, value) else copies
        copy = {key: self.copied(part, depth + 1) for key, part in value.items()}
        return BROKEN if _holds_new(copy.values(), value.values()) else copy

    def is_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and not self.stack[-1].waits

    def place_value(self, value: Any, spot: Spot, anchor: str | None) -> None:
        """Put a finished value where it belongs: it is the document, an item, a key, or what a key waits for."""
        if anchor is not None:
            self.anchors[anchor] = (value, spot)
        frame = self.stack[-1] if self.stack else None
        if frame is None:
            self.value, self.root = value, spot
        elif isinstance(frame.value, list):
            frame.parts[len(frame.value)] = spot
            frame.value.append(value)
        elif frame.waits:
            frame.waits = False
            if frame.spoil:
                value = BROKEN
            if not frame.skip:
                spot.key = frame.key_place
                frame.parts[frame.key] = spot
                frame.value[frame.key] = value
        else:
            self.begin(value, spot.place, "")
            return
        self.broken = self.broken or value is BROKEN

    def begin(self, key: Any, place: Place, written: str) -> None:
        """Take a key; a value follows. A key that is no text stands for a part that cannot be read."""
        frame = self.stack[-1]
        frame.waits, frame.key_place = True, place
        frame.spoil = not isinstance(key, str)
        frame.key = written if frame.spoil else key
        frame.skip = frame.key in frame.value
        if isinstance(key, str):
            if frame.skip:
                first = frame.parts[key].key
                message = f"key {shown(key)} is here twice, first at {first.line}:{first.column}"
                self.fault(place, "E102", message, "remove one of them")
        elif isinstance(key, dict | list):
            hint = 'quote the template: "{{ … }}"' if "{{" in self.lines[place.line - 1] else self.quoting(place)
            self.fault(place, "E110", f"a {'map' if isinstance(key, dict) else 'list'} cannot be a key", hint)
        elif key is not BROKEN:
            self.fault(place, "E110", f"keys are texts, found {found(key)}", "quote it")


def _holds_new(copies: Any, originals: Any) -> bool:
    return any(new is BROKEN and old is not BROKEN for new, old in zip(copies, originals, strict=True))


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)
