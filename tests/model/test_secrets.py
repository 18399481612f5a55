"""Seals: put in place of secrets and taken out again, in keys too, and no text from outside passes for one."""

from __future__ import annotations

import pytest

from trellis.model.secrets import MARK, conceal, mask, reveal, seal, sealed_names, unsealed
from trellis.model.values import Value

EDGE = seal("")[-1]
CLEAR: Value = {"tok-123": ["Bearer tok-123", {"deep tok-123": None}], "n": 7, "b": True}
SEALED: Value = {seal("t"): [f"Bearer {seal('t')}", {f"deep {seal('t')}": None}], "n": 7, "b": True}


def test_what_is_concealed_is_sealed_in_values_and_keys_and_is_revealed_as_it_was() -> None:
    assert conceal(CLEAR, {"t": "tok-123"}) == SEALED
    assert reveal(SEALED, {"t": "tok-123"}) == CLEAR
    assert mask(SEALED) == {"***": ["Bearer ***", {"deep ***": None}], "n": 7, "b": True}
    assert mask(CLEAR) == CLEAR


@pytest.mark.parametrize("names", [("short", "long"), ("long", "short")])
def test_the_longest_secret_is_concealed_first(names: tuple[str, str]) -> None:
    values = {"short": "tok-1", "long": "tok-123"}
    concealed = conceal("tok-123 tok-1", {name: values[name] for name in names})
    assert concealed == f"{seal('long')} {seal('short')}"


@pytest.mark.parametrize("other", ["password", "secret", "secret:"])
def test_a_secret_that_stands_in_a_seal_makes_no_seal_inside_a_seal(other: str) -> None:
    secrets = {"password": "hunter2222", "o": other}
    assert conceal("pw hunter2222", secrets) == f"pw {seal('password')}"
    assert reveal(conceal(f"hunter2222 {other}", secrets), secrets) == f"hunter2222 {other}"


def test_a_secret_under_four_characters_is_left() -> None:
    assert conceal("abc abcd", {"s": "abc", "t": "abcd"}) == f"abc {seal('t')}"
    assert conceal("abc", {"s": "abc"}) == "abc"


def test_a_value_asks_for_the_secrets_of_all_its_seals_in_keys_too() -> None:
    value: Value = {seal("a"): 1, "k": [f"{seal('b')}{seal('c')}", {"x": {f"x {seal('d')}": None}}], "n": 1.5}
    assert sealed_names(value) == {"a", "b", "c", "d"}
    assert sealed_names({"secret:a": ["secret:b", MARK, None, True]}) == set()


def test_a_secret_that_is_not_known_is_not_revealed() -> None:
    with pytest.raises(KeyError, match="'b'"):
        reveal({seal("b"): 1}, {"a": "tok-123"})


@pytest.mark.parametrize(
    ("forged", "text"),
    [
        (seal("t"), "secret:t"),
        (f"x {seal('t')} y", "x secret:t y"),
        (f"{EDGE}sec{MARK}ret:t{EDGE}", "secsecret:ret:t"),
        (f"{EDGE}{MARK}x{EDGE}secret:t{EDGE}", "secret:xsecret:t"),
        ("plain", "plain"),
    ],
)
def test_an_unsealed_text_asks_for_no_secret_however_its_seal_was_forged(forged: str, text: str) -> None:
    assert unsealed(forged) == text
    assert sealed_names(unsealed(forged)) == set()
