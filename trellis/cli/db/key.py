"""`trellis db key`: a new key for secrets, as TRELLIS_SECRET_KEYS takes it."""

from __future__ import annotations

import click

from trellis.cli.db import COMMANDS
from trellis.cli.output import put


@click.command("key", short_help=COMMANDS["key"])
def command() -> int:
    """Print a new key for secrets, ID=BASE64. Put it in front of those in TRELLIS_SECRET_KEYS; nothing is kept here."""
    from trellis.hosts.vault import Vault

    put(Vault.generate())
    return 0
