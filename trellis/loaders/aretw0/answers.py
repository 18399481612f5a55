"""What an edge compares: their input, in words of ours, while it is fresh and once it is kept as they kept it."""

from __future__ import annotations

from trellis.loaders.aretw0.plans import REFUSALS, Edge, Plan
from trellis.loaders.aretw0.saying import literal


class Answer:
    """What the node `plan` got, in the field `name`. `fresh`: as it came, before the node's own `set`."""

    def __init__(self, plan: Plan, name: str, result: str) -> None:
        self._plan, self.name = plan, name
        self._wrapped = bool(plan.do) and name == result

    def text(self, *, fresh: bool = False) -> str:
        """It as the text that they compared and kept in `sys.ans`."""
        plan, name = self._plan, self.name
        if plan.ask == "confirm":
            return f'("yes" if {name} else "no")' if fresh else name
        if plan.ask == "int":
            return f"str({name})"
        if plan.ask:
            return name
        if not plan.do:
            return '""'
        held = f'default({name}.result, "")' if self._wrapped and not fresh else f'default({name}, "")'
        return f"str({held})"

    def holds(self, edge: Edge, *, fresh: bool = False) -> str:
        """The condition of an edge: an expression, or "true" or "false"."""
        if edge.condition is None:
            return "true"
        if edge.literal is None:
            return "false"
        code = self._equals(edge.literal, fresh=fresh)
        if edge.negated:
            return {"true": "false", "false": "true"}.get(code) or f"not ({code})"
        return code

    def refuses(self, *, fresh: bool = False) -> str:
        """Whether it is a no."""
        if self._plan.ask == "confirm":
            return self._equals("no", fresh=fresh)
        if self._plan.ask == "int":
            return "false"
        return f"lower(strip({self.text(fresh=fresh)})) in {literal(list(REFUSALS))}"

    def _equals(self, wanted: str, *, fresh: bool) -> str:
        plan, name, low = self._plan, self.name, wanted.strip().lower()
        if plan.ask == "confirm":
            if low not in ("yes", "no"):
                return "false"
            if fresh:
                return name if low == "yes" else f"not {name}"
            return f"{name} == {literal(low)}"
        if plan.ask == "choice":
            chosen = next((option for option in plan.options if option.strip().lower() == low), None)
            return "false" if chosen is None else f"{name} == {literal(chosen)}"
        if plan.ask == "int":
            plain = low.removeprefix("-")
            return f"{name} == {int(low)}" if plain.isdigit() and plain.isascii() and len(plain) < 19 else "false"
        if not plan.ask and not plan.do:
            return "true" if not low else "false"
        return f"lower(strip({self.text(fresh=fresh)})) == {literal(low)}"


def settled(name: str) -> str:
    """What they made of a tool's output: maps and lists as they are, all else a text."""
    shown = f"str({name})"
    return f'{name} if starts_with({shown}, "{{") or starts_with({shown}, "[") else str(default({name}, ""))'


def wrapped(name: str, call: str) -> str:
    """`tool_result`: the map that the tool gave, or what it gave under `result`; and the id of the call."""
    given = literal(call)
    whole = f'{{pair[0]: pair[1] for pair in [["_id", {given}]] + items({name})}}'
    alone = f'{{"_id": {given}, "result": {settled(name)}}}'
    return f'{whole} if starts_with(str({name}), "{{") and {name} != str({name}) else {alone}'
