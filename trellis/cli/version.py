"""`trellis version`: which version this is, for people or as JSON."""

from __future__ import annotations

import sys

import click

from trellis.cli import COMMANDS
from trellis.cli.output import put


@click.command("version", short_help=COMMANDS["version"])
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(as_json: bool) -> int:
    """Show the version of Trellis, and of the Python it runs on."""
    version = sys.modules["trellis"].__version__
    python = ".".join(map(str, sys.version_info[:3]))
    if as_json:
        import json

        put(json.dumps({"version": version, "python": python, "platform": sys.platform}))
    else:
        put(f"trellis {version}")
    return 0
