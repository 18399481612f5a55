"""What the journal keeps of how an attempt ended: no secret in clear, and nothing that could pass for a sealed one."""

from __future__ import annotations

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
    if isinstance(response, Completed):
        value, field = response.value, run.secret_saved_by(request)
        if sealed_names(value):
            response = Failed("invalid", "the value holds the mark of a secret", retryable=False)
        elif field is None:
            return ActionCompleted(now, name, conceal(value, run.secrets) if run.secrets else value, by=by), None
        elif isinstance(value, str) and value:
            kept = sealed(vault, run.id, {field: value})
            return ActionCompleted(now, name, seal(field), secrets=kept, by=by), (field, value)
        else:
            response = Failed("invalid", "a secret is a text that is not empty", retryable=False)
    if isinstance(response, Denied):
        response = Failed("denied", response.reason, retryable=False)
    code, message = (veil(unsealed(text), run.secrets.values()) for text in (response.code, response.message))
    return ActionFailed(now, name, code, message, response.retryable, clock.noise(), by), None
