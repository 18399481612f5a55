"""A finite state machine, one state at a time: a turnstile that a coin opens and a push closes.

Locked and Unlocked remove each other, so there is always one of them. Coin and Push are inputs: they come, do what they
do, and go. PushEnter refuses a push while the turnstile is locked; nothing changes then.
"""

from __future__ import annotations

from trellis import Machine
from trellis.machine import Schema, State, Transition


class Turnstile(Schema):
    """The states, and who drives out whom."""

    Coin = State()
    Push = State()
    Locked = State(auto=True, remove=["Unlocked"])
    Unlocked = State(remove=[Locked])


class Handlers:
    """What happens when an input comes."""

    def PushEnter(self, event: Transition) -> bool:
        return Turnstile.Unlocked in event.before

    def PushState(self, event: Transition) -> None:
        event.remove(Turnstile.Push)
        event.add(Turnstile.Locked)

    def CoinState(self, event: Transition) -> None:
        event.remove(Turnstile.Coin)
        event.add(Turnstile.Unlocked)


def main() -> Machine:
    """Push, pay twice, push, push."""
    gate = Machine(Turnstile, id="gate")
    gate.bind(Handlers())
    gate.add(Turnstile.Locked)
    print(f"start  {gate}")
    for name in (Turnstile.Push, Turnstile.Coin, Turnstile.Coin, Turnstile.Push, Turnstile.Push):
        result = gate.add(name)
        print(f"{name}   {result.value:<8} {gate}")
    return gate


if __name__ == "__main__":
    main()
