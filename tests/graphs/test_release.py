"""graphs/release.yaml: it builds this very project, proves the wheel, and takes back what it made where a check fails."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from tests.graphs.golden import ROOT, Line, matches, run, trace, trellis
from trellis import __version__

ANSWERS = ("--answers", str(ROOT / "graphs" / "answers" / "release.yaml"))


def workspaces(lines: list[Line]) -> list[Path]:
    """The workspace of this run, if it is still there."""
    name = f"trellis-{lines[0]['run']}-workspace-3"
    return [path for path in Path(tempfile.gettempdir()).iterdir() if path.name == name]


def settled(lines: list[Line]) -> str:
    """The trace with what the two checks tell in the order of their names: they run side by side."""
    checks = [line for line in lines if line.get("node", "").startswith("checks.") and line["type"] != "node.entered"]
    ordered = iter(sorted(checks, key=lambda line: line["node"]))
    return trace([next(ordered) if line in checks else line for line in lines])


def test_a_release_is_built_checked_and_kept(tmp_path: Path) -> None:
    lines = run("release.yaml", *ANSWERS, "--set", f"into={tmp_path}/dist", cwd=tmp_path)
    assert (lines[-1]["type"], lines[-1]["status"]) == ("run.finished", "completed")
    wheel = tmp_path / "dist" / f"trellis_engine-{__version__}-py3-none-any.whl"
    assert lines[-1]["result"] == {"wheel": str(wheel), "sdist": f"{tmp_path}/dist/trellis_engine-{__version__}.tar.gz"}
    assert lines[-1]["fields"]["checked"]["install"] == f"trellis {__version__}"
    assert "trellis/cli/__init__.py" in zipfile.ZipFile(wheel).namelist()
    assert workspaces(lines) == []
    matches("release.trace", settled(lines))


def test_a_check_that_fails_undoes_what_was_made_and_exits_8(tmp_path: Path) -> None:
    lines = run(
        "release.yaml",
        *ANSWERS,
        "--set",
        'must_hold=["NOTICE"]',
        "--set",
        f"into={tmp_path}/dist",
        cwd=tmp_path,
        code=8,
    )
    assert [line["node"] for line in lines if line["type"] == "undo.done"] == ["build", "workspace"]
    assert (lines[-1]["type"], lines[-1]["status"]) == ("run.finished", "rolled_back")
    assert lines[-1]["error"] == {
        "code": "missing", "message": "the wheel lacks NOTICE", "node": "checks.contents", "attempt": 1,
    }  # fmt: skip
    assert workspaces(lines) == []
    assert not (tmp_path / "dist").exists()
    matches("release_failing.trace", trace(lines))


def test_who_declines_gets_nothing_built(tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text("[no]\n")
    lines = run("release.yaml", "--answers", str(answers), cwd=tmp_path, code=6)
    assert lines[-1]["visited"] == ["version", "confirm", "declined", "stop"]


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("release.mmd", trellis("graph", str(ROOT / "graphs" / "release.yaml"), cwd=tmp_path))
