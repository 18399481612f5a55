"""`trellis explain`: what the code of a problem means, with a document that has it and one that has not."""

from __future__ import annotations

import click

from trellis.cli import COMMANDS
from trellis.cli.output import put


@click.command("explain", short_help=COMMANDS["explain"])
@click.argument("codes", nargs=-1, metavar="CODE…")
@click.option("--json", "as_json", is_flag=True, help="As one JSON list: each page in its parts.")
@click.pass_context
def command(context: click.Context, codes: tuple[str, ...], as_json: bool) -> None:
    """Say what problems mean: why each matters, an example, the same without it, and what to do.

    Without a code, all of them with what they say.
    """
    import msgspec

    from trellis.model.problems import suggestion
    from trellis.pages import codes as all_codes
    from trellis.pages import page, plain, source

    known = all_codes()
    wanted = tuple(dict.fromkeys(code.strip().upper() for code in codes))
    for code in wanted:
        if code not in known:
            context.fail(f"no problem has the code '{code}'{suggestion(code, known)}")
    if as_json:
        found = [page(code) for code in wanted or known]
        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif wanted:
        put("\n".join(plain(source(code)) for code in wanted).rstrip("\n"))
    else:
        for code in known:
            put(f"{code}  {page(code).says}")
