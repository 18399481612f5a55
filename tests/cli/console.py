"""The `trellis` command as a process of its own: with pipes, or with a terminal on which somebody types."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.cli.warm import warm

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
# The terminal becomes the one of this session, so that Ctrl-C typed on it is a signal.
ON_A_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("trellis", run_name="__main__", alter_sys=True)
"""


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: nothing of the caller's that changes what it prints."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")}
    return kept | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "TERM": "xterm", "COLUMNS": "100"} | more


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def trellis(*arguments: str, cwd: Path, typed: str | bytes | None = "", **env: str) -> Done:
    """Run a command line to its end; `typed` is its stdin, None a closed one."""
    data = typed.encode() if isinstance(typed, str) else typed
    return command(*arguments, cwd=cwd, data=data, env=environment(**env))


def command(*arguments: str, cwd: Path, data: bytes | None, env: dict[str, str], limit_s: float = LIMIT_S) -> Done:
    """The same in just this environment. Raises TimeoutExpired."""
    server = warm(env)
    if server is not None:
        code, out, err = server.run(arguments, cwd=cwd, env=env, data=data, timeout=limit_s)
        return Done(code, out.decode(), err.decode())
    done = subprocess.run(
        [sys.executable, "-m", "trellis", *arguments],
        cwd=cwd,
        env=env,
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=limit_s,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class Console:
    """A command on a terminal. `expect` reads until a text comes, `type` answers as a person would."""

    def __init__(self, *arguments: str, cwd: Path, stdout: int | None = None, **env: str) -> None:
        import pty

        self._master, slave = pty.openpty()
        self.screen = ""
        self._read = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, *arguments],
            cwd=cwd,
            env=environment(**env),
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def expect(self, text: str) -> str:
        """Read until `text` comes, and give what was read since the last time."""
        while text not in self.screen[self._read :]:
            if not self._more():
                raise AssertionError(f"the command ended without {text!r}; it said:\n{self.screen}")
        start, self._read = self._read, self.screen.index(text, self._read) + len(text)
        return self.screen[start : self._read]

    def type(self, text: str | bytes) -> None:
        os.write(self._master, text.encode() if isinstance(text, str) else text)

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C until the command ends, and give what `end` does. One that comes just as the command takes in what was
        typed may be slept through."""
        for _ in range(LIMIT_S):
            self.type("\x03")
            try:
                self._process.wait(1)
                break
            except subprocess.TimeoutExpired:
                continue
        return self.end()

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        import termios

        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def show_what_is_typed(self) -> None:
        """Set the modes that a shell sets for itself."""
        import termios

        modes = termios.tcgetattr(self._master)
        modes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(self._master, termios.TCSANOW, modes)

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def close(self) -> int:
        """Close the terminal, and wait until the command ends: its exit code."""
        os.close(self._master)
        return self._process.wait(LIMIT_S)

    def end(self) -> tuple[int, str]:
        """Wait until the command ends: its exit code, and the rest of what it said."""
        while self._more():
            pass
        code = self._process.wait(LIMIT_S)
        os.close(self._master)
        return code, self.screen[self._read :]

    def _more(self) -> bool:
        if not select.select([self._master], [], [], LIMIT_S)[0]:
            self._process.kill()
            self._process.wait(LIMIT_S)
            raise AssertionError(f"nothing more comes; the command said:\n{self.screen}")
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the other end of a terminal is closed
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
