"""A secret that is kept and cannot be read is asked for with the name of the key that would open it."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("cryptography")

from tests.cli.conftest import Here
from trellis.hosts.vault import VARIABLE

GRAPH = """\
trellis: 1
name: kept
start: ask
fields: {tok: {type: string, secret: true, optional: true}, sure: {type: boolean, optional: true}}
tools: {measure: {python: "kept:measure"}}
nodes:
  ask: {ask: {secret: tok}, to: sure}
  sure: {ask: {confirm: sure}, to: use}
  use: {do: measure, with: {tok: "{{ tok }}"}, to: $end}
"""
K1 = "k1=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
K2 = "k2=TmV3IGtleSwgMzIgYnl0ZXMgb2Ygbm8gc2VjcmVjeS4="
OTHER = "k1=TmV3IGtleSwgMzIgYnl0ZXMgb2Ygbm8gc2VjcmVjeS4="


@pytest.fixture
def kept(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A run whose secret is in the store, under the key `k1`."""
    (here.folder / "kept.yaml").write_text(GRAPH, "utf-8")
    (here.folder / "kept.py").write_text("def measure(tok):\n    return len(tok)\n", "utf-8")
    monkeypatch.setenv(VARIABLE, K1)
    assert here("run", "kept.yaml", "--id", "r", typed="sesame\n").code == 7
    return here


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("", "it is under the key 'k1', and no key is given; set TRELLIS_SECRET_KEYS to k1=…"),
        (K2, "it is under the key 'k1', and only 'k2' is given; add k1=… behind it to TRELLIS_SECRET_KEYS"),
        (
            OTHER,
            "its envelope was changed, or moved from another run or field, or the key 'k1' is another one than it was",
        ),
    ],
)
def test_a_run_that_is_resumed_without_its_key_says_which_one(
    kept: Here, monkeypatch: pytest.MonkeyPatch, keys: str, why: str
) -> None:
    monkeypatch.setenv(VARIABLE, keys)
    told = (
        f"input needed: secret 'tok' again ({why}); the input has ended\n"
        "give what is secret with --answers FILE, where FILE has `tok: …`\n"
        "run r stays open; continue with: trellis resume r\n"
    )
    assert kept("resume", "r") == (7, f"? secret 'tok' again ({why})\n", told)
    asked = json.loads(kept("resume", "r", "--output", "json").out)
    assert {key: asked[key] for key in ("type", "node", "field", "kind", "reason")} == {
        "type": "ask", "node": "ask", "field": "tok", "kind": "secret", "reason": why,
    }  # fmt: skip
    assert kept("resume", "r", typed="sesame\ny\n").code == 0


def test_an_answer_says_who_can_go_on_with_a_run_that_has_a_secret(kept: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with_key = "nobody drives it: a worker goes on with it, or: trellis resume r\n"
    without = "nobody drives it: a worker that has its keys goes on with it, or: trellis resume r\n"
    assert kept("answer", "r", "sure", "yes", "--id", "a").err == with_key
    monkeypatch.setenv(VARIABLE, "")
    assert kept("answer", "r", "sure", "yes", "--id", "a").err == without


def test_an_answer_says_that_no_worker_can_go_on_with_a_secret_that_no_store_keeps(
    kept: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert kept("run", "kept.yaml", "--id", "n", typed="sesame\n").code == 7
    assert kept("answer", "n", "sure", "yes").err == (
        "nobody drives it, and no worker can: without TRELLIS_SECRET_KEYS no store keeps 'tok'; "
        "give it to: trellis resume n\n"
    )
