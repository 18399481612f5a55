"""What a failed attempt says: text that every store can keep, of bounded length, for every kind of tool alike."""

from __future__ import annotations

from trellis.model.actions import Failed

LONGEST = 4096
"""Characters of one message."""


def plain(text: str) -> str:
    """`text` without what UTF-8 or a store cannot say, cut at LONGEST characters."""
    text = text.strip().encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def invalid(message: str) -> Failed:
    """What went in or came out is not what it must be. Trying again would only do the work again."""
    return Failed("invalid", plain(message), retryable=False)


def unknown(message: str) -> Failed:
    """There is no such tool to call."""
    return Failed("unknown_tool", plain(message), retryable=False)


def timed_out(timeout_s: float) -> Failed:
    """The tool's own timeout passed, and whatever could be stopped was stopped."""
    return Failed("timeout", f"no result within {timeout_s:g}s")


def raised(error: BaseException) -> str:
    """`ValueError: text`, whatever the error thinks of being printed."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot be printed still has a name
        text = ""
    return plain(f"{name}: {text}" if text else name)
