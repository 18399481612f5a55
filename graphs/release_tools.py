"""The actions of release.yaml: each does one thing to files of its own, and can be tried again."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from trellis import ActionError

PROJECT = Path(__file__).resolve().parent.parent


def version() -> str:
    """The version that the project says it has."""
    for line in (PROJECT / "trellis" / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.split('"')[1]
    raise ActionError("no_version", "trellis/__init__.py has no line with __version__", retryable=False)


def workspace(*, request) -> str:
    """A folder of this visit's own: asked twice, it is the same one."""
    folder = Path(tempfile.gettempdir()) / ("trellis-" + request.idempotency_key.replace("/", "-"))
    folder.mkdir(exist_ok=True)
    return str(folder)


async def build(into: str) -> dict[str, str]:
    """Build wheel and sdist into `into`/dist."""
    folder = Path(into) / "dist"
    shutil.rmtree(folder, ignore_errors=True)  # what an attempt before may have left
    await _run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=PROJECT)
    return {"wheel": _only(folder, "*.whl"), "sdist": _only(folder, "*.tar.gz")}


def contents(built: dict[str, str], must_hold: list[str]) -> int:
    """How many files the archives hold together. `missing` where one lacks a file."""
    with zipfile.ZipFile(built["wheel"]) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(built["sdist"]) as sdist:
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    for kind, names in (("wheel", in_wheel), ("sdist", in_sdist)):
        missing = sorted(set(must_hold) - names)
        if missing:
            raise ActionError("missing", f"the {kind} lacks {', '.join(missing)}", retryable=False)
    return len(in_wheel) + len(in_sdist)


async def install(wheel: str, place: str, version: str) -> str:
    """Install the wheel into a fresh environment and ask it for its version."""
    folder = Path(place) / "env"
    try:
        await _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
        programs = folder / ("Scripts" if os.name == "nt" else "bin")
        await _run(sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-compile", wheel)
        said = await _run(str(programs / "trellis"), "version")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if version not in said:
        raise ActionError("wrong_version", f"the installed wheel says {said.strip()!r}, not {version}", retryable=False)
    return said.strip()


def keep(built: dict[str, str], place: str, into: str) -> dict[str, str]:
    """Move what was checked to where it stays, and remove the workspace."""
    target = (Path(__file__).parent / into).resolve()
    target.mkdir(parents=True, exist_ok=True)
    kept = {}
    for kind, path in built.items():
        kept[kind] = str(target / Path(path).name)
        if Path(path).exists():  # moved already, where this is tried again
            shutil.copyfile(path, kept[kind])
    shutil.rmtree(place, ignore_errors=True)
    return kept


def remove(path: str) -> None:
    """Remove a folder; it may be gone already."""
    shutil.rmtree(path, ignore_errors=True)


def _only(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ActionError("failed", f"expected one {pattern} in {folder}, found {len(found)}")
    return str(found[0])


async def _run(*words: str, cwd: Path | None = None) -> str:
    """Run a program; what it printed. It is killed where the attempt is cancelled."""
    program = await asyncio.create_subprocess_exec(
        *words,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await program.communicate()
    except asyncio.CancelledError:
        program.kill()
        await program.wait()
        raise
    if program.returncode:
        raise ActionError("failed", f"{' '.join(words[:4])}: {err.decode(errors='replace')[-800:].strip()}")
    return out.decode()
