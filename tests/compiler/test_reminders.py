"""E226, W312: reminders and steps of an escalation that could never be, or would change nothing."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_reminder_has_time_before_it_and_comes_before_the_time_is_up() -> None:
    text = """start: a
fields: {x: {type: string, optional: true}}
nodes:
  a: {ask: {text: x}, remind: {every: 0s, do: t}, to: b}
  b: {ask: {text: x}, remind: {every: 1h, do: t}, timeout: 30m, deadline: 2h, to: c}
  c: {do: t, remind: {every: 1h, say: "{{ y }}"}, heartbeat: 1s, to: d}
  d: {say: hello, heartbeat: 1s, escalate: {after: 1h, do: t}, to: $end}
"""
    assert problems(text) == [
        "4:39: E226 the reminders of 'a' have no time between them (write how long it waits for each, as in every: 8h)",
        "5:39: W312 the first reminder of 'b' never comes: its timeout is 30m (give it less than the timeout)",
        "6:14: E217 `remind` goes with `ask` or `wait`, and 'c' has `do` (remove `remind`)",
        "6:39: E211 no field named 'y' (declare it: fields: {y: {type: …}})",
        "7:19: E217 `heartbeat` goes with `do`, and 'd' only says something (remove `heartbeat`)",
        "7:34: E217 `escalate` goes with `ask`, and 'd' only says something (remove `escalate`)",
    ]


def test_the_steps_of_an_escalation_come_one_after_the_other_and_each_adds_somebody() -> None:
    text = """start: a
fields: {v: {type: approval, optional: true}, x: {type: string, optional: true}}
nodes:
  a: {ask: {text: x}, escalate: {after: 1h, do: t}, to: b}
  b: {ask: {approve: v, by: [ana]}, escalate: [{after: 0s, do: t}, {after: 2h, by: [ben, ana]}, {after: 1h, by: [ben]}], to: c}
  c: {ask: {approve: v}, escalate: {after: 1h, by: [ana]}, to: d}
  d: {ask: {approve: v, by: [ana], quorum: 3}, escalate: [{after: 1h, by: [ben]}, {after: 2h, do: t}], timeout: 2h, to: e}
  e: {ask: {approve: v, by: [ana], quorum: 2}, escalate: {after: 1h, by: [" ben"]}, to: $end}
limits: {time: 30d}
"""
    assert problems(text) == [
        "4:23: E226 only an approval is escalated, and 'a' asks for text (write `remind`, or `timeout` and `catch: {timeout: …}`)",
        "5:56: E226 a step of 'b' comes at once (each `after` counts from the question, and is longer than the one before)",
        "5:90: E214 an approver of 'b': string 'ana' is there twice",
        "5:105: E226 a step of 'b' comes no later than the one before, after 2h (each `after` counts from the question, and is longer than the one before)",
        "5:114: E214 an approver of 'b': string 'ben' is there twice",
        "6:48: E226 anybody may approve 'c', so nobody has to be added (say in `ask` who may at first: by: […])",
        "7:44: E214 'd' waits for 3 approvals, and names 2 who may give them (name more approvers, or wait for fewer)",
        "7:91: W312 this step of 'd' never comes: its timeout is 2h (give it less than the timeout)",
        "8:75: E214 an approver of 'e': string ' ben' is no name: it is empty, or has blanks around it",
    ]


def test_what_reminds_calls_tools_that_there_are_and_passes_secrets_on_whole() -> None:
    text = """start: a
fields: {x: {type: string, optional: true}, s: {type: string, secret: true}}
tools: {mail: {python: "m:mail"}}
nodes:
  a:
    ask: {text: x}
    remind: {every: 1h, do: mial, with: {s: "{{ s }}", t: "{{ s + 'x' }}"}}
    to: b
  b:
    ask: {text: x}
    remind: {every: 1h, do: {tool: "{{ x }}", allow: [mial, mail]}}
    to: $end
"""
    assert problems(text, tools=["other"]) == [
        "7:29: E205 no tool named 'mial' (did you mean 'mail'?)",
        "7:45: W303 'a' reads field 's', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set s=…)",
        "7:59: E404 secret field 's' can only be passed on whole, as {{ s }} (its value is known only where a tool is called)",
        "11:55: E205 no tool named 'mial' (did you mean 'mail'?)",
    ]
