"""What is no expression of ours, where, and what to write instead."""

from __future__ import annotations

import pytest

from trellis.expr.expression import ExpressionSyntax, compile_expression


@pytest.mark.parametrize(
    ("text", "reason", "offset"),
    [
        ("", "an expression is missing", 0),
        ("  \n", "an expression is missing", 0),
        ("a = 1", "write == to compare; nothing is assigned in an expression", 2),
        ("a && b", "write `and` instead of &&", 2),
        ("a || b", "write `or` instead of ||", 2),
        ("a & b", "write `and` instead of &", 0),
        ("a | b", "write `or` instead of |", 0),
        ("!a", "write `not` instead of !", 0),
        ("a === b", "write == instead of ===", 2),
        ("a ? b : c", "write `a if condition else b`; ? is not known", 2),
        ("$a", "write the bare name; $ is not known", 0),
        ("{{ a }}", "this is an expression already: leave out {{ }}", 0),
        ("a is null", "write == instead of `is`", 0),
        ("a is not null", "write != instead of `is not`", 0),
        ("~a", "~ is not known; write `not`", 0),
        ("a ^ b", "^ is not known; write ** for a power", 0),
        ("a << 2", "LShift is not part of the expression language", 0),
        ("lambda: 1", "functions cannot be written here", 0),
        ("(a := 1)", "nothing is assigned in an expression: := is not known", 1),
        ("f'{a}'", "f-strings are not known: join texts with + and str()", 0),
        ("(1, 2)", "write a list: [a, b]", 0),
        ("{1, 2}", "write a list [a, b] or a map {key: value}", 0),
        ("{x for x in a}", "write a list: [… for … in …]", 0),
        ("(x for x in a)", "write a list: [… for … in …]", 0),
        ("[*a]", "* is not known here; add lists with +", 1),
        ("{**a}", "** is not known in a map: name its keys", 0),
        ("a.upper()", "nothing but the functions of the language can be called: write upper(a)", 0),
        ("a.append(1)", "nothing but the functions of the language can be called", 0),
        ("(upper)(a)", None, 0),
        ("f(a)(b)", "nothing but the functions of the language can be called", 0),
        ("uper(a)", "unknown function 'uper': did you mean 'upper'?", 0),
        ("1 + __import__('os')", "unknown function '__import__'", 4),
        ("now()", "unknown function 'now'", 0),
        ("round(a, digits=1)", "round takes its arguments by place, not by name", 0),
        ("join(a)", "join is called join(list, separator), found 1 arguments", 0),
        ("len()", "len is called len(x), found 0 arguments", 0),
        ("round(1, 2, 3)", "round is called round(number, digits?), found 3 arguments", 0),
        ("max(*a)", "* is not known here; add lists with +", 4),
        ("[x async for x in a]", "`async` is not known", 0),
        ("[x for x.y in a]", "after `for` stand names: [… for name in list] or [… for a, b in list]", 7),
        ("[x for true in a]", "after `for` stand names: [… for name in list] or [… for a, b in list]", 7),
        ("[y for x in a for y in y]", "`y` is read before its `for`", 23),
        ("[y for x in a if y for y in b]", "`y` is read before its `for`", 17),
        ("[1 for x in a for y in [q for w in a for q in q]]", "`q` is read before its `for`", 46),
        ("[1 for x in a for y in [q for w in a for q in y]]", "`y` is read before its `for`", 46),
        ("a.class", "`class` is a word of the language; as a key write ['class']", 2),
        ("a.", "the expression ends too early", 2),
        ("1 +", "the expression ends too early", 3),
        ("a b", "not an expression, from `b` on", 2),
        ("[1 2]", "a comma or an operator is missing in `1 2]`", 1),
        ("a if b", "expected 'else' after 'if' expression", 0),
        ("(a", "'(' was never closed", 0),
        ("a)", "unmatched ')'", 1),
        ("'a", "a quote is never closed", 0),
        ("1if a else 2", "a blank is missing after the number", 1),
        ("[0x1for x in a]", "a blank is missing after the number", 4),
        ("1j", "`1j` is no string, number, true, false or null", 0),
        ("b'a'", "`b'a'` is no string, number, true, false or null", 0),
        ("...", "`...` is no string, number, true, false or null", 0),
        ("1 + 1e999", "inf is no JSON number", 4),
        ("9223372036854775808", "integer beyond 64 bits", 0),
        ("é + 9223372036854775808", "integer beyond 64 bits", 4),
        (" \n é + uper(a)", "unknown function 'uper': did you mean 'upper'?", 7),
        ("a # b", "an expression holds no comment", 2),
        ("'''a'''", "a string has one quote on each side", 0),
        ('a + """b"""', "a string has one quote on each side", 4),
        (r"'\d'", r"unknown escape \d in a string; \\ is one \ ".rstrip(), 1),
        (r"'\0'", r"unknown escape \0 in a string; \\ is one \ ".rstrip(), 1),
        (r"'\u0000'", "text holds U+0000, which not every store keeps", 0),
        (r"'\ud800'", "text holds a lone surrogate, which UTF-8 cannot say", 0),
        ("a \\\n + b", r"\ belongs in strings", 2),
        ("'a\nb'", r"a string ends on the line where it begins; \n is a line break", 2),
        ("a\0", "text holds U+0000", 1),
        ("a + '\ud800'", "text holds a lone surrogate, which UTF-8 cannot say", 5),
        ("(" * 51 + ")" * 51, "nested deeper than 50", 50),
        ("-" * 60 + "a", "nested deeper than 50", 50),
        ("a" * 10_001, "10,001 characters are too many: an expression has at most 10,000", 0),
    ],
)
def test_what_is_no_expression_is_refused_where_it_stands(text: str, reason: str | None, offset: int) -> None:
    if reason is None:
        compile_expression(text)
        return
    with pytest.raises(ExpressionSyntax) as refused:
        compile_expression(text)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)
    assert str(refused.value) == f"{reason} (at character {offset + 1})"


@pytest.mark.parametrize("text", ["'# no comment'", "'a && b'", "'1if'", "step1if", "[1,\n2]", "a\t+\tb"])
def test_what_stands_in_strings_and_names_is_left_alone(text: str) -> None:
    compile_expression(text)


def test_fifty_forms_may_hold_each_other() -> None:
    compile_expression("(" * 50 + "a" + ")" * 50)
    compile_expression("-" * 49 + "a")
