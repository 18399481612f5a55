"""Prints the table of docs/benchmarks.md. `python -m benchmarks [PART...]`, by default all of PARTS."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.measure import table

PARTS = ("startup", "steps", "loading", "folders", "reloading", "stores", "texts", "pictures", "temporal")


def main(names: list[str]) -> None:
    """Measure the parts named, or all."""
    rows = []
    for name in names or PARTS:
        for row in import_module(f"benchmarks.{name}").rows():
            print(f"{row.what}: {row.measured} (beside {row.beside or 'nothing'})", file=sys.stderr, flush=True)
            rows.append(row)
    print(table(rows))


main(sys.argv[1:])
