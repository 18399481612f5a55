"""Command lines in processes of their own that need not start an interpreter: each is forked from one that has.

One server to a test process, started when it is first wanted. It has imported all of Trellis and done nothing with it;
a child of it gets the arguments, folder, environment and streams of its command line, runs it, waits for its threads, and
ends. What a cold start alone can show (what is imported when, how streams are made, what a locale does) is
for a process that is started: `subprocess` starts one.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
COLD = ("PYTHON", "LANG", "LC_", "TZ")
"""Beginnings of the names of what an interpreter reads at its start."""
_SIZE = 8


class Warm:
    """The server's other end. Commands are run one after the other."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._one = threading.Lock()
        program = [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(program, cwd=ROOT, env=dict(env), pass_fds=[theirs.fileno()])
        theirs.close()
        atexit.register(self.close)

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        data: bytes | None,
        timeout: float,
        merged: bool = False,
    ) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of a command line; `data` is its stdin, None a closed one; `merged`: all in stdout.

        Raises TimeoutExpired; the command is killed then.
        """
        with self._one:
            given, stdin = (os.open(os.devnull, os.O_RDONLY), -1) if data is None else os.pipe()
            out, stdout = os.pipe()
            err, stderr = (-1, os.dup(stdout)) if merged else os.pipe()
            request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
            socket.send_fds(self._socket, [len(request).to_bytes(_SIZE)], [given, stdout, stderr])
            self._socket.sendall(request)
            for end in (given, stdout, stderr):
                os.close(end)
            read: dict[int, bytes] = {}
            hands = [threading.Thread(target=_read, args=(end, read)) for end in (out, err) if end >= 0]
            if stdin >= 0:
                hands.append(threading.Thread(target=_write, args=(stdin, data)))
            for hand in hands:
                hand.start()
            pid = self._number()
            self._socket.settimeout(timeout)
            try:
                code = self._number()
                late = False
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self._socket.settimeout(None)
                code, late = self._number(), True
            self._socket.settimeout(None)
            for hand in hands:
                hand.join()
            if late:
                raise subprocess.TimeoutExpired(["trellis", *arguments], timeout, read[out])
            return code, read[out], read.get(err, b"")

    def close(self) -> None:
        self._socket.close()
        self._process.wait()

    def _number(self) -> int:
        found = b""
        while len(found) < _SIZE:
            more = self._socket.recv(_SIZE - len(found))
            assert more, "the server of warm commands is gone"
            found += more
        return int.from_bytes(found, signed=True)


def _read(end: int, read: dict[int, bytes]) -> None:
    with open(end, "rb") as stream:
        read[end] = stream.read()


def _write(end: int, data: bytes | None) -> None:
    try:
        with open(end, "wb") as stream:
            stream.write(data or b"")
    except BrokenPipeError:
        pass  # whoever reads may stop, as one with a pipe of subprocess may


_servers: dict[tuple[tuple[str, str], ...], Warm] = {}
"""By what an interpreter reads at its start."""


def warm(env: Mapping[str, str]) -> Warm | None:
    """The server of this process for commands of this environment; None where processes cannot be forked."""
    if not hasattr(os, "fork"):
        return None
    key = tuple(sorted((name, value) for name, value in env.items() if name.startswith(COLD)))
    if key not in _servers:
        _servers[key] = Warm(env)
    return _servers[key]


def _serve(control: socket.socket) -> None:
    """Fork a child for each request; in the child this returns."""
    while True:
        size, fds, _, _ = socket.recv_fds(control, _SIZE, 3)
        if not size:
            os._exit(0)
        request = b""
        while len(request) < int.from_bytes(size):
            request += control.recv(int.from_bytes(size) - len(request))
        pid = os.fork()
        if not pid:
            control.close()
            _become(json.loads(request), fds)
            return
        for end in fds:
            os.close(end)
        control.sendall(pid.to_bytes(_SIZE, signed=True))
        _, status = os.waitpid(pid, 0)
        control.sendall(os.waitstatus_to_exitcode(status).to_bytes(_SIZE, signed=True))


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """Be the process of that command line, as far as can be seen."""
    for place, end in enumerate(fds):
        os.dup2(end, place)
        os.close(end)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [str(ROOT / "trellis" / "__main__.py"), *request["arguments"]]
    sys.path[0] = request["cwd"]
    modes = {"stdin": "r", "stdout": "w", "stderr": "w"}
    for place, (name, mode) in enumerate(modes.items()):
        old = getattr(sys, name)
        raw = io.FileIO(place, mode, closefd=False)
        at_once = mode == "w" and old.write_through
        buffer: Any = raw if at_once else io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
        newline, by_line = ("\n" if mode == "w" else None), name == "stderr" or os.isatty(place)
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, newline, by_line, at_once)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _import_all() -> None:
    import importlib
    import pkgutil

    import trellis

    for found in pkgutil.walk_packages(trellis.__path__, "trellis."):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError:
                pass  # an extra that is not installed


def main() -> NoReturn:
    _import_all()
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from trellis.cli import main as trellis

    code = trellis()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # what an interpreter takes down before it ends is a tenth of a second that shows nothing


if __name__ == "__main__":
    main()
