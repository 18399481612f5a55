"""Projects in the format of aretw0/trellis do what its documentation says, or better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.conftest import Here

PROJECTS: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("aretw0_projects.yaml"))
RUN = ("run", "g/out.yaml", "--allow", "process", "--store", "memory://", "--output", "json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    (tmp_path / "trellis.toml").touch()
    return Here(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project["name"])
def test_a_project_does_what_is_written_of_it(project: dict[str, Any], here: Here) -> None:
    for name, text in project["files"].items():
        path = here.folder / "g" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    assert here("import", "aretw0", "g", "-o", "g/out.yaml").code == 0
    given = [f"{key}={json.dumps(value)}" for key, value in project.get("context", {}).items()]
    settings = [word for setting in given for word in ("--set", setting)]
    done = here(*RUN, *settings, *project.get("argv", ()), typed=project.get("typed", ""))
    lines = [json.loads(line) for line in done.out.splitlines()]
    came = {
        "code": done.code,
        "said": [line["text"] for line in lines if line["type"] == "say"],
        "visited": [line["node"] for line in lines if line["type"] == "node.entered"],
        "logs": {name: (here.folder / "g" / name).read_text().splitlines() for name in project.get("logs", ())},
    }
    assert {key: came[key] for key in came if key in project} == {key: project[key] for key in came if key in project}
