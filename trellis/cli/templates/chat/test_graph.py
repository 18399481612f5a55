"""What somebody says, and what they come to: whole talks in milliseconds, with nobody there."""

from __future__ import annotations

from pathlib import Path

import trellis

GRAPH = str(Path(__file__).with_name("graph.yaml"))


def test_a_question_that_an_article_answers_ends_there() -> None:
    outcome = trellis.run(GRAPH, answers=["Ana", "Where are my invoices?", "yes"])
    assert outcome.status == "completed"
    assert outcome.fields["article"]["title"] == "Invoices"
    assert outcome.result == {"ticket": None, "misses": 0}


def test_after_two_questions_without_help_a_person_has_it() -> None:
    outcome = trellis.run(GRAPH, answers={"greet": "Ana", "listen": ["It smells", "My password"], "check": "no"})
    assert outcome.status == "completed"
    assert outcome.fields["misses"] == 2
    assert outcome.fields["ticket"].startswith("T-")
