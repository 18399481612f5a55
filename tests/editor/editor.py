"""An editor for tests: it starts the language server as a process and talks to it in frames of JSON."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.cli.console import environment

FIRST_S = 60
"""How long the process may take to say something."""


class Editor:
    """One client. `wait` reads until a message fits; what comes before it is kept in `seen`."""

    def __init__(self, folder: Path, **capabilities: Any) -> None:
        self.folder = folder
        program = [sys.executable, "-m", "trellis", "lsp", "--stdio"]
        self.process = subprocess.Popen(
            program,
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen: list[dict[str, Any]] = []
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.number = 0
        self.capabilities = self.call(
            "initialize", processId=None, rootUri=None, capabilities=capabilities,
            workspaceFolders=[{"uri": uri(folder), "name": "project"}],
        )["capabilities"]  # fmt: skip
        self.tell("initialized")

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0"} | message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def tell(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer, an error too."""
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        return self.wait(lambda message: message.get("id") == self.number and "method" not in message)

    def call(self, method: str, **params: Any) -> Any:
        answer = self.ask(method, **params)
        assert "error" not in answer, answer
        return answer.get("result")

    def wait(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that fits, of those that came and were not taken yet too."""
        for place, message in enumerate(self.seen):
            if fits(message):
                return self.seen.pop(place)
        while True:
            try:
                message = self.messages.get(timeout=FIRST_S)
            except queue.Empty:
                raise AssertionError(f"nothing came but {self.seen}") from None
            if fits(message):
                return message
            self.seen.append(message)

    def _read(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        length = 0
        while line := stdout.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            elif not line.strip():
                self.messages.put(json.loads(stdout.read(length)))

    def problems(self, path: Path) -> list[dict[str, Any]]:
        """The next problems that are told of a document."""
        found = self.wait(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri(path)
            )
        )
        told: list[dict[str, Any]] = found["params"]["diagnostics"]
        return told

    def open(self, path: Path, text: str) -> None:
        self.tell(
            "textDocument/didOpen", textDocument={"uri": uri(path), "languageId": "yaml", "version": 1, "text": text}
        )

    def change(self, path: Path, text: str, version: int = 2) -> None:
        self.tell(
            "textDocument/didChange",
            textDocument={"uri": uri(path), "version": version},
            contentChanges=[{"text": text}],
        )

    def at(self, path: Path, line: int, character: int) -> dict[str, Any]:
        return {"textDocument": {"uri": uri(path)}, "position": {"line": line, "character": character}}

    def leave(self) -> int:
        """Say good-bye; what the process ends with."""
        self.call("shutdown")
        self.tell("exit")
        return self.end()

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(timeout=FIRST_S)
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


def uri(path: Path) -> str:
    return "file://" + quote(str(path))
