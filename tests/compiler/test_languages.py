"""E224, W310: each language once, and every text in all of them; the texts of all languages are checked."""

from __future__ import annotations

from tests.compiler.checking import definition, node, problems
from trellis.model.graph import Graph
from trellis.model.saying import Part


def test_a_text_that_lacks_a_language_of_the_others_is_warned_of() -> None:
    text = """start: a
nodes:
  a: {say: {en: Hi, pt: Olá, de: Hallo}, to: b}
  b: {say: {en: Bye}, to: c}
  c: {say: [plain, {say: {pt-BR: Oi, en-GB: Hullo, de: Hallo}}, {say: {de: Ja, en: Yes}}], to: d}
  d: {say: plain, to: $end}
"""
    assert problems(text) == [
        "4:7: W310 'b' does not say this in 'pt' and 'de', as 'a' does: 'en' is said instead (add pt: …)",
        "5:66: W310 'c' does not say this in 'pt', as 'a' does: 'de' is said instead (add pt: …)",
    ]


def test_a_language_is_there_once_however_it_is_written() -> None:
    assert problems("nodes: {a: {say: {pt-BR: Oi, pt-br: Olá}, to: $end}}") == [
        "1:30: E224 'pt-br' and 'pt-BR' are one language (remove one of the two)"
    ]


def test_texts_are_checked_in_every_language_and_part() -> None:
    text = """start: a
fields: {n: {type: integer, default: 0}, user: {type: string}, key: {type: string, optional: true, secret: true}}
nodes:
  a: {say: {en: "{{ n }}", pt: "{{ m }}", de: "{{ n"}, to: b}
  b: {say: [{if: n, say: "{{ n + 'a' }}"}, {if: k > 1, say: {en: "{{ user }}", pt: x, de: y}}], to: c}
  c: {say: [{if: key == "x", say: "{{ key }}"}], to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:32: E211 no field named 'm'",
        "4:47: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
        "5:18: E402 `n`: expected boolean, found integer",
        "5:26: E402 `+` does not take an integer and a string: write str(…) to make it a text",
        "5:49: E211 no field named 'k'",
        "5:66: W303 'b' reads field 'user', which no node writes: a run needs it at start",
        "6:18: E404 secret field 'key' can only be passed on whole, as {{ key }}",
    ]


def test_a_plain_text_is_kept_as_it_was_and_a_list_as_its_parts() -> None:
    assert node("nodes: {a: {say: Hi, to: $end}}", "a").say == "Hi"
    assert node("nodes: {a: {say: {en: Hi}, to: $end}}", "a").say == {"en": "Hi"}
    assert node('nodes: {a: {say: [Hi, {if: "1 > 0", say: {en: Yes}}], to: $end}}', "a").say == (
        Part("Hi"),
        Part({"en": "Yes"}, "1 > 0"),
    )


def test_the_order_of_languages_counts_for_the_first_is_said_to_whoever_asks_for_none() -> None:
    one, other = (
        Graph(definition(f"nodes: {{a: {{say: {{{said}}}, to: $end}}}}")) for said in ("en: a, pt: b", "pt: b, en: a")
    )
    assert one != other
    assert Graph.decode(one.data, one.hash).definition == one.definition
