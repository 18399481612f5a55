"""A nondeterministic automaton, several states at once: it finds binary numbers whose fourth digit from the end is 1.

Many is where it always is. At every 1 it also guesses that only three digits follow, and goes to Left3; a guess that
was wrong falls off at the end. So the machine is in all its guesses at the same time, which is what relation machines
do anyway. Match is automatic: it needs a guess that came out, and the end of the input.
"""

from __future__ import annotations

from trellis import Machine

SCHEMA = {
    "Many": {},
    "Left3": {},
    "Left2": {},
    "Left1": {},
    "Left0": {},
    "End": {},
    "Match": {"auto": True, "require": ["Left0", "End"]},
}
MOVES = {
    ("Many", "0"): ["Many"],
    ("Many", "1"): ["Many", "Left3"],
    **{(f"Left{left}", digit): [f"Left{left - 1}"] for left in (3, 2, 1) for digit in "01"},
}


def read(text: str) -> Machine:
    """A machine that has read this text to its end."""
    automaton = Machine(SCHEMA, id="nfa")
    automaton.add("Many")
    for digit in text:
        automaton.set(*(to for state in automaton.active for to in MOVES.get((state, digit), ())))
        print(f"  {digit}  {' '.join(automaton.active)}")
    automaton.add("End")
    return automaton


def main() -> list[bool]:
    """Three numbers, and whether each matches."""
    found = []
    for text in ("101010", "1010", "100010"):
        print(text)
        found.append(read(text).is_("Match"))
        print("  matches" if found[-1] else "  does not match")
    return found


if __name__ == "__main__":
    main()
