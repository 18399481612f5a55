"""E223: a schedule fires some day, in a zone that there is, and gives what a run needs at its start."""

from __future__ import annotations

import pytest

from tests.compiler.checking import definition, problems
from trellis.loaders import read
from trellis.model.graph import Graph, Schedule

NODES = "nodes: {a: {say: hello, to: $end}}\n"


def told(schedule: str) -> list[str]:
    """The problems of a graph with this one schedule, but for their places."""
    text = f"schedules: {{s: {schedule}}}\n{NODES}"
    reading = read("g.yaml", f"trellis: 1\nname: g\n{text}".encode())
    if reading.problems:
        return [str(problem).split(": ", 1)[1] for problem in reading.problems]
    return [line.split(": ", 1)[1] for line in problems(text)]


def test_a_schedule_is_kept_with_all_it_says() -> None:
    text = """schedules:
  nightly: {cron: " 0 7  * * 1-5", zone: Europe/Lisbon, overlap: queue, catch_up: 2h, jitter: 30s, with: {n: 3, x-why: me}, description: why}
  beat: {every: 1h30m, x-note: mine}
  last.of-month: {calendar: {day: last, month: [jan, 3, oct-dec], weekday: mon-fri, hour: "*", minute: [0, 30-32]}}
fields: {n: {type: integer, default: 1}}
"""
    assert definition(text + NODES).schedules == {
        "nightly": Schedule(
            cron="0 7 * * 1-5", zone="Europe/Lisbon", overlap="queue", catch_up=7200.0, jitter=30.0, fields={"n": 3}
        ),
        "beat": Schedule(every=5400.0),
        "last.of-month": Schedule(
            calendar={
                "day": (-1,),
                "month": (1, 3, 10, 11, 12),
                "weekday": (0, 1, 2, 3, 4),
                "hour": tuple(range(24)),
                "minute": (0, 30, 31, 32),
            }
        ),
    }


