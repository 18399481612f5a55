"""Where the values of a run's fields come from at its start, and again at a resume: the caller, and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from trellis.engine import State
from trellis.engine.program import program_of
from trellis.engine.replay import start_fields
from trellis.errors import FieldsNeeded, InvalidField, RunConflict, SecretsNeeded, StartedOtherwise
from trellis.hosts.journal import beginning
from trellis.hosts.vault import VARIABLE, Vault, opened
from trellis.model.actions import Attempted, CallTool, RequestInput, StartChild
from trellis.model.events import RunStarted
from trellis.model.graph import Field, Graph, Use, static_id
from trellis.model.secrets import reveal, seal, sealed_names
from trellis.model.types import read_text
from trellis.model.values import Value, reject
from trellis.stores.base import RunRow, Store


def start_values(graph: Graph, given: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """The start values, each secret sealed, and the secrets themselves.

    A field with `from` that is not given is read from the environment. Raises FieldsNeeded where that has no such name
    and the field can do without no value; InvalidField for what is no value.
    """
    fields, secrets = dict(given), dict[str, str]()
    missing: dict[str, str] = {}
    program = program_of(graph)
    for name, field in graph.definition.fields.items():
        value = fields.get(name)
        if value is None and field.source is not None:
            value = _environment(field)
            if value is None and not field.optional and field.default is None:
                missing[name] = field.source
            elif value is not None and not field.secret:
                try:
                    fields[name] = read_text(program.fields[name].type, value)
                except ValueError as error:
                    raise InvalidField(name, f"{field.source}: {error}") from error
        if field.secret and value is not None:
            if not isinstance(value, str) or not value:
                raise InvalidField(name, "a secret is a text that is not empty")
            secrets[name], fields[name] = value, seal(name)
    if missing:
        raise FieldsNeeded(graph.name, missing, missing)
    for name, value in fields.items():
        fault = reject(value)
        if fault is None and name not in secrets and sealed_names(value):
            fault = "it holds the mark that stands for a secret"
        if fault is not None:
            raise InvalidField(name, fault)
    return fields, secrets


def used_by(graph: Graph, request: StartChild) -> Use:
    """What the node says that a request for a child run comes from."""
    use = graph.definition.nodes[static_id(request.node)].use
    assert use is not None  # a version without it is not adopted while there is such a request
    return use


def passed_on(graph: Graph, fields: Mapping[str, Value], secrets: Mapping[str, str]) -> dict[str, Value]:
    """The start values of a child run, with the secrets of the run that uses it for the secrets of this one.

    Raises InvalidField for one that is not known.
    """
    given = dict(fields)
    for name in program_of(graph).secrets & given.keys():
        try:
            given[name] = reveal(given[name], secrets)
        except KeyError as error:
            raise InvalidField(name, f"secret {error} is not known any more") from error
    return given


def same_start(graph: Graph, begun: RunStarted, given: Mapping[str, Value], locale: str) -> None:
    """Raises StartedOtherwise where a value or locale that is given now is not the one that the run was started with."""
    program = program_of(graph)
    first = start_fields(program, begun.fields)
    now = start_fields(program, {**begun.fields, **given})
    other = [name for name in given if now[name] != first.get(name)]
    if locale and locale.lower() != begun.locale.lower():
        other.append("locale")
    if other:
        raise StartedOtherwise(begun.run, other)


def known_secrets(graph: Graph, state: State, given: Mapping[str, str], vault: Vault | None = None) -> dict[str, str]:
    """The values of the secrets that are set in this state: given, kept under encryption, or from the environment.

    Raises SecretsNeeded for those nobody knows.
    """
    kept, refused = opened(vault, state.run, state.secrets, _asked_for(state))
    known = {**kept, **given}
    for name, field in graph.definition.fields.items():
        if field.secret and name not in known and field.source is not None:
            value = _environment(field)
            if value:
                known[name] = value
    missing = sorted(name for name in _asked_for(state) if name not in known)
    if missing:
        raise SecretsNeeded(state.run, missing, [str(refused[name]) for name in missing if name in refused])
    return known


def _asked_for(state: State) -> set[str]:
    """The secrets whose seals stand anywhere in the state: in fields, in calls under way, and in what may be undone."""
    names = sealed_names(state.fields)
    for pending in state.open.values():
        names |= _sealed_in(pending.request)
    for token in state.tokens.values():
        names |= sealed_names(token.locals)
        names |= _sealed_in(token.call)
    current = state.rollback.current if state.rollback is not None else None
    for entry in [*(state.undo or ()), *([current] if current is not None else [])]:
        names |= sealed_names(entry.args)
    return names


def _sealed_in(request: Attempted | RequestInput | None) -> set[str]:
    if isinstance(request, StartChild):
        return sealed_names(request.fields)
    return sealed_names(request.args) if isinstance(request, CallTool) else set()


def _environment(field: Field) -> str | None:
    if field.source == f"env:{VARIABLE}":
        raise InvalidField(VARIABLE, "it holds the keys of all secrets, which no run may have")
    return os.environ.get((field.source or "").removeprefix("env:"))


async def must_be_same(
    store: Store, row: RunRow, graph: Graph, given: Mapping[str, Value], request: str, locale: str
) -> None:
    """Raise RunConflict or StartedOtherwise unless the run of this row was started just so."""
    begun = await beginning(store, row.run)
    if begun.graph != graph.hash or (request and begun.request != request):
        raise RunConflict(row.run, graph.name, row.name, begun.graph, graph.hash)
    same_start(graph, begun, given, locale)
