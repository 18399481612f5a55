"""A declared state: what it needs, brings, drives out and follows, as written."""

from __future__ import annotations

import msgspec

EXCEPTION = "Exception"
"""The state of a machine that met an error; every schema has it."""


class StateDef(msgspec.Struct, frozen=True, omit_defaults=True):
    """One state and its relations to others, by name.

    `auto`: tries to become active after every change. `multi`: entered again each time it is called. `require`: what
    must be active with it. `add`: what comes with it. `remove`: what leaves when it comes, and cannot come while it
    stays. `after`: whose handlers run before its own. `tags`: words for tools; the resolver does not read them.
    """

    auto: bool = False
    multi: bool = False
    require: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class DeclaredState(StateDef, frozen=True, omit_defaults=True):
    """A state of a workflow: it may look at the fields, and act when it comes and goes.

    `enter_if`, `exit_if`: expressions over the fields that must hold for it to come, and to go. `entered`, `exited`:
    ids of nodes that work when it has; what `entered` began is cancelled when the state goes.
    """

    enter_if: str | None = None
    exit_if: str | None = None
    entered: str | None = None
    exited: str | None = None
