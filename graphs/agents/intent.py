"""Which agents a query calls for: the words it holds decide."""

from __future__ import annotations

WORDS = {"find": "search", "search": "search", "compute": "compute", "translate": "translate", "summarise": "summarise"}


def choose(query: str) -> list[dict[str, str]]:
    """The agents for this query, each once, in the order of the words that name them."""
    names = dict.fromkeys(WORDS[word] for word in query.lower().split() if word in WORDS)
    return [{"name": name, "tool": f"agent.{name}"} for name in names]
