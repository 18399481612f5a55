"""Live one seed again: `PYTHONHASHSEED=0 python -m tests.simulation SEED`. Prints its story, and how it ended."""

from __future__ import annotations

import sys

from tests.simulation.loop import play
from tests.simulation.world import live

if __name__ == "__main__":
    for word in sys.argv[1:]:
        print(f"seed {word}: {play(lambda loop, word=word: live(loop, int(word)))}")  # type: ignore[misc]
