"""`trellis import aretw0`: what it writes, what it tells, and what it never reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Here


@pytest.fixture
def shop(project: Path) -> Path:
    folder = project / "shop"
    folder.mkdir()
    (folder / "start.md").write_text("---\nwait: true\nsave_to: name\nto: bye\n---\nName?\n")
    (folder / "bye.yaml").write_text('content: "Bye, {{ .name }}"\n')
    return folder


def test_a_project_is_imported_and_runs(here: Here, shop: Path) -> None:
    done = here("import", "aretw0", "shop", "-o", "shop.yaml")
    assert done == (0, "", "shop.yaml is written; 0 things could not be kept as it was\n")
    assert (shop.parent / "shop.yaml").read_text() == (
        "# Imported from shop, a project of aretw0/trellis.\n"
        "trellis: 1\n"
        "name: shop\n"
        "start: start\n"
        "fields:\n"
        "  name: {type: any, optional: true}\n"
        "nodes:\n"
        '  start: {say: "Name?\\n", ask: {text: name}, to: bye}\n'
        '  bye: {say: "Bye, {{ name }}", to: $end}\n'
    )
    assert here("run", "shop.yaml", typed="Ana\n").code == 0


def test_importing_again_reads_no_graph_that_was_written_before(here: Here, shop: Path) -> None:
    here("import", "aretw0", "shop", "-o", "shop/shop.yaml")
    before = (shop / "shop.yaml").read_text()
    assert here("import", "aretw0", "shop", "-o", "shop/shop.yaml").code == 0
    assert (shop / "shop.yaml").read_text() == before


def test_faults_are_told_and_leave_what_was_there(here: Here, shop: Path) -> None:
    (shop.parent / "shop.yaml").write_text("before")
    (shop / "bye.yaml").write_text("to: nowhere\ndo: pay\n")
    assert here("import", "aretw0", "shop", "-o", "shop.yaml") == (
        3,
        "",
        (
            "error: bye.yaml: `do` is a map, found a text\n"
            "error: bye.yaml: no node 'nowhere'\n"
            "error: 2 faults, nothing was written\n"
        ),
    )
    assert (shop.parent / "shop.yaml").read_text() == "before"


def test_what_only_a_start_can_give_is_written_and_runs_where_the_start_gives_it(here: Here, shop: Path) -> None:
    (shop / "start.md").write_text("---\nrequired_context: [who]\n---\nHi {{ .who }}\n")
    done = here("import", "aretw0", "shop", "-o", "shop.yaml")
    assert done.code == 0
    assert "start: only a start value can give what is needed: run it with --set who=…\n" in done.err
    done = here("run", "shop.yaml")
    assert done.code == 3
    assert (
        "E306 'start' needs 'who', which may be unset, where a run starts (no node writes it: start with --set who=…)"
    ) in done.err
    assert here("run", "shop.yaml", "--set", "who=Ana", "--id", "s").out == "Hi Ana\n\ncompleted\n"
    assert here("run", "shop.yaml", "--set", "who=Ana", "--id", "s").out == "completed\n"
    assert here("run", "shop.yaml").code == 3


def test_a_link_out_of_the_folder_is_not_read(here: Here, shop: Path) -> None:
    (shop.parent / "secret.md").write_text("secret")
    (shop / "bye.yaml").unlink()
    (shop / "bye.md").symlink_to(shop.parent / "secret.md")
    done = here("import", "aretw0", "shop", "-o", "shop.yaml")
    assert done.code == 3
    assert "bye.md: left out: it cannot be read: it leads outside the project's root" in done.err
    assert "error: start.md: no node 'bye'\n" in done.err


def test_a_folder_that_is_none_is_a_wrong_command_line(here: Here, project: Path) -> None:
    assert here("import", "aretw0", "nowhere", "-o", "x.yaml") == (2, "", "error: nowhere is no folder\n")
