"""What the journal keeps of how an attempt ended: no secret in clear, and nothing that could pass for a sealed one."""

from __future__ import annotations

from collections.abc import Mapping

from trellis.hosts.clock import Clock
from trellis.hosts.live import LiveRun
from trellis.hosts.vault import Vault, sealed
from trellis.model.actions import Attempted, Completed, Denied, Failed, Response
from trellis.model.events import ActionCompleted, ActionFailed, Event
from trellis.model.redaction import veil
from trellis.model.secrets import conceal, seal, sealed_names, unsealed

Secret = tuple[str, str]
"""The field and the value of a secret that an event brings; the host remembers it once the event is taken."""


def report(
    run: LiveRun, request: Attempted, response: Response, clock: Clock, vault: Vault | None, by: str = ""
) -> tuple[Event, Secret | None]:
    """The event, and the secret that it brings where a secret field takes the value. `by`: who says so."""
    now, name = clock.now(), request.id
    kept, secret = without_secrets(response, run.secrets, run.secret_saved_by(request))
    if isinstance(kept, Completed):
        envelopes = {} if secret is None else sealed(vault, run.id, dict([secret]))
        return ActionCompleted(now, name, kept.value, secrets=envelopes, by=by), secret
    return ActionFailed(now, name, kept.code, kept.message, kept.retryable, clock.noise(), by), None


def without_secrets(
    response: Response, secrets: Mapping[str, str], field: str | None
) -> tuple[Completed | Failed, Secret | None]:
    """How the attempt ended, with nothing in it of these secrets, by field; and the one that it brings, where the secret
    field `field` takes the value."""
    if isinstance(response, Completed):
        value = response.value
        if sealed_names(value):
            response = Failed("invalid", "the value holds the mark of a secret", retryable=False)
        elif field is None:
            return (Completed(conceal(value, secrets)) if secrets else response), None
        elif isinstance(value, str) and value:
            return Completed(seal(field)), (field, value)
        else:
            response = Failed("invalid", "a secret is a text that is not empty", retryable=False)
    if isinstance(response, Denied):
        response = Failed("denied", response.reason, retryable=False)
    code, message = (veil(unsealed(text), secrets.values()) for text in (response.code, response.message))
    return Failed(code, message, response.retryable), None
