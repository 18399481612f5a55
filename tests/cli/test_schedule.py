"""`trellis schedule` tells of firings before and after; `trellis worker` starts each once, and says what it skipped."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.test_runs import validator
from tests.servers import postgres_place as postgres_place
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from tests.servers import with_setting
from tests.stores.redis_places import redis_place as redis_place
from trellis.hosts.records import skipped_graph
from trellis.model.graph import Graph
from trellis.schedules.facts import moment

BEAT = """\
trellis: 1
name: beat
schedules:
  tick: {every: 1s}
  held: {every: 1s, overlap: skip, with: {kind: held}}
fields: {kind: {type: string, default: quick}, x: {type: string, optional: true}}
start: choose
nodes:
  choose: {to: [{if: kind == "held", to: hold}, {to: done}]}
  hold: {ask: {text: x}, to: done}
  done: {end: {status: ok, result: kind}}
"""
TICK = """\
trellis: 1
name: tick
schedules: {each: {every: 1s, overlap: allow}}
nodes: {a: {end: ok}}
"""
DAILY = """\
trellis: 1
name: daily
schedules:
  early: {cron: "30 2 * * *", zone: Europe/Berlin}
  late: {calendar: {weekday: sun, hour: 23}, zone: Europe/Berlin, jitter: 10m}
  never: {calendar: {year: 2020}}
nodes: {a: {say: hello, to: $end}}
"""


def test_the_next_firings_are_shown_in_their_zone_and_in_utc(here: Here) -> None:
    Path("daily.yaml").write_text(DAILY, "utf-8")
    done = here("schedule", "next", "daily.yaml", "-n", "2", "--after", "2026-03-28T12:00:00Z")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "schedule  fires                          zone           due, UTC\n"
        "early     Sun 2026-03-29 03:00:00+02:00  Europe/Berlin  2026-03-29T01:00:00.000Z\n"
        "early     Mon 2026-03-30 02:30:00+02:00  Europe/Berlin  2026-03-30T00:30:00.000Z\n"
        "late      Sun 2026-03-29 23:00:00+02:00  Europe/Berlin  2026-03-29T21:08:40.637Z\n"
        "late      Sun 2026-04-05 23:00:00+02:00  Europe/Berlin  2026-04-05T21:01:10.043Z\n"
    )


def test_programs_get_the_firings_as_json(here: Here) -> None:
    Path("daily.yaml").write_text(DAILY, "utf-8")
    done = here("schedule", "next", "daily.yaml", "early", "-n", "1", "--after", "2026-10-24T12:00+02:00", "--json")
    found = json.loads(done.out)
    validator("firing_to_come").validate(found[0])
    assert found == [
        {
            "schedule": "early",
            "run": "daily/early/2026-10-25T00:30:00Z",
            "at": "2026-10-25T00:30:00.000Z",
            "due": "2026-10-25T00:30:00.000Z",
            "local": "Sun 2026-10-25 02:30:00+02:00",
            "zone": "Europe/Berlin",
        }
    ]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["erly"], 2, "error: no schedule named 'erly' in graph 'daily' (did you mean 'early'?)\n"),
        (["--after", "soon"], 2, "error: --after takes a moment such as 2026-03-28T00:00:00Z, found 'soon'\n"),
        (["never"], 0, "nothing fires any more\n"),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(here: Here, words: list[str], code: int, told: str) -> None:
    Path("daily.yaml").write_text(DAILY, "utf-8")
    done = here("schedule", "next", "daily.yaml", *words)
    assert (done.code, done.out, done.err) == (code, "", told)


def test_a_graph_without_schedules_fires_nothing(here: Here) -> None:
    done = here("schedule", "next", "hello.yaml")
    assert (done.code, done.out, done.err) == (0, "", "nothing fires: the graph has no schedules\n")


def test_a_store_without_firings_says_who_fires(here: Here) -> None:
    place = f"sqlite:///{here.folder}/.trellis/runs.db"
    done = here("schedule", "ls")
    assert done.out == f"no firings yet in {place}; `trellis worker GRAPH` fires the schedules of a graph\n"
    assert json.loads(here("schedule", "ls", "--json").out) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent to processes here")
def test_two_workers_start_one_run_for_each_firing_and_say_what_they_skipped(here: Here) -> None:
    from tests.cli.test_worker import worker

    Path("beat.yaml").write_text(BEAT, "utf-8")
    with worker(here.folder, "beat.yaml") as one, worker(here.folder, "beat.yaml") as two:
        while here("schedule", "ls").out.count("beat/held/") < 3:
            pass
        assert one.stop() == 0
        assert two.stop() == 0
        one.until("worker.stopped")
        two.until("worker.stopped")
    told = [line for line in [*one.lines, *two.lines] if line["type"].startswith("schedule.")]
    runs = [line["run"] for line in told]
    assert len(runs) == len(set(runs))
    listed = json.loads(here("schedule", "ls", "--json", "--limit", "1000").out)
    for line in listed:
        validator("firing").validate(line)
    assert sorted(line["run"] for line in listed) == sorted(runs)
    assert {line["outcome"] for line in listed if line["schedule"] == "tick"} == {"completed"}
    held = [line for line in reversed(listed) if line["schedule"] == "held"]
    assert [line["outcome"] for line in held][:2] == ["running", "skipped"]
    assert [line["outcome"] for line in held].count("running") == 1
    assert held[1]["reason"] == f"{held[0]['run']} is still open"
    assert {line["reason"] for line in told if line["type"] == "schedule.skipped"} == {held[1]["reason"]}
    table = here("schedule", "ls", "--graph", "beat", "--limit", "1").out.splitlines()
    assert (len(table), table[0].split()) == (2, ["run", "outcome", "why"])


@pytest.mark.parametrize("server", ["postgres_place", "redis_place"])
def test_a_worker_on_a_server_that_is_killed_leaves_no_firing_out_and_none_is_started_twice(
    here: Here, server: str, request: pytest.FixtureRequest
) -> None:
    from tests.cli.test_worker import worker

    Path("tick.yaml").write_text(TICK, "utf-8")
    url = with_setting(request.getfixturevalue(server), "lease", "1")
    with (
        worker(here.folder, "tick.yaml", "--store", url) as one,
        worker(here.folder, "tick.yaml", "--store", url) as two,
    ):
        first = one.until("schedule.fired") if secrets.randbelow(2) else two.until("schedule.fired")
        one.process.kill()
        for _ in range(3):
            two.until("schedule.fired")
        two.until("run.finished")
        assert two.stop() == 0
    listed = json.loads(here("schedule", "ls", "--store", url, "--json").out)
    assert first["run"] in {line["run"] for line in listed}
    seconds = sorted(moment(line["run"]) or 0.0 for line in listed)
    assert [second - seconds[0] for second in seconds] == [float(passed) for passed in range(len(seconds))]


def test_the_record_of_a_skipped_firing_is_a_graph_that_every_version_reads() -> None:
    one = skipped_graph()
    assert Graph.decode(one.data, one.hash).definition == one.definition
