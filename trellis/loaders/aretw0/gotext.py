"""A Go template becomes a tree: texts, outputs, and the blocks `if`, `range` and `with`; what Go refuses is Broken."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec


class Broken(Exception):
    """Go itself refuses this template; the text says why."""


class Unsayable(Exception):
    """Go takes this, and our expressions have no words for it; the text says for what."""


class Operand(msgspec.Struct, frozen=True):
    """A value: `kind` is field, dot, root, variable, literal, word or pipe; `path` the keys that follow."""

    kind: str
    value: object = None
    path: tuple[str, ...] = ()


class Pipe(msgspec.Struct, frozen=True):
    """Commands, each the operands it is written with; the value of one is the last argument of the next."""

    commands: tuple[tuple[Operand, ...], ...]
    names: tuple[str, ...] = ()
    """Variables that are declared: `$x :=`, or `$i, $x :=` of a range."""


class Output(msgspec.Struct, frozen=True):
    """What one action writes; nothing, if it declares a variable."""

    pipe: Pipe


class Block(msgspec.Struct, frozen=True):
    """`if`, `range` or `with`; `other` is its `else`."""

    word: str
    pipe: Pipe
    body: tuple[Part, ...]
    other: tuple[Part, ...]


Part = str | Output | Block

_ACTION = re.compile(
    r"\{\{(-(?=\s))?((?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|'(?:\\.|[^'\\])+'|/\*.*?\*/|(?!\}\}).)*?)((?<=\s)-)?\}\}",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<char>'(?:\\.|[^'\\])+')
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<variable>\$\w*)|(?P<path>(?:\.\w+)+)|(?P<dot>\.)|(?P<word>\w+)|(?P<mark>:=|[()|,=]))""",
    re.VERBOSE,
)
DEEPEST = 50
"""How deep blocks may be nested, and how many parentheses one action may have."""
_BLOCKS = frozenset({"if", "range", "with"})
_BEYOND = frozenset({"define", "template", "block", "break", "continue"})


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a template. Raises Broken or Unsayable."""
    pieces = list(_pieces(text))
    _must_be_shallow(pieces)
    parts, rest, word = _parts(pieces, 0)
    if word:
        raise Broken(f"unexpected {{{{{word}}}}}")
    assert rest == len(pieces)
    return parts


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Texts (False) and the insides of actions (True); trimmed as the dashes say."""
    at, trim = 0, False
    for match in _ACTION.finditer(text):
        before = text[at : match.start()]
        if trim:
            before = before.lstrip()
        if match[1]:
            before = before.rstrip()
        if "{{" in before:
            raise Broken("an action is never closed")
        yield False, before
        inside = match[2].strip()
        if not (inside.startswith("/*") and inside.endswith("*/")):
            yield True, inside
        at, trim = match.end(), bool(match[3])
    last = text[at:].lstrip() if trim else text[at:]
    if "{{" in last:
        raise Broken("an action is never closed")
    yield False, last


def _must_be_shallow(pieces: list[tuple[bool, str]]) -> None:
    """Raises Unsayable where blocks, or parentheses, stand in one another so deep that nobody wrote that by hand."""
    open_blocks: list[int] = []
    for action, text in pieces:
        words = text.split(None, 2) if action else []
        if not words:
            continue
        if words[0] in _BLOCKS:
            open_blocks.append(1)
        elif words[0] == "else" and len(words) > 1 and open_blocks:
            open_blocks[-1] += 1  # an `else if` is one more block inside
        elif words[0] == "end" and open_blocks:
            open_blocks.pop()
        if sum(open_blocks) > DEEPEST or text.count("(") > DEEPEST:
            raise Unsayable(f"what is nested deeper than {DEEPEST}")