def test_schedules_make_no_other_version_and_are_kept_with_the_graph() -> None:
    with_one = Graph(definition("schedules: {s: {calendar: {hour: 7}, with: {}}}\n" + NODES))
    assert with_one == Graph(definition(NODES))
    assert Graph.decode(with_one.data, with_one.hash).definition == with_one.definition


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ('{cron: "61 7 * * *"}', "E223 '61' in '61 7 * * *' is no minute (0-59, *, lists, ranges, steps: 1,5-9,*/2)"),
        ('{cron: "0 24 * * *"}', "E223 '24' in '0 24 * * *' is no hour (0-23, *, lists, ranges, steps: 1,5-9,*/2)"),
        ('{cron: "0 0 * * MUN"}', "E223 'MUN' in '0 0 * * MUN' is no day of the week (0-7 or SUN-SAT, *, lists, ranges, steps: 1,5-9,*/2)"),
        ('{cron: "0 0 */0 * *"}', "E223 '*/0' in '0 0 */0 * *' is no day of the month (1-31 or L, *, lists, ranges, steps: 1,5-9,*/2)"),
        ('{cron: "0 0 31 2 *"}', "E223 '0 0 31 2 *' never fires: no such day ever comes (mind the length of the months)"),
        ('{cron: "0 0 */31 * MON#5"}', "E223 '0 0 */31 * MON#5' never fires: no such day ever comes (mind the length of the months)"),
        ('{cron: "0 0 7 * * *"}', "E223 '0 0 7 * * *' has 6 fields, and cron has 5 (for seconds, write `calendar` or `every`)"),
        ('{cron: "daily"}', "E223 'daily' has 1 field, and cron has 5 (minute, hour, day, month, day of the week)"),
        ('{cron: ""}', "E223 '' has 0 fields, and cron has 5 (minute, hour, day, month, day of the week)"),
        ('{cron: "@daily"}', "E223 '@daily' is a short form (write 0 0 * * *)"),
        (f'{{cron: "{"1," * 200}1 * * * *"}}', "E223 a cron expression of 409 characters (write 200 at most)"),
        ('{cron: "0 7 * * ²"}', "E223 '²' in '0 7 * * ²' is no day of the week (0-7 or SUN-SAT, *, lists, ranges, steps: 1,5-9,*/2)"),
        ("{every: 500ms}", "E223 '500ms' is too short for a schedule (write 1s or more)"),
        ("{every: 0s}", "E223 '0s' is too short for a schedule (write 1s or more)"),
        ("{every: 5}", "E207 'every': expected a duration, found 5: write 5s or 5ms"),
        ("{every: 1m, jitter: 2m}", "E223 `jitter` is longer than `every` (write as long as `every` at most)"),
        ("{calendar: {hour: 25}}", "E223 '25' is no hour (write 0 to 23)"),
        ("{calendar: {month: fab}}", "E223 'fab' is no month (did you mean 'feb'?)"),
        ("{calendar: {weekday: 1}}", "E223 '1' is no weekday (write mon to sun)"),
        ("{calendar: {day: 9-3}}", "E223 '9-3' ends before it begins"),
        ("{calendar: {day: 30, month: feb}}", "E223 this calendar never fires: no such day ever comes (mind the length of the months)"),
        ("{calendar: {}}", "E221 'calendar' is an empty map (give it at least one part)"),
        ("{calendar: {hours: 3}}", "E201 unknown key 'hours' of `calendar` (did you mean 'hour'?)"),
        ('{cron: "0 7 * * *", zone: Europe/Lisbom}', "E223 no time zone named 'Europe/Lisbom' (did you mean 'Europe/Lisbon'?)"),
        ('{cron: "0 7 * * *", zone: lisbon}', "E223 no time zone named 'lisbon' (did you mean 'Europe/Lisbon'?)"),
        ('{cron: "0 7 * * *", zone: ../../etc/passwd}', "E223 no time zone named '../../etc/passwd' (write a name such as Europe/Lisbon)"),
        ('{cron: "0 7 * * *", every: 5m}', "E206 a schedule goes by one of `cron`, `every` and `calendar`, found 'cron' and 'every'"),
        ("{zone: UTC}", "E206 this schedule never fires (give it `cron`, `every` or `calendar`)"),
        ("{every: 5m, overlap: skp}", "E209 'overlap': expected skip, queue, allow or cancel, found string 'skp' (did you mean 'skip'?)"),
        ("{every: 5m, catchup: 1h}", "E201 unknown key 'catchup' of a schedule (did you mean 'catch_up'?)"),
    ],
)  # fmt: skip
def test_what_can_never_be_is_refused_with_what_to_write(schedule: str, expected: str) -> None:
    assert told(schedule) == [expected]


def test_the_start_values_are_those_of_the_fields() -> None:
    text = """schedules:
  s: {every: 5m, with: {n: x, nn: 1, token: abc, text: "{{ n }}", few: 9, x-mine: 3, none: null}}
fields:
  n: {type: integer, default: 1}
  token: {type: string, secret: true, from: env:TOKEN}
  text: {type: string, default: ""}
  few: {type: integer, default: 1, check: value < 5}
  none: {type: string, optional: true}
"""
    assert problems(text + NODES) == [
        "2:28: E223 field 'n': expected integer, found string 'x'",
        "2:31: E211 no field named 'nn' (did you mean 'none'?)",
        "2:38: E223 secret field 'token' cannot be given here: it would stand here in clear (give the field from: env:NAME)",
        "2:56: E223 the value of field 'text' holds `{{`, and is taken as it is (write the value itself, or compute it in the first node)",
        "2:72: E223 the value of field 'few' does not pass its check `value < 5`",
    ]  # fmt: skip


def test_a_schedule_gives_what_a_run_needs_at_start() -> None:
    text = """schedules:
  bare: {every: 5m}
  full: {every: 5m, with: {env: prod}}
fields: {env: {type: string}, token: {type: string, secret: true, from: env:TOKEN}}
nodes: {a: {do: t, with: {env: "{{ env }}", token: "{{ token }}"}, to: $end}}
"""
    found = problems(text)
    hint = "add with: {env: …}, or give the field a default"
    assert [line for line in found if "E223" in line] == [
        f"2:3: E223 schedule 'bare' gives no 'env', which a run needs at start ({hint})"
    ]
