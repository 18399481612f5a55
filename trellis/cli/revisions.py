"""Documents as they were: those of a revision of git, by the names that they have now. Only where there is git."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, run

from trellis.errors import Unreadable, UsageError
from trellis.model.graph import Graph
from trellis.project.loaders import Reload


class RevisionLoader:
    """The documents of the project at `root` as the revision has them. They never change."""

    def __init__(self, root: str, revision: str) -> None:
        self.root, self.revision = root, revision

    def get(self, name: str) -> bytes:
        done = _git(self.root, "show", f"{self.revision}:./{name}")
        if done is None:
            raise Unreadable(name, f"revision {self.revision} has no such file")
        return done

    def list(self, under: str = "") -> list[str]:
        listed = _git(self.root, "ls-tree", "-r", "-z", "--name-only", self.revision, "--", f"./{under}") or b""
        return sorted(name for name in listed.decode(errors="replace").split("\0") if name)

    async def watch(self) -> AsyncIterator[Reload]:
        await asyncio.Event().wait()
        yield Reload()


def earlier(file: str, other: str) -> Graph:
    """The graph that `other` names: a file, or else a revision of `file`. Raises UsageError, InvalidGraph."""
    from trellis.cli.places import root_of
    from trellis.project import load

    if Path(other).exists():
        return load(other)
    root = root_of(file)
    if other.startswith("-") or _git(root, "rev-parse", "--verify", "--quiet", f"{other}^{{commit}}") is None:
        raise UsageError(f"--diff takes a file or a revision of git: '{other}' is neither here")
    name = Path(file).resolve().relative_to(Path(root).resolve()).as_posix()
    return load(name, loader=RevisionLoader(root, other))


def _git(folder: str, *words: str) -> bytes | None:
    """What git prints, or None where it fails or is not there."""
    try:
        done = run(["git", "-C", folder, *words], stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
