"""A project folder for each test, with graphs that end in every way."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.console import Done, trellis
from trellis.cli import main

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
import os

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

def pay(user):
    if user == "crash":
        os._exit(9)
    return {"no": 7}
"""


PAY = """\
trellis: 1
name: pay
start: build
fields:
  user: {type: string, default: ana, index: true}
  token: {type: string, secret: true, optional: true}
  number: {type: any, optional: true}
  sure: {type: boolean, optional: true}
signals:
  hurry: {by: string}
tools:
  build: {python: "tools:make"}
  pay: {python: "tools:pay", effect: at_most_once}
nodes:
  build: {do: build, to: pay}
  pay: {do: pay, with: {user: "{{ user }}"}, save: number, to: sure}
  sure: {say: Really?, ask: {confirm: sure}, timeout: 2h, upon: {hurry: done}, to: token}
  token: {ask: {secret: token}, to: done}
  done: {end: {status: ok, result: number}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is a project's root, with `hello.yaml`, `saga.yaml` and `pay.yaml`."""
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "hello.yaml").write_text(HELLO)
    (tmp_path / "saga.yaml").write_text(SAGA)
    (tmp_path / "pay.yaml").write_text(PAY)
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


class Here:
    """Command lines in the project's folder, in this process."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capsys = project, monkeypatch, capsys
        self.typed = b""
        """What stdin holds for a command that is given nothing else."""
        monkeypatch.chdir(project)

    def __call__(self, *arguments: str, typed: str = "") -> Done:
        """Run a command line to its end; `typed` is its stdin."""
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode() or self.typed)))
        self._capsys.readouterr()
        code = main(arguments)
        return Done(code, *self._capsys.readouterr())

    def died(self, run: str) -> None:
        """A run whose process died in a call that is made at most once."""
        done = trellis("run", "pay.yaml", "--id", run, "--set", "user=crash", cwd=self.folder)
        assert done.code == 9

    def crashed(self, run: str) -> None:
        """Such a run after it was taken up again: nobody knows whether the call was made."""
        self.died(run)
        assert self("resume", run).code == 7


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(project, monkeypatch, capsys)
