"""What expressions mean, form by form, and what they say when the data does not suit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from trellis.errors import ExpressionError
from trellis.expr.expression import compile_expression

SCOPE: dict[str, Any] = {
    "env": "prod",
    "tries": 3,
    "rate": 0.5,
    "user": None,
    "ok": True,
    "server": {"id": "x1", "port": 80, "tags": ["a", "b"], "of": {"type": "vm"}},
    "rows": [{"n": 1, "s": "one"}, {"n": 5, "s": "five"}],
    "words": ["b", "a", "b"],
    "empty": [],
}


def value(text: str, scope: Mapping[str, Any] = SCOPE) -> Any:
    return compile_expression(text).evaluate(scope)


def refusal(text: str, scope: Mapping[str, Any] = SCOPE) -> str:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text).evaluate(scope)
    assert refused.value.text == text
    return refused.value.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # literals
        ("'a'", "a"), ('"é"', "é"), (r"'a\n\'\u00e9'", "a\n'é"), ("7", 7), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0),
        ("true", True), ("True", True), ("false", False), ("False", False), ("null", None), ("None", None),
        ("[1, 'a', [null]]", [1, "a", [None]]), ("[]", []), ("{}", {}), ("{'a': tries, 'b': {'c': []}}", {"a": 3, "b": {"c": []}}),
        ("{env: 1}", {"prod": 1}), ("-9223372036854775807 - 1", -(2**63)),
        # names and parts
        ("env", "prod"), ("  env  ", "env" and "prod"), ("server.port", 80), ("server.of.type", "vm"),
        ("server['id']", "x1"), ("server.tags[0]", "a"), ("server.tags[-1]", "b"), ("env[0]", "p"), ("rows[tries - 2].s", "five"),
        ("words[1:]", ["a", "b"]), ("words[::-1]", ["b", "a", "b"]), ("env[:2]", "pr"), ("words[:9]", ["b", "a", "b"]),
        # comparison
        ("env == 'prod'", True), ("env != 'prod'", False), ("tries > 2", True), ("tries >= 3.0", True), ("2 < tries <= 3", True),
        ("2 < tries < 3", False), ("1 == 1.0", True), ("'a' < 'b'", True), ("user == null", True), ("rows == rows", True),
        ("env == 7", False), ("tries > rate", True), ("-1 > -2", True),
        ("'a' in words", True), ("'z' not in words", True), ("'id' in server", True), ("7 in server", False), ("'ro' in env", True),
        ("tries in [1, 3]", True),
        # booleans
        ("not tries", False), ("not user", True), ("tries and env", "prod"), ("user or 'you'", "you"), ("0 or [] or ''", ""),
        ("1 and 2 and 3", 3), ("1 and 0 and missing", 0), ("ok or missing", True), ("false and missing", False),
        ("1 if ok else missing", 1), ("missing if not ok else 2", 2), ("not ok == false", True),
        # arithmetic
        ("tries + 1", 4), ("tries - 5", -2), ("tries * rate", 1.5), ("7 / 2", 3.5), ("7 // 2", 3), ("-7 // 2", -4), ("-7 % 3", 2),
        ("2 ** 10", 1024), ("2 ** -1", 0.5), ("(-1) ** 99999999999", -1), ("+tries", 3), ("-tries", -3), ("1 + 2 * 3", 7),
        ("'a' + 'b'", "ab"), ("[1] + [2]", [1, 2]), ("'ab' * 2", "abab"), ("2 * [1]", [1, 1]), ("'ab' * -1", ""), ("4 / 2", 2.0),
        ("2 ** 62 + (2 ** 62 - 1)", 2**63 - 1),
        # loops
        ("[r.n for r in rows]", [1, 5]), ("[r.n * 2 for r in rows if r.n > 1]", [10]), ("{r.s: r.n for r in rows}", {"one": 1, "five": 5}),
        ("[[a, b] for a in [1, 2] for b in [a, 3] if b != 2]", [[1, 1], [1, 3], [2, 3]]),
        ("[k for k, v in items(server) if v == 80]", ["port"]), ("[env for env in words]", ["b", "a", "b"]),
        ("[[x for x in words if x == y] for y in ['a']]", [["a"]]), ("[x for x in [x for x in words]]", ["b", "a", "b"]),
        ("sum(r.n for r in rows)", 6), ("any(1 / n > 0 for n in [1, 0])", True), ("all(n > 1 for n in [1, 'x'])", False),
        # several lines, as a block of YAML gives them
        ("tries > 2\n  and env == 'prod'\n", True),
    ],
)  # fmt: skip
def test_an_expression_gives(text: str, expected: Any) -> None:
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("missing", "`missing` is not set"),
        ("missing.key", "`missing` is not set"),
        ("[missing for w in words]", "`missing` is not set"),
        ("user.name", "`user` is null, so it has no 'name'; default(user.name, …) says what to take then"),
        ("server.prot", "`server` has no key 'prot' (did you mean 'port'?)"),
        ("server.zzz", "`server` has no key 'zzz' (its keys: id, port, tags, of)"),
        ("server.of.typ", "`server.of` has no key 'typ' (did you mean 'type'?)"),
        ("{}.a", "`{}` has no key 'a' (it is empty)"),
        ("env.real", "`env` is a string: only maps have keys, not 'real'"),
        ("tries.real", "`tries` is an integer: only maps have keys, not 'real'"),
        ("words.append", "`words` is a list: only maps have keys, not 'append'"),
        ("server.__class__", "`server` has no key '__class__' (its keys: id, port, tags, of)"),
        ("server['prot']", "`server` has no key 'prot' (did you mean 'port'?)"),
        ("server[0]", "`server` is a map: its keys are strings, found an integer"),
        ("words[3]", "`words` has no place 3: its length is 3"),
        ("words['a']", "`words` is a list: its places are integers, found a string"),
        ("words[true]", "`words` is a list: its places are integers, found a boolean"),
        ("tries[0]", "`tries` is an integer: only lists, maps and strings have parts"),
        ("tries[1:]", "`tries` is an integer: only lists and strings are cut with [a:b]"),
        ("words['a':]", "the places in [a:b] are integers, found a string"),
        ("words[::0]", "the step in [a:b:step] cannot be 0"),
        ("tries > 'x'", "cannot tell whether an integer > a string; int(…) makes a number of a text"),
        ("tries > env", "cannot tell whether an integer > a string; int(…) makes a number of a text"),
        ("user > 1", "cannot tell whether null > an integer; default(…, 0) says what null counts as"),
        ("ok > 0", "cannot tell whether a boolean > an integer"),
        ("words < words", "cannot tell whether a list < a list"),
        ("7 in env", "only a string is in a string; found an integer"),
        ("7 in tries", "nothing is in an integer: `in` takes a list, a map or a string"),
        ("7 not in user", "nothing is in null: `in` takes a list, a map or a string"),
        ("tries + env", "cannot add an integer and a string: write str(…) to make it a text"),
        ("tries + user", "cannot add an integer and null; default(…, 0) says what null counts as"),
        ("ok + 1", "cannot add a boolean and an integer"),
        ("env - 1", "cannot subtract a string and an integer"),
        ("env * env", "cannot multiply a string by a string"),
        ("env * 1.5", "cannot multiply a string by a number"),
        ("env ** 2", "cannot raise a string to the power of an integer"),
        ("-env", "cannot take the negative of a string"),
        ("+ok", "cannot put + before a boolean"),
        ("'%s' % tries", "texts are not formatted with %: write {{ }} or join texts with +"),
        ("1 / 0", "division by zero"),
        ("1 // 0", "division by zero"),
        ("1.5 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9223372036854775807 + tries", "the number gets larger than 64 bits"),
        ("9223372036854775807 * tries", "the number gets larger than 64 bits"),
        ("10 ** 400", "the number gets larger than 64 bits"),
        ("9 ** 9 ** 9 ** 9", "the number gets larger than 64 bits"),
        ("10.0 ** 400", "the number gets too large"),
        ("1e308 * 10", "the number gets too large"),
        ("(-8) ** 0.5", "the result is no real number"),
        ("{tries: 1}", "the keys of a map are strings: quote the key, or write str(…)"),
        ("{r.n: 1 for r in rows}", "the keys of a map are strings: quote the key, or write str(…)"),
        ("[x for x in server]", "`for … in server` takes a list; write keys(server)"),
        ("[x for x in env]", "`for … in env` takes a list"),
        ("[a for a, b in words]", "`for a, b in` takes a list of lists of 2"),
    ],
)
def test_an_expression_says_why_it_fails_on_this_data(text: str, reason: str) -> None:
    assert refusal(text) == reason


def test_a_failure_names_the_expression() -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression("tries / 0").evaluate(SCOPE)
    assert str(refused.value) == "cannot evaluate `tries / 0`: division by zero"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default(missing, 1)", 1),
        ("default(user, 1)", 1),
        ("default(tries, 1)", 3),
        ("default(false, 1)", False),
        ("default(user.name.first, 'you')", "you"),
        ("default(missing.a[0].b, 'you')", "you"),
        ("default(server.zzz, 'you')", "you"),
        ("default(server['zzz'].a, 'you')", "you"),
        ("default(words[9], 'you')", "you"),
        ("default(words[1], missing)", "a"),
        ("default(first(empty), 'none')", "none"),
        ("default(default(missing, user), 'last')", "last"),
        ("[default(r.m, r.n) for r in rows]", [1, 5]),
    ],
)
def test_default_takes_the_place_of_what_is_not_there(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("default(env.name, 1)", "`env` is a string: only maps have keys, not 'name'"),
        ("default(words[missing], 1)", "`missing` is not set"),
        ("default(missing + 1, 1)", "`missing` is not set"),
    ],
)
def test_default_hides_no_other_fault(text: str, reason: str) -> None:
    assert refusal(text) == reason


@pytest.mark.parametrize(
    ("text", "names", "soft_names"),
    [
        ("env == 'prod' and tries > 2", {"env", "tries"}, set()),
        ("server.id + rows[tries].s", {"server", "rows", "tries"}, set()),
        ("default(user.name, env)", {"env"}, {"user"}),
        ("default(user, 1) + user", {"user"}, {"user"}),
        ("default(words[tries], 1)", {"tries"}, {"words"}),
        ("default(first(words), 1)", {"words"}, set()),
        ("default(default(a, b), c)", {"b", "c"}, {"a"}),
        ("[x + y for x in words if z]", {"words", "y", "z"}, set()),
        ("[x for x in x]", {"x"}, set()),
        ("[default(x, y) for x in words]", {"words", "y"}, set()),
        ("[k + v for k, v in items(server)] + k", {"server", "k"}, set()),
        ("len(true)", set(), set()),
        ("{a: b}", {"a", "b"}, set()),
    ],
)
def test_the_names_an_expression_reads_are_known(text: str, names: set[str], soft_names: set[str]) -> None:
    expression = compile_expression(text)
    assert (expression.names, expression.soft_names) == (frozenset(names), frozenset(soft_names))
    assert expression.text == text


def test_a_function_name_is_no_value_and_a_field_may_bear_it() -> None:
    assert value("max(max, 3)", {"max": 9}) == 9
    assert refusal("len") == "`len` is not set"


def test_the_scope_is_neither_changed_nor_copied() -> None:
    scope: dict[str, Any] = {"x": {"deep": [1, 2]}, "y": [3]}
    assert value("x.deep", scope) is scope["x"]["deep"]
    assert value("[x for x in y] + y + sorted(y) + reversed(y)", scope) == [3, 3, 3, 3]
    assert scope == {"x": {"deep": [1, 2]}, "y": [3]}


class Layers(Mapping[str, Any]):
    """A scope that is a mapping and no dict."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def __iter__(self) -> Any:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@pytest.mark.parametrize("text", ["server.id", "default(zzz, tries)", "[r.n for r in rows]", "tries * rate"])
def test_any_mapping_is_a_scope(text: str) -> None:
    assert value(text, Layers(SCOPE)) == value(text)


def test_no_message_shows_a_value_that_may_be_secret() -> None:
    scope = {"token": "s3cret", "n": 1, "m": {"k": "s3cret"}, "xs": ["s3cret"]}
    for text in ("token + n", "token > n", "token.a", "m.z", "xs[7]", "n in token", "int(token)", "float(token)",
                 "seconds(token)", "sum(xs)", "upper(xs)", "join([xs, null], '')", "token % n", "m[token]"):  # fmt: skip
        try:
            compile_expression(text).evaluate(scope)
        except ExpressionError as error:
            shown = str(error)
        else:
            pytest.fail(text)
        assert "s3cret" not in shown or text == "m[token]", shown


def test_compiling_twice_gives_equal_results_and_shares_nothing() -> None:
    first, second = compile_expression("[w for w in words]"), compile_expression("[w for w in words]")
    assert first.evaluate is not second.evaluate
    assert first.evaluate(SCOPE) == second.evaluate(SCOPE)
