"""What an author saves while a command thinks about the same file is not lost; nor is a file that stands in the way."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here

SOUND = "trellis: 1\nstart: work\nnodes:\n    work: {say: hi, to: rest}\n    rest: {say: x, to: $end}\n"
SLIP = SOUND.replace("$end", "$edn")
SAVED = "# saved meanwhile\n"


@pytest.mark.parametrize(
    ("module", "name", "text", "words"),
    [
        ("trellis.authoring.formatting", "formatted", SOUND, ("fmt", "g.yaml")),
        ("trellis.cli.fixing", "mend", SLIP, ("validate", "--fix", "g.yaml")),
        ("trellis.authoring.renaming", "rename", SOUND, ("mv", "rest", "last", "g.yaml")),
    ],
    ids=("fmt", "fix", "mv"),
)
def test_a_file_that_is_saved_meanwhile_stays_as_it_was_saved(
    here: Here,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    name: str,
    text: str,
    words: tuple[str, ...],
) -> None:
    thinks = getattr(importlib.import_module(module), name)

    def slowly(*args: Any, **options: Any) -> Any:
        made = thinks(*args, **options)
        graph.write_text(SAVED)
        return made

    graph = project / "g.yaml"
    graph.write_text(text)
    monkeypatch.setattr(f"{module}.{name}", slowly)
    done = here(*words)
    assert done.code == 2
    assert done.err.endswith("g.yaml was changed by somebody else meanwhile; nothing was written, try again\n")
    assert graph.read_text() == SAVED


def test_a_file_that_cannot_be_read_is_not_overwritten_by_one_that_takes_its_name(here: Here, project: Path) -> None:
    tour = project / "tour"
    tour.mkdir()
    for name, to in (("start", "bye"), ("bye", "$end")):
        (tour / f"{name}.yaml").write_text(f"say: hi\nto: {to}\n")
    (tour / "last.yaml").symlink_to("nowhere")
    done = here("mv", "bye", "last", "tour")
    assert (done.code, done.err) == (1, f"error: {tour / 'last.yaml'}: File exists\n")
    assert (tour / "last.yaml").is_symlink()
    assert (tour / "start.yaml").read_text() == "say: hi\nto: bye\n"
