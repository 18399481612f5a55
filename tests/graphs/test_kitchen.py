"""graphs/kitchen.yaml and graphs/table.yaml: runs that send each other signals, driven together and one after the other."""

from __future__ import annotations

import json
from pathlib import Path

from tests.graphs.golden import ROOT, matches, run, trace, trellis
from tests.hosts.scenes import play
from trellis.hosts.local import Host
from trellis.project import load

KITCHEN, TABLE = (load(str(ROOT / "graphs" / name)) for name in ("kitchen.yaml", "table.yaml"))


def test_each_table_gets_what_it_ordered_and_the_kitchen_counts() -> None:
    async def scene() -> tuple[dict[str, object], object]:
        async with Host() as host:
            dishes = {"t-1": "soup", "t-2": "fish", "t-3": "pie"}
            tables = {
                name: await host.start(TABLE, {"me": name if name != "t-3" else "nobody", "dish": dish}, id=name)
                for name, dish in dishes.items()  # before the kitchen is there
            }
            kitchen = await host.start(KITCHEN, id="kitchen")
            plates: dict[str, object] = {}
            for name in ("t-1", "t-2"):
                plates[name] = (await tables[name].result()).fields["plate"]
            async for line in kitchen.events():
                if line["type"] == "say":
                    break
            await kitchen.signal("close")
            return plates, (await kitchen.result()).result

    assert play(scene()) == (
        {"t-1": {"dish": "soup"}, "t-2": {"dish": "fish"}},
        {"served": 2, "lost": ["pie"]},
    )


def test_runs_that_are_driven_one_after_the_other_find_what_was_sent_meanwhile(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/runs.db")
    told = [run("kitchen.yaml", "--id", "kitchen", cwd=tmp_path, code=7)]
    told.append(run("table.yaml", "--id", "t-4", "--set", "me=t-4", cwd=tmp_path, code=7))
    assert "hungry  waits for signal served; since" in trellis("runs", "show", "t-4", *store, cwd=tmp_path)
    for name, code in (("kitchen", 7), ("t-4", 0)):
        out = trellis("resume", name, *store, "--output", "json", cwd=tmp_path, code=code)
        told.append([json.loads(line) for line in out.splitlines()])
    assert (told[3][-1]["status"], told[3][-1]["fields"]["plate"]) == ("completed", {"dish": "soup"})
    matches("kitchen.trace", "".join(trace(lines) for lines in told))


def test_without_a_kitchen_nobody_eats(tmp_path: Path) -> None:
    lines = run("table.yaml", "--id", "t", "--set", "me=t", cwd=tmp_path, code=1)
    assert [line["text"] for line in lines if line["type"] == "say"] == ["No kitchen today: unknown run 'kitchen'."]


def test_the_diagrams_are_the_golden_ones(tmp_path: Path) -> None:
    for name in ("kitchen", "table"):
        matches(f"{name}.mmd", trellis("graph", str(ROOT / "graphs" / f"{name}.yaml"), cwd=tmp_path))