def _parts(pieces: list[tuple[bool, str]], at: int) -> tuple[tuple[Part, ...], int, str]:
    """Parts up to an `else` or `end`, where that stands, and what it says; "" at the end of the text."""
    parts: list[Part] = []
    while at < len(pieces):
        action, text = pieces[at]
        word = text.split(None, 1)[0] if action and text.split() else ""
        if not action:
            if text:
                parts.append(text)
        elif word in ("else", "end"):
            return tuple(parts), at, text
        elif word in _BEYOND:
            raise Unsayable(f"{{{{ {word} }}}}")
        elif word in _BLOCKS:
            block, at = _block(pieces, at, word, text[len(word) :])
            parts.append(block)
        else:
            parts.append(Output(_pipe(text)))
        at += 1
    return tuple(parts), at, ""


def _block(pieces: list[tuple[bool, str]], at: int, word: str, head: str) -> tuple[Block, int]:
    pipe = _pipe(head)
    body, at, closing = _parts(pieces, at + 1)
    other: tuple[Part, ...] = ()
    if closing.startswith("else"):
        more = closing[4:].split(None, 1)
        if more and more[0] in ("if", "with"):  # `else if` shares the `end` of its `if`
            inner, at = _block(pieces, at, more[0], more[1] if len(more) > 1 else "")
            return Block(word, pipe, body, (inner,)), at
        other, at, closing = _parts(pieces, at + 1)
    if closing != "end":
        raise Broken(f"{{{{{word}}}}} has no {{{{end}}}}")
    return Block(word, pipe, body, other), at


def _pipe(text: str) -> Pipe:
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Broken(f"unexpected {text[at:].strip()[:20]!r}")
        glued = bool(tokens) and match.start(match.lastgroup) == at
        kind = match.lastgroup
        if kind == "path" and glued and (tokens[-1][0] == "variable" or tokens[-1][1] == ")"):
            kind = "more"  # the keys of what stands before
        tokens.append((kind, match[match.lastgroup]))
        at = match.end()
    names: list[str] = []
    for place, (_, token) in enumerate(tokens):
        if token in (":=", "="):
            names = [name for kind, name in tokens[:place] if kind == "variable"]
            tokens = tokens[place + 1 :]
            break
    pipe, rest = _commands(tokens, 0)
    if rest < len(tokens):
        raise Broken(f"unexpected {tokens[rest][1]!r}")
    return Pipe(pipe.commands, tuple(names))


def _commands(tokens: list[tuple[str, str]], at: int) -> tuple[Pipe, int]:
    commands: list[tuple[Operand, ...]] = []
    operands: list[Operand] = []
    while at < len(tokens):
        kind, token = tokens[at]
        at += 1
        if token == ")" and kind == "mark":
            at -= 1
            break
        if token == "|" and kind == "mark":
            commands.append(tuple(operands))
            operands = []
        elif token == "(" and kind == "mark":
            inner, at = _commands(tokens, at)
            if at >= len(tokens):
                raise Broken("unclosed left paren")
            operands.append(Operand("pipe", inner))
            at += 1
        elif kind == "more":
            last = operands.pop()
            operands.append(Operand(last.kind, last.value, (*last.path, *token[1:].split("."))))
        else:
            operands.append(_operand(kind, token))
    commands.append(tuple(operands))
    if any(not command for command in commands):
        raise Broken("missing value for command")
    return Pipe(tuple(commands)), at


def _operand(kind: str, token: str) -> Operand:
    if kind == "string":
        if token[0] == "`":
            return Operand("literal", token[1:-1])
        try:
            return Operand("literal", msgspec.json.decode(token))
        except msgspec.DecodeError:
            raise Unsayable(f"the escape in {token}") from None
    if kind == "number":
        return Operand("literal", float(token) if set(token) & set(".eE") else int(token))
    if kind == "variable":
        return Operand("root") if token == "$" else Operand("variable", token)
    if kind == "path":
        keys = token[1:].split(".")
        return Operand("field", keys[0], tuple(keys[1:]))
    if kind == "dot":
        return Operand("dot")
    if kind == "word":
        words = {"true": True, "false": False, "nil": None}
        return Operand("literal", words[token]) if token in words else Operand("word", token)
    raise Broken(f"unexpected {token!r}") if kind == "mark" else Unsayable(f"the character {token}")
