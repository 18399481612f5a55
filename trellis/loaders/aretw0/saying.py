"""A Go template is said in our words: `{{ .name }}` becomes an expression over fields that writes what Go would write."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from keyword import iskeyword

import msgspec

from trellis.loaders.aretw0.gotext import Block, Broken, Operand, Output, Part, Pipe, Unsayable, parse

NO_VALUE = '"<no value>"'
_COMPARISONS = {"ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ABSENT = "null"
LONGEST = 4000
"""Characters of an expression: what it is made of may stand in it more than once."""


class Said(msgspec.Struct, frozen=True):
    """An expression. `code` gives null where Go has no value; `shown` gives what Go writes then.

    `atom`: it needs no parentheses; `text`: it is always a string; `way`: a path that may end early.
    """

    code: str
    shown: str = ""
    atom: bool = True
    text: bool = False
    way: str = ""

    @property
    def written(self) -> str:
        return self.shown or self.code

    @property
    def inner(self) -> str:
        return self.code if self.atom else f"({self.code})"


class Place(msgspec.Struct, frozen=True):
    """Where a template stands: the field of each of their keys, which of them are set here, and what stands for some."""

    field: Callable[[str], str]
    certain: Collection[str] = ()
    instead: Mapping[str, Said] = msgspec.field(default_factory=dict)


def literal(value: object) -> str:
    """A JSON value as an expression."""
    return json.dumps(value, ensure_ascii=False)


def say(text: str, place: Place) -> str:
    """A text for people. Raises Broken or Unsayable."""
    if "{{" not in text:
        return text
    return _Speaker(place).template(parse(text))


def argument(text: str, place: Place) -> str:
    """An argument of a tool: a text too, where one expression alone would keep its type. Raises Broken or Unsayable."""
    if "{{" not in text:
        return text
    parts = parse(text)
    speaker = _Speaker(place)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return f"{{{{ {speaker.string(parts)} }}}}"
    return speaker.template(parts)


def keys_read(text: str) -> set[str]:
    """Their context keys that a template reads. What cannot be parsed reads none."""
    found: set[str] = set()

    def field(key: str) -> str:
        found.add(key)
        return "x"

    try:
        say(text, Place(field))
    except (Broken, Unsayable):
        pass
    return found


def path(base: str, keys: Collection[object]) -> str:
    """`base.a["b c"]`: an expression for what stands at the keys."""
    for key in keys:
        plain = isinstance(key, str) and key.isidentifier() and key.isascii() and not iskeyword(key)
        base += f".{key}" if plain and key not in ("true", "false", "null") else f"[{literal(key)}]"
    return base


def _at(base: Said, keys: Collection[object]) -> Said:
    if not keys:
        return base
    way = path(base.way or base.inner, keys)
    return Said(f"default({way}, {_ABSENT})", f"default({way}, {NO_VALUE})", way=way)


class _Speaker:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._dot: Said | None = None
        self._variables: dict[str, Said] = {}
        self._names = 0

    def template(self, parts: tuple[Part, ...]) -> str:
        """The parts as a text with `{{ }}`."""
        written = []
        for part in parts:
            if isinstance(part, str):
                written.append(part.replace("{{", "{{{{"))
            elif code := self._part(part)[0]:
                written.append(f"{{{{ {code} }}}}")
        return "".join(written)

    def string(self, parts: tuple[Part, ...]) -> str:
        """The parts as one expression, which gives a string."""
        pieces = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(literal(part))
                continue
            code, text, atom = self._part(part)
            if code:
                pieces.append((code if atom else f"({code})") if text else f"str({code})")
        return " + ".join(pieces) or '""'

    def _part(self, part: Output | Block) -> tuple[str, bool, bool]:
        """Its expression, whether that is always a string, and whether it needs no parentheses."""
        if isinstance(part, Output):
            said = self.pipe(part.pipe)
            if part.pipe.names:
                self._variables[part.pipe.names[0]] = said
                return "", True, True
            return said.written, said.text, said.atom or bool(said.shown.startswith("default("))
        return self._block(part), True, False

    def _block(self, block: Block) -> str:
        if block.word == "range":
            return self._range(block)
        tested = self.pipe(block.pipe)
        outer, kept = self._dot, dict(self._variables)
        for name in block.pipe.names:
            self._variables[name] = tested
        if block.word == "with":
            self._dot = tested
        body = self.string(block.body)
        self._dot, self._variables = outer, kept
        return f"{body} if {tested.inner} else {self.string(block.other)}"

    def _range(self, block: Block) -> str:
        over = self.pipe(block.pipe)
        outer, kept = self._dot, dict(self._variables)
        self._names += 1
        each, place = f"each{self._names}", f"at{self._names}"
        self._dot = Said(each)
        names = block.pipe.names
        if names:
            self._variables[names[-1]] = Said(each)
        if len(names) > 1:
            self._variables[names[0]] = Said(place)
        body = self.string(block.body)
        self._dot, self._variables = outer, kept
        walked = f"{over.inner} or []" if over.code != over.way else over.code
        head = (
            f"for {place}, {each} in zip(range(len({walked})), {walked})"
            if len(names) > 1
            else f"for {each} in {walked}"
        )
        made = f'join([{body} {head}], "")'
        return f"{made} if {over.inner} else {self.string(block.other)}" if block.other else made

    def pipe(self, pipe: Pipe) -> Said:
        """The value of a pipe."""
        value: Said | None = None
        for command in pipe.commands:
            value = self._command(command, value)
        assert value is not None
        if len(value.code) > LONGEST:
            raise Unsayable("an expression that long")
        return value

    def _command(self, command: tuple[Operand, ...], before: Said | None) -> Said:
        head = command[0]
        if head.kind == "word":
            arguments = [self._operand(operand) for operand in command[1:]]
            return self._call(str(head.value), arguments + [before] * (before is not None))  # type: ignore[list-item]
        if len(command) > 1 or before is not None:
            raise Broken("can't give argument to non-function")
        return self._operand(head)

    def _operand(self, operand: Operand) -> Said:
        match operand.kind:
            case "literal":
                return Said(literal(operand.value), text=isinstance(operand.value, str))
            case "pipe":
                assert isinstance(operand.value, Pipe)
                return _at(self.pipe(operand.value), operand.path)
            case "variable":
                if operand.value not in self._variables:
                    raise Broken(f"undefined variable {operand.value!r}")
                return _at(self._variables[str(operand.value)], operand.path)
            case "dot" if self._dot is not None:
                return self._dot
            case "field" if self._dot is not None:
                return _at(self._dot, (operand.value, *operand.path))
            case "field":
                return self._key(str(operand.value), operand.path)
            case "root" if operand.path:
                return self._key(operand.path[0], operand.path[1:])
            case "word":
                return self._call(str(operand.value), [])
        raise Unsayable("the whole context as one value")

    def _key(self, key: str, keys: tuple[str, ...]) -> Said:
        if key == "sys":
            if keys[:1] == ("ans",):
                key, keys = "sys.ans", keys[1:]
            else:
                return Said(_ABSENT, NO_VALUE)
        if key in self._place.instead:
            return self._stand_in(key, keys)
        name = self._place.field(key)
        if keys:
            return _at(Said(name), keys)
        if key in self._place.certain:
            return Said(name)
        return Said(name, f"default({name}, {NO_VALUE})")

    def _stand_in(self, key: str, keys: tuple[str, ...]) -> Said:
        whole = self._place.instead[key]
        if keys[:1] == ("_id",):
            return Said(whole.shown, text=True)
        return _at(Said(whole.code), keys[1:] if keys[:1] == ("result",) else keys)

    def _call(self, name: str, given: list[Said]) -> Said:
        match name, len(given):
            case "default", 2:
                code = f"{given[1].inner} or {given[0].inner}"
                return Said(code, "" if _sure(given[0]) else f"default({code}, {NO_VALUE})", atom=False)
            case "coalesce", count if count > 0:
                code = " or ".join(one.inner for one in given)
                return Said(f"{code} or {_ABSENT}", f"{code} or {NO_VALUE}", atom=False)
            case "toJson", 1:
                return Said(f"str([{given[0].code}])[1:-1]", text=True)
            case "len", 1:
                return Said(f"len({given[0].code})")
            case "not", 1:
                return Said(f"not {given[0].inner}", atom=False)
            case (("and" | "or"), count) if count > 0:
                code = f" {name} ".join(one.inner for one in given)
                return Said(code, f"default({code}, {NO_VALUE})", atom=False)
            case "eq", 2:
                return Said(f"{given[0].inner} == {given[1].inner}", atom=False)
            case "eq", count if count > 2:
                return Said(f"{given[0].inner} in [{', '.join(one.code for one in given[1:])}]", atom=False)
            case (("ne" | "lt" | "le" | "gt" | "ge"), 2):
                return Said(f"{given[0].inner} {_COMPARISONS[name]} {given[1].inner}", atom=False)
            case "index", count if count > 1:
                return self._index(given)
            case (("printf" | "print" | "println"), _):
                return self._print(name, given)
            case (("html" | "js" | "urlquery" | "slice" | "call" | "printf"), _):
                raise Unsayable(name)
            case (("default" | "toJson" | "len" | "not" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "index"), _):
                raise Broken(f"wrong number of args for {name}")
        raise Broken(f'function "{name}" not defined')

    def _index(self, given: list[Said]) -> Said:
        """A key that a map has not is no value, and of what is not there nothing can be taken, as in Go."""
        value = given[0]
        for key in given[1:]:
            if key.text and key.atom:
                value = Said(f"{value.inner}[{key.code}] if {key.code} in {value.inner} else {_ABSENT}", atom=False)
            else:
                value = Said(f"{value.inner}[{key.code}]")
            if len(value.code) > LONGEST:
                raise Unsayable("an expression that long")
        return msgspec.structs.replace(value, shown=f"default({value.code}, {NO_VALUE})")

    def _print(self, name: str, given: list[Said]) -> Said:
        if name != "printf":
            if len(given) != 1:
                raise Unsayable(f"{name} of several values")
            end = ' + "\\n"' if name == "println" else ""
            return Said(f"str({given[0].written}){end}", text=True, atom=not end)
        form = json.loads(given[0].code) if given and given[0].text and given[0].code.startswith('"') else None
        if not isinstance(form, str):
            raise Unsayable("printf of a format that is not written out")
        pieces, values = [], iter(given[1:])
        for place, run in enumerate(form.split("%%")):
            if place:
                pieces.append('"%"')
            first, *rest = run.split("%")
            pieces += [literal(first)] * bool(first)
            for verb in rest:
                value = next(values, None)
                if value is None or verb[:1] not in ("s", "v", "d", "t"):
                    raise Unsayable(f"printf {form!r}")
                pieces.append(f"str({value.written})")
                pieces += [literal(verb[1:])] * bool(verb[1:])
        return Said(" + ".join(pieces) or '""', text=True, atom=len(pieces) < 2)


def _sure(said: Said) -> bool:
    """Whether it never is without a value."""
    return not said.shown and said.code != _ABSENT
