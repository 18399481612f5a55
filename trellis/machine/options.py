"""What a machine and a mutation cannot be given, refused before anything happens."""

from __future__ import annotations

from trellis.errors import BadArguments, MachineError


def check_options(*, queue_limit: object, transition_limit: object, handler_timeout: object) -> None:
    """Raises MachineError for a limit that is none."""
    for name, value in (("queue_limit", queue_limit), ("transition_limit", transition_limit)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MachineError(f"{name} is a whole number of at least 1, found {value!r}")
    if handler_timeout is not None and not (isinstance(handler_timeout, int | float) and handler_timeout > 0):
        raise MachineError(f"handler_timeout is seconds, more than 0, or None for no limit; found {handler_timeout!r}")


def no_event(names: tuple[str, ...]) -> BadArguments:
    """The error for an argument that would take the place of what every handler gets first."""
    return BadArguments(" ".join(names), "`event` is what handlers get first; name the argument otherwise")
