"""E205: which tools may be called."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_tool_that_nobody_declares_or_registers_is_unknown() -> None:
    text = """start: a
tools: {ops.create: {python: "a:b"}}
nodes:
  a: {do: ops.creat, undo: {do: nix}, to: b}
  b: {do: {tool: "{{ 'x' }}", allow: [ops.create, mail.sent]}, to: c}
  c: {do: mail.send, to: $end}
"""
    assert problems(text, tools=["mail.send"]) == [
        "4:11: E205 no tool named 'ops.creat' (did you mean 'ops.create'?)",
        "4:33: E205 no tool named 'nix' (declare it in `tools`)",
        "5:51: E205 no tool named 'mail.sent' (did you mean 'mail.send'?)",
    ]


def test_without_a_list_of_registered_tools_any_name_may_be_one() -> None:
    text = """start: a
nodes:
  a: {do: ops.create, undo: {do: nix}, to: $end}
"""
    assert problems(text) == []


def test_with_an_empty_list_only_declared_tools_are_known() -> None:
    text = """tools: {ops.create: {python: "a:b"}}
start: a
nodes:
  a: {do: ops.create, to: b}
  b: {all: {x: {do: ops.delete}}, to: $end}
"""
    assert problems(text, tools=[]) == [
        "5:21: E205 no tool named 'ops.delete' (did you mean 'ops.create'?)",
    ]
