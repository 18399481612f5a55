"""`run --locale`: the language of a run, on the screen, in event lines, and when it is resumed."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Here

GREET = """\
trellis: 1
name: greet
start: ask
fields:
  user: {type: string, optional: true}
nodes:
  ask: {say: {en: Who are you?, pt: Quem és?, pt-BR: Quem é você?}, ask: {text: user}, to: bye}
  bye:
    say:
      - {en: "Bye {{ user }}"}
    end: ok
""".replace(
    '- {en: "Bye {{ user }}"}',
    '- {say: {en: "Bye {{ user }}", pt: "Adeus {{ user }}"}}\n      - {if: len(user) > 3, say: {en: "!", pt: "!!"}}',
)


@pytest.fixture
def greet(here: Here) -> Here:
    (here.folder / "greet.yaml").write_text(GREET)
    return here


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ((), ["Who are you?", "Bye Maria\n!"]),
        (("--locale", "pt-BR"), ["Quem é você?", "Adeus Maria\n!!"]),
        (("--locale", "pt-AO"), ["Quem és?", "Adeus Maria\n!!"]),
        (("--locale", "fr"), ["Who are you?", "Bye Maria\n!"]),
    ],
)
def test_a_run_speaks_the_language_that_it_is_started_with(
    greet: Here, locale: tuple[str, ...], said: list[str]
) -> None:
    code, out, _ = greet("run", "greet.yaml", *locale, "--output", "json", typed="Maria\n")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["text"] for line in lines if line["type"] == "say"]) == (0, said)
    assert lines[0].get("locale") == (locale[1] if locale else None)


def test_a_run_goes_on_in_its_language_and_not_in_another(greet: Here) -> None:
    assert greet("run", "greet.yaml", "--locale", "pt", "--id", "g-1")[0] == 7
    code, _, told = greet("run", "greet.yaml", "--locale", "en", "--id", "g-1", typed="Ana\n")
    assert (code, told) == (
        2,
        (
            "error: run 'g-1' was started with another value of 'locale'; `trellis resume g-1` continues it as it was, "
            "another --id starts anew\n"
        ),
    )
    code, out, _ = greet("resume", "g-1", typed="Ana\n")
    assert (code, out.splitlines()[-2:]) == (0, ["Adeus Ana", "completed"])


@pytest.mark.parametrize(
    ("locale", "hint"),
    [
        ("pt_BR.UTF-8", "did you mean 'pt-BR'?"),
        ("portuguese", "write a tag such as en or pt-BR"),
        ("pt-", "write a tag such as en or pt-BR"),
        ("en\n", "write a tag such as en or pt-BR"),
    ],
)
def test_a_locale_is_a_language_tag(greet: Here, locale: str, hint: str) -> None:
    code, out, told = greet("run", "greet.yaml", "--locale", locale)
    assert (code, out) == (2, "")
    assert told.endswith(f"is no language tag ({hint})\n")
