"""A project folder for each test, with graphs that end in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

HELLO = """\
trellis: 1
name: hello
start: greet
fields:
  name: {type: string, default: friend}
  env: {type: string, enum: [staging, prod]}
  tries: {type: integer, default: 0, check: value >= 0}
nodes:
  greet: {say: "Hello {{ name }}!", to: choose}
  choose: {say: Which environment?, ask: {choice: env}, to: count}
  count: {ask: {int: tries, default: 3}, to: done}
  done: {say: "{{ env }} after {{ tries }}", end: {status: ok, result: env}}
"""

SAGA = """\
trellis: 1
name: saga
start: build
fields:
  fault: {type: string, default: none}
tools:
  make: {python: "tools:make"}
  check: {python: "tools:check"}
  unmake: {python: "tools:unmake"}
nodes:
  build: {do: make, undo: {do: unmake, with: {fault: "{{ fault }}"}}, to: push}
  push: {do: make, undo: {do: unmake}, to: check}
  check: {do: check, with: {fault: "{{ fault }}"}, catch: {broken: $rollback}, to: $end}
"""

TOOLS = """\
from trellis import ActionError

def make():
    return "made"

def check(fault):
    if fault == "denied":
        raise ActionError("denied", "not yours", retryable=False)
    if fault == "timeout":
        raise ActionError("timeout", "too slow", retryable=False)
    if fault in ("broken", "stuck"):
        raise ActionError("broken", "it is\\nbroken", retryable=False)
    if fault != "none":
        raise ActionError("other", fault, retryable=False)

def unmake(fault="none"):
    if fault == "stuck":
        raise ActionError("failed", "still in use", retryable=False)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is a project's root, with `hello.yaml` and `saga.yaml`."""
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "hello.yaml").write_text(HELLO)
    (tmp_path / "saga.yaml").write_text(SAGA)
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path
