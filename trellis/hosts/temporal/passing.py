"""Secrets and values of the environment go from one run to another by activities: a workflow sees neither, and no history keeps them."""

from __future__ import annotations

import msgspec
from temporalio import activity
from temporalio.exceptions import ApplicationError

from trellis.errors import FieldsNeeded, InvalidField
from trellis.hosts.temporal.messages import BEGIN, PASS
from trellis.hosts.values import passed_on, start_values
from trellis.hosts.vault import VARIABLE, Vault, opened, sealed
from trellis.model.graph import Graph
from trellis.model.secrets import reveal
from trellis.model.values import Value


class Start(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child run that is to be started, and what the run above gives it; secrets under encryption, by field of that run."""

    run: str
    """The run above."""
    child: str
    graph: str
    source: str = ""
    fields: dict[str, Value] = {}
    secrets: dict[str, str] = {}


class Values(msgspec.Struct, frozen=True, omit_defaults=True):
    """Start values, each secret sealed, and the secrets under encryption, by field."""

    fields: dict[str, Value] = {}
    secrets: dict[str, str] = {}


class Passed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child run gave, whose seals stand for `secrets` of it, and the field of the run above that takes it."""

    run: str
    field: str
    child: str
    value: Value = None
    secrets: dict[str, str] = {}


class Passing:
    """Opens what is under encryption for one run, and puts it under encryption for another."""

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault

    @activity.defn(name=BEGIN)
    async def begin(self, asked: Start, definition: msgspec.Raw) -> Values:
        """The values that a child run starts with; fields with `from` are read here. Raises ApplicationError `invalid`."""
        graph = Graph.decode(bytes(definition), asked.graph, source=asked.source)
        known = self._opened(asked.run, asked.secrets)
        try:
            fields, secrets = start_values(graph, passed_on(graph, asked.fields, known))
        except (FieldsNeeded, InvalidField) as error:
            raise _invalid(str(error)) from error
        if secrets and self._vault is None:
            raise _invalid(f"fields {', '.join(secrets)} are secret, and this worker has no keys; set {VARIABLE}")
        return Values(fields, sealed(self._vault, asked.child, secrets))

    @activity.defn(name=PASS)
    async def take(self, given: Passed) -> str:
        """The secret that a child run gave, under encryption for the run above. Raises ApplicationError `invalid`."""
        value = reveal(given.value, self._opened(given.child, given.secrets))
        if not isinstance(value, str) or not value:
            raise _invalid("a secret is a text that is not empty")
        if self._vault is None:
            raise _invalid(f"field '{given.field}' is secret, and this worker has no keys; set {VARIABLE}")
        return self._vault.seal(given.run, given.field, value)

    def _opened(self, run: str, envelopes: dict[str, str]) -> dict[str, str]:
        """Raises ApplicationError where one does not open here; another worker may have the key."""
        known, refused = opened(self._vault, run, envelopes, envelopes)
        if refused:
            raise ApplicationError("; ".join(map(str, refused.values())), type="failed")
        return known


def _invalid(why: str) -> ApplicationError:
    return ApplicationError(why, type="invalid", non_retryable=True)
