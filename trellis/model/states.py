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
