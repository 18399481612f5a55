"""What people and programs are shown by commands that read a run: without what TRELLIS_REDACT hides."""

from __future__ import annotations

import os
from typing import Any

from trellis.model.redaction import Redactor
from trellis.model.secrets import mask
from trellis.model.values import Value

_DATA = ("args", "default", "field", "prompt", "reason", "form")


def redactor() -> Redactor:
    """That of the environment, as a host has it too. Raises BadRedaction."""
    return Redactor.from_text(os.environ.get("TRELLIS_REDACT", ""))


def shown_value(value: Value) -> Value:
    """A value of a run, without secrets and what is hidden."""
    return redactor().value(mask(value))


def shown_wait(wait: dict[str, Any]) -> dict[str, Any]:
    """What a node waits for; only its data is hidden."""
    return wait | redactor().line({key: wait[key] for key in _DATA if key in wait})


def shown_error(error: dict[str, Any]) -> dict[str, Any] | None:
    """The facts of an error; None where there is none."""
    return redactor().line(error) if error else None
