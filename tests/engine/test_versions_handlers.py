"""A run moves to another version with its language, and where it is in a body of a `catch` or an `upon`, into that."""

from __future__ import annotations

import pytest

from tests.engine.versions_driven import driven, edited, graph, mapped
from trellis.engine import start
from trellis.engine.versions import adopt, compare
from trellis.model.actions import RequestInput
from trellis.model.events import Adopted, RunStarted

CATCHING = """start: a
fields: {ok: {type: boolean, default: false}}
signals: {late: {why: string}}
nodes:
  a:
    do: t
    catch:
      failed: {start: p, nodes: {p: {ask: {confirm: ok}, to: $end}}}
      boom: {say: "{{ error.node }}", ask: {confirm: ok}}
    upon: {late: {do: u}}
    to: $end
"""
RENAMED = (("start: a\n", "start: first\n"), ("  a:\n", "  first:\n"), mapped("{nodes: {a: first}}"))


@pytest.mark.parametrize(
    ("words", "position"),
    [
        (("fail a",), ["first~failed", "first~failed.p"]),
        (("fail a boom",), ["first~boom"]),
        (("signal late",), ["first@late"]),
    ],
)
def test_with_a_node_its_bodies_have_another_name(words: tuple[str, ...], position: list[str]) -> None:
    old, state = driven(CATCHING, words)
    new = graph(edited(CATCHING, *RENAMED))
    said = compare(old, new, state)
    assert (said.status, said.reasons) == ("safe", ())
    step = adopt(old, new, state, Adopted(state.at, new.hash, said.nodes, said.fields))
    assert sorted(step.state.tokens) == position
    errors = [token.locals["error"] for token in step.state.tokens.values() if "error" in token.locals]
    assert all(isinstance(error, dict) and error["node"] == "first" for error in errors)


def test_a_body_that_a_run_is_in_is_there_in_the_new_version() -> None:
    old, state = driven(CATCHING, ("fail a boom",))
    text = edited(CATCHING, ('      boom: {say: "{{ error.node }}", ask: {confirm: ok}}\n', ""))
    said = compare(old, graph(text), state)
    assert (said.status, said.reasons) == (
        "needs_map",
        (
            (
                "the run is at node 'a~boom', and the new version has no node 'a~boom'; say what became of it: "
                "migrate: {nodes: {a~boom: …}}"
            ),
        ),
    )


def test_what_is_asked_anew_is_asked_in_the_language_of_the_run() -> None:
    text = "start: a\nfields: {ok: {type: boolean, default: false}}\nnodes: {a: {say: SAID, ask: {confirm: ok}, to: $end}}\n"
    old, new = (graph(text.replace("SAID", said)) for said in ("{en: Go?, pt: Vamos?}", "{en: Go on?, pt: Continuar?}"))
    state = start(old, RunStarted(1.0, "r", old.hash, locale="pt-BR")).state
    step = adopt(old, new, state, Adopted(2.0, new.hash))
    assert [
        pending.request.prompt for pending in step.state.open.values() if isinstance(pending.request, RequestInput)
    ] == ["Continuar?"]
    assert step.state.locale == "pt-BR"
