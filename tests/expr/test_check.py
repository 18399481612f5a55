"""What the checker finds without running anything, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.expr.check import Finding, check_expression, check_template, check_value, mismatch
from trellis.expr.expression import compile_expression
from trellis.expr.kinds import NULL, literal
from trellis.expr.template import compile_template, compile_value
from trellis.model.types import Type, describe, parse_type

TYPES = {
    "env": parse_type("string", ["staging", "prod"]),
    "level": parse_type("integer", [1, 2, 3]),
    "tries": parse_type("integer"),
    "rate": parse_type("number"),
    "user": parse_type("string", optional=True),
    "ok": parse_type("boolean"),
    "server": parse_type({"id": "string", "port": "integer", "tags": ["string"]}, optional=True),
    "verdict": parse_type("approval"),
    "rows": parse_type([{"n": "integer", "s": "string"}]),
    "words": parse_type(["string"]),
    "x": parse_type("any"),
    "at": parse_type("time"),
    "wait": parse_type("duration"),
}


def check(text: str) -> tuple[str, list[tuple[str, int]]]:
    result, findings = check_expression(compile_expression(text), TYPES)
    return describe(result), [(finding.reason, finding.offset) for finding in findings]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("tries + 1", "integer"), ("tries + rate", "number"), ("tries / 2", "number"), ("tries // 2", "integer"), ("2 ** tries", "number"),
        ("env", "string (staging, prod)"), ("env + 'x'", "string"), ("'a' * tries", "string"), ("words + ['a']", "[string]"),
        ("-tries", "integer"), ("not x", "boolean"), ("env == 'prod' and tries > 2", "boolean"), ("user or 'you'", "string"),
        ("server.port", "integer"), ("server['port']", "integer"), ("server.tags[0]", "string"), ("words[1:]", "[string]"),
        ("env[0]", "string"), ("verdict.ok", "boolean"), ("verdict.choice", "string (approve, reject, back)"),
        ("x.y.z[0] + 1", "any"), ("x + 'a'", "string"), ("words + []", "[string]"), ("[] if ok else words", "[string]"), ("[]", "[any]"), ("'a' == 'b'", "boolean"), ("1 in [2, -3]", "boolean"), ("x > 1", "boolean"), ("x[tries]", "any"),
        ("[r.n for r in rows]", "[integer]"), ("{r.s: r.n for r in rows}", "map"), ("[v for k, v in items(server)]", "[any]"),
        ("{'a': tries, 'b': [rate]}", "{a: integer, b: [number]}"), ("{env: 1}", "map"), ("[1, 2.5]", "[number]"), ("[1, 'a']", "[any]"),
        ("tries if ok else rate", "number"), ("tries if ok else env", "any"), ("'a' if ok else 'b'", "string (a, b)"),
        ("default(user, 'you')", "string"), ("default(server.port, 80)", "integer"), ("default(null, 1)", "integer (1)"),
        ("first(rows).n", "integer"), ("sum(r.n for r in rows)", "integer"), ("sum(x)", "number"), ("max(tries, rate)", "number"),
        ("max(words)", "string"), ("sorted(words)", "[string]"), ("flatten([words])", "[string]"), ("values(server)", "[any]"),
        ("keys(server)", "[string]"), ("zip(words, words)", "[[string]]"), ("round(rate)", "integer"), ("round(rate, 2)", "number"),
        ("abs(tries)", "integer"), ("split(env)", "[string]"), ("range(3)", "[integer]"), ("seconds(wait) < seconds(at)", "boolean"),
        ("user == null", "boolean"), ("null != server", "boolean"), ("env in ['prod', 'staging']", "boolean"), ("level == 2", "boolean"),
        ("'prod' == env", "boolean"), ("env != user", "boolean"), ("at == '2030-01-31T09:30:00Z'", "boolean"), ("'id' in server", "boolean"),
        ("tries == 2.0", "boolean"), ("env in words", "boolean"), ("x in words", "boolean"), ("-1 == tries", "boolean"), ("len(words)", "integer"),
    ],
)  # fmt: skip
def test_a_sound_expression_has_a_type_and_no_finding(text: str, result: str) -> None:
    assert check(text) == (result, [])


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("usr", [("unknown name 'usr': did you mean 'user'?", 0)]),
        ("zzz + qqq", [("unknown name 'zzz'", 0), ("unknown name 'qqq'", 6)]),
        ("default(usr, 1)", [("unknown name 'usr': did you mean 'user'?", 8)]),
        ("é + usr", [("unknown name 'é'", 0), ("unknown name 'usr': did you mean 'user'?", 4)]),
        ("[w for w in words] + w", [("unknown name 'w'", 21)]),
        ("server.prot", [("`server` has no key 'prot' (did you mean 'port'?)", 0)]),
        ("1 + server.zzz", [("`server` has no key 'zzz' (its keys: id, port, tags)", 4)]),
        ("server['prot']", [("`server` has no key 'prot' (did you mean 'port'?)", 0)]),
        ("[r.m for r in rows]", [("`r` has no key 'm' (its keys: n, s)", 1)]),
        ("verdict.choise", [("`verdict` has no key 'choise' (did you mean 'choice'?)", 0)]),
        ("env.name", [("`env` is a string: only maps have keys, not 'name'", 0)]),
        ("rows.n", [("`rows` is a list: only maps have keys, not 'n'", 0)]),
        ("tries[0]", [("`tries` is an integer: only lists, maps and strings have parts", 0)]),
        ("words['a']", [("places are integers, found a string", 6)]),
        ("words[:'a']", [("places are integers, found a string", 7)]),
        ("server[0]", [("`server` is a map: its keys are strings, found an integer", 7)]),
        ("server[1:]", [("`server` is a map: only lists and strings are cut with [a:b]", 0)]),
        ("tries > 'x'", [("cannot tell whether an integer > a string", 0)]),
        ("ok > 1", [("cannot tell whether a boolean > an integer", 0)]),
        ("x > words", [("cannot tell whether an unknown value > a list", 0)]),
        ("1 < tries < 'x'", [("cannot tell whether an integer < a string", 4)]),
        ("at < at", [("times are texts: write seconds(at) < seconds(at)", 0)]),
        ("wait >= '5m'", [("durations are texts: write seconds(wait) >= seconds('5m')", 0)]),
        ("tries == '3'", [("an integer and a string are never equal", 0)]),
        ("tries != ok", [("an integer and a boolean are never equal", 0)]),
        ("env == 'prd'", [("`env` is never 'prd': it is one of staging, prod (did you mean 'prod'?)", 7)]),
        ("env != 'PROD'", [("`env` is never 'PROD': it is one of staging, prod", 7)]),
        ("'prd' == env", [("`env` is never 'prd': it is one of staging, prod (did you mean 'prod'?)", 0)]),
        ("level == 4", [("`level` is never 4: it is one of 1, 2, 3", 9)]),
        ("level == -1", [("`level` is never -1: it is one of 1, 2, 3", 9)]),
        ("env in ['prod', 'stagin']",
         [("`env` is never 'stagin': it is one of staging, prod (did you mean 'staging'?)", 16)]),
        ("verdict.choice == 'approved'",
         [("`verdict.choice` is never 'approved': it is one of approve, reject, back (did you mean 'approve'?)", 18)]),
        ("tries in words", [("an integer and a string are never equal", 0)]),
        ("tries in ['a']", [("an integer and a string are never equal", 0)]),
        ("tries in env", [("only a string is in a string, found an integer", 0)]),
        ("7 in tries", [("nothing is in an integer: `in` takes a list, a map or a string", 5)]),
        ("tries + env", [("`+` does not take an integer and a string: write str(…) to make it a text", 0)]),
        ("x + ok", [("`+` does not take an unknown value and a boolean", 0)]),
        ("1 + (env - 2)", [("`-` does not take a string and an integer", 5)]),
        ("words * rate", [("`*` does not take a list and a number", 0)]),
        ("tries + null", [("`+` does not take an integer and null", 0)]),
        ("'%s' % tries", [("texts are not formatted with %: write {{ }} or join texts with +", 0)]),
        ("-env", [("cannot take minus a string", 0)]),
        ("upper(tries)", [("upper takes a string, found an integer", 6)]),
        ("len(tries)", [("len takes a string or a list or a map, found an integer", 4)]),
        ("range(rate)", [("range takes an integer, found a number", 6)]),
        ("join(words, tries)", [("join takes a string, found an integer", 12)]),
        ("sum(words)", [("sum takes numbers, found a string", 4)]),
        ("sorted(rows)", [("sorted takes numbers or strings, found a map", 7)]),
        ("max(tries, ok)", [("max takes a list or a number or a string, found a boolean", 11)]),
        ("[w for w in server]", [("`for … in` takes a list, found a map; write keys(server)", 12)]),
        ("[w for w in tries]", [("`for … in` takes a list, found an integer", 12)]),
        ("{tries: 1}", [("the keys of a map are strings, found an integer", 1)]),
        ("{r.n: 1 for r in rows}", [("the keys of a map are strings, found an integer", 1)]),
        ("usr if tires else server.prot",
         [("unknown name 'usr': did you mean 'user'?", 0), ("unknown name 'tires': did you mean 'tries'?", 7),
          ("`server` has no key 'prot' (did you mean 'port'?)", 18)]),
    ],
)  # fmt: skip
def test_every_fault_is_found_where_it_stands(text: str, findings: list[tuple[str, int]]) -> None:
    assert check(text)[1] == findings


def test_a_text_is_checked_part_by_part() -> None:
    template = compile_template("a {{ tries }} {{ usr }} {{ env == 'prd' }}")
    assert check_template(template, TYPES) == (
        Type("string"),
        [
            Finding("unknown name 'usr': did you mean 'user'?", 17),
            Finding("`env` is never 'prd': it is one of staging, prod (did you mean 'prod'?)", 34),
        ],
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [("{{ tries }}", Type("integer")), ("plain", literal("plain")), ("n={{ tries }}", Type("string"))],
)
def test_a_text_alone_has_the_type_of_its_expression(text: str, result: Type) -> None:
    assert check_template(compile_template(text), TYPES) == (result, [])


def test_nested_data_is_checked_with_the_path_of_each_text() -> None:
    data = {"n": "{{ tries }}", "list": ["x", "{{ usr }}"], "fixed": 1, "none": None}
    assert check_value(compile_value(data), TYPES) == (
        Type(
            "map",
            keys={
                "n": Type("integer"),
                "list": Type("list", item=Type("any")),
                "fixed": literal(1),
                "none": NULL,
            },
        ),
        [Finding("unknown name 'usr': did you mean 'user'?", 3, ("list", 1))],
    )


@pytest.mark.parametrize(
    ("declared", "text", "reason"),
    [
        ("integer", "tries + 1", None),
        ("integer", "tries / 2", None),  # a whole float fits; what it is, the run tells
        ("integer", "2.5", "expected integer, found number 2.5"),
        ("integer", "4.0", None),
        ("integer", "env", "expected integer, found string 'staging'"),
        ("string", "tries", "expected string, found integer"),
        ("string", "at", None),
        ("string", "null", "expected string, found null"),
        ("string", "user", None),
        ("duration", "'5 minutes'", "'5 minutes' is no duration: write 5m"),
        ("boolean", "x", None),
        (["string"], "words", None),
        (["integer"], "words", "in the list: expected integer, found string"),
        ({"id": "string"}, "server", None),
        ({"host": "string"}, "server", "missing key 'host' (string)"),
        ({"id": "integer"}, "server", "at id: expected integer, found string"),
        ({"id": {"type": "string", "optional": True}}, "{}", None),
        ("any", "words", None),
    ],
)  # fmt: skip
def test_a_type_that_can_never_be_stored_is_told(declared: Any, text: str, reason: str | None) -> None:
    result, findings = check_expression(compile_expression(text), TYPES)
    assert findings == []
    assert mismatch(parse_type(declared), result) == reason


def test_a_value_outside_of_the_enum_can_never_be_stored() -> None:
    reason = "expected one of staging, prod, found string 'prd' (did you mean 'prod'?)"
    assert mismatch(TYPES["env"], literal("prd")) == reason
    assert mismatch(TYPES["env"], literal("prod")) is None
    assert mismatch(TYPES["env"], Type("string")) is None
    assert mismatch(TYPES["user"], NULL) is None
