"""The fields of a run as the new version has them: what is set stays, under its new name, where its field still takes it."""

from __future__ import annotations

from trellis.engine.state import State
from trellis.engine.versions.names import Versions
from trellis.engine.writes import failed_check
from trellis.model.values import Value


def carry_fields(versions: Versions, state: State) -> dict[str, Value]:
    """The fields, those with a default that are new included. What is gone and was not renamed is dropped."""
    linked, findings = versions.new_program.fields, versions.findings
    carried: dict[str, Value] = {}
    for name, value in state.fields.items():
        now = versions.field(name)
        if value is not None and versions.old.fields[name].secret and now != name:
            findings.blocked(f"secret '{name}' is set and would become '{now}'; a secret that is set keeps its name")
        elif now not in linked:
            if value is not None:
                _dropped(versions, name, value)
        elif value is not None and versions.old.fields[name].secret is not linked[now].field.secret:
            became = "no secret" if versions.old.fields[name].secret else "a secret, though it was stored in clear"
            findings.blocked(f"field '{now}' is set, and would become {became}; take another name for it")
        elif value is not None or linked[now].field.optional:
            try:
                carried[now] = linked[now].fit(value)
            except ValueError as error:
                findings.blocked(f"field '{now}' holds what the new version does not take: {error}")
    fields: dict[str, Value] = {}
    for name, field in linked.items():
        if name in carried:
            fields[name] = carried[name]
        elif field.field.default is not None or field.field.optional:
            fields[name] = field.field.default
    for name, value in state.fields.items():
        now = versions.field(name)
        if value is not None and now in carried:
            reason = failed_check(linked[now], carried[now], fields)
            if reason and not failed_check(versions.old_program.fields[name], value, state.fields):
                findings.blocked(f"field '{now}' holds what the new version does not take: {reason}")
    return fields


def _dropped(versions: Versions, name: str, value: Value) -> None:
    """A field is gone that is set: where it may have been renamed, somebody has to say so."""
    if versions.old.fields[name].secret:
        versions.findings.blocked(
            f"secret '{name}' is set, and the new version has none of that name; keep it declared until no run has it"
        )
        return
    there = {versions.field(other) for other in versions.old.fields}
    takers = []
    for other, linked in versions.new_program.fields.items():
        if other not in there and not linked.field.secret:
            try:
                linked.fit(value)
            except ValueError:
                continue
            takers.append(other)
    if takers:
        otherwise = "if it is gone for good, keep it declared until no run has it"
        versions.findings.lacks("field", name, f"field '{name}' is set", takers, otherwise)
