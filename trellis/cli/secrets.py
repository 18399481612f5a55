"""Secrets that no store keeps: a run that goes on asks for each again, announced before its answer is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trellis.cli.screen import TextScreen
from trellis.cli.sources import Answers
from trellis.cli.typed import Unfit
from trellis.engine import State
from trellis.errors import SecretsNeeded
from trellis.hosts.clock import SystemClock
from trellis.hosts.lines import VERSION, timestamp
from trellis.hosts.vault import Vault, opened
from trellis.model.graph import Graph

NOT_KEPT = "no store keeps secrets"
EMPTY = "a secret is a text that is not empty"


class SecretLacking(Exception):
    """Nobody has the secret `name`, and why."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(name)


def why_unread(state: State, names: Iterable[str], vault: Vault | None) -> dict[str, str]:
    """Why those of the secrets `names` that are in the store cannot be read from it: which key is needed."""
    _, refused = opened(vault, state.run, state.secrets, names)
    return {name: error.reason for name, error in refused.items()}


async def ask_again(
    needed: SecretsNeeded, graph: Graph, unread: Mapping[str, str], answers: Answers, screen: TextScreen
) -> dict[str, str]:
    """The secrets that a run of `graph` needs again; `unread` as `why_unread` has it. Raises SecretLacking."""
    secrets: dict[str, str] = {}
    for name in needed.names:
        why = unread.get(name, NOT_KEPT)
        node, reason = _asking(graph, name), why
        while name not in secrets:
            # No `seq`: the question is none of the run's, which does not go on yet.
            facts = {"v": VERSION, "at": timestamp(SystemClock().now()), "run": needed.run, "type": "ask"}
            question = facts | {"node": node, "field": name, "kind": "secret", "reason": reason}
            screen.show(question)
            asked = question | {"again": True, "reason": "" if reason == why else reason, "why": unread.get(name)}
            if not answers.interactive:
                screen.unanswered(asked)
            answer = await answers.answer(asked)
            if answer is None:
                raise SecretLacking(name, answers.lacking(node))
            if isinstance(answer, str) and answer:
                secrets[name] = answer
            reason = answer.reason if isinstance(answer, Unfit) else EMPTY
    return secrets


def how_to_give(needed: SecretsNeeded, graph: Graph) -> str:
    """How the secrets can be given without being asked for them."""
    lines = ", ".join(f"`{name}: …`" for name in needed.names)
    fields = graph.definition.fields
    sources = [fields[name].source for name in needed.names if name in fields]
    variables = ", ".join(source.removeprefix("env:") for source in sources if source is not None)
    return f"give what is secret with --answers FILE, where FILE has {lines}" + (
        f"; or set {variables} in the environment" if variables else ""
    )


def _asking(graph: Graph, field: str) -> str:
    """The node that asks for a secret; the field itself where none does."""
    for node in graph.definition.nodes.values():
        if node.ask is not None and node.ask.field == field:
            return node.id
    return field
