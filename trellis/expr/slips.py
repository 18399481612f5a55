"""What to say where Python's parser gave up: the usual slips of people who know other languages."""

from __future__ import annotations

_SLIPS = (
    ("{{", "this is an expression already: leave out {{ }}"),
    ("&&", "write `and` instead of &&"),
    ("||", "write `or` instead of ||"),
    ("===", "write == instead of ==="),
    ("?", "write `a if condition else b`; ? is not known"),
    ("$", "write the bare name; $ is not known"),
    ("`", "write strings in quotes"),
)


_CLEAR = ("'", "unmatched", "closing parenthesis", "expected ", "expression expected", "leading zeros")
"""How the parser's messages begin that help as they are."""


def explain(line: str, message: str, at: int) -> tuple[str, int]:
    """The reason and the place for a text that does not parse; `message` and `at` are the parser's."""
    bare = _blank_strings(line)
    for slip, hint in _SLIPS:
        if slip in bare:
            return hint, bare.index(slip)
    without = bare
    for comparison in ("==", "!=", "<=", ">=", ":="):
        without = without.replace(comparison, "  ")
    if "=" in without:
        return "write == to compare; nothing is assigned in an expression", without.index("=")
    if "!" in without:
        return "write `not` instead of !", without.index("!")
    before = bare[:at].rstrip()
    if before.endswith(".") and line[at : at + 1].isalpha():
        word = _word_at(line, at)
        return f"`{word}` is a word of the language; as a key write [{word!r}]", at
    if message.startswith(_CLEAR):
        return message, at
    if "unterminated string" in message:
        return "a quote is never closed", at
    rest = line[at : at + 20].strip()
    if "comma" in message:
        return f"a comma or an operator is missing in `{rest}`", at
    return (f"not an expression, from `{rest}` on" if rest else "the expression ends too early"), at


def _word_at(line: str, at: int) -> str:
    end = at
    while end < len(line) and (line[end].isalnum() or line[end] == "_"):
        end += 1
    return line[at:end]


def _blank_strings(line: str) -> str:
    """The line with every character inside quotes replaced by a blank."""
    out, quote, escaped = [], "", False
    for mark in line:
        if not quote:
            quote = mark if mark in "'\"" else ""
            out.append(" " if quote else mark)
            continue
        out.append(" ")
        if escaped:
            escaped = False
        elif mark == "\\":
            escaped = True
        elif mark == quote:
            quote = ""
    return "".join(out)
