"""How the texts of errors and problems are put together: what several of them say is said here once."""


def bracketed(hint: str) -> str:
    """The hint in brackets, as it stands behind what was found; nothing where there is none."""
    return f" ({hint})" if hint else ""
