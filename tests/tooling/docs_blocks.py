"""Every fenced code block of the documentation is true: what it shows is validated, run, and compared.

Pages are README.md, CHANGELOG.md and docs/**/*.md; each gets a folder of its own with a copy of graphs/ and schemas/.
Its blocks go in order, by their language:

    yaml      well formed; where it heads with `trellis: 1`, `trellis validate` accepts it (```yaml refused: refuses it;
              ```yaml hosted: but for tools that a host registers); a head without nodes stands for its folder
    console   `$ trellis ...` runs and the lines under it are its output, where `…` stands for anything; a last line
              `[exit 3]` is its exit code, 0 if absent. `$ make ...` is only looked up. No other command is taken.
    python    runs; the blocks of a page share their names
    json toml well formed
    text mermaid markdown  shown as it is; ```text printed: what the python block before it printed, where `…` stands for anything

A block whose first line is the comment `# file: NAME` is written to that file; python there is not run. In Markdown it may
stand below the first line of the front matter. Where a page has
```yaml example, all its files are written first.

    python -m tests.tooling.docs_blocks [PAGE...]     prints each untrue block as page:line: why; exit 1 if there is one
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.cli.warm import warm
from tests.tooling.fences import Block, blocks, commands

ROOT = Path(__file__).parents[2]
EXIT = re.compile(r"^\[exit (\d+)\]$", re.MULTILINE)
TIMEOUT_S = 60
SHELL = re.compile(r"[|&;<>$`*?~#(){}\n\\]")
"""What a shell would read otherwise than as a word."""


class Untrue(Exception):
    """What a block shows is not so. `line` counts from the block's first line, from 0."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.line = line


def pages(root: Path = ROOT) -> list[Path]:
    return [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]


class Folder:
    """Where the blocks of one page are tried: their files, and the names that their Python defines."""

    def __init__(self, path: Path, root: Path = ROOT, *, forked: bool = False) -> None:
        self.path, self.forked = path, forked
        self.names: dict[str, object] = {"__name__": "__docs__"}
        self.printed = ""
        """By the last python block."""
        for name in ("graphs", "schemas"):
            if (root / name).is_dir():
                shutil.copytree(root / name, path / name, ignore=shutil.ignore_patterns("__pycache__", ".trellis"))

    def check(self, block: Block) -> None:
        """Raises Untrue."""
        if block.file:
            self.write(block.file, block.text)
            if block.language == "python":
                return
        checks: dict[str, Callable[[Block], None]] = {
            "yaml": self.yaml,
            "console": self.console,
            "python": self.python,
            "json": lambda block: well_formed(json.loads, block.text),
            "toml": lambda block: well_formed(tomllib.loads, block.text),
            "text": self.text,
            "mermaid": lambda _: None,
            "markdown": lambda _: None,
        }
        if block.language not in checks:
            raise Untrue(f"nothing checks a block of {block.language or 'no language'}; known: {', '.join(checks)}")
        checks[block.language](block)

    def write(self, name: str, text: str) -> str:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, "utf-8")
        return name

    def yaml(self, block: Block) -> None:
        from ruamel.yaml import YAML

        well_formed(YAML(typ="safe").load, block.text)
        if not re.search(r"^trellis: 1\b", block.text, re.MULTILINE):
            return
        name = block.file or self.write(f"block-{block.line}.yaml", block.text)
        from trellis.project import validate

        if name.endswith("/graph.yaml") and "\nnodes:" not in block.text:
            name = os.path.dirname(name)
        with contextlib.chdir(self.path):
            problems = validate([name])
        errors = [found for found in problems if found.severity == "error"]
        if block.kind == "hosted":
            errors = [found for found in errors if found.code != "E205"]
        if bool(errors) != (block.kind == "refused"):
            raise Untrue("\n".join(["`trellis validate` says:", *map(str, problems)]))

    def console(self, block: Block) -> None:
        if not block.text.startswith("$ "):
            raise Untrue("a console block opens with a command, `$ trellis ...`")
        for line, command, expected in commands(block.text):
            if command.startswith("make "):
                if f"\n{command.split()[1]}:" not in (ROOT / "Makefile").read_text("utf-8"):
                    raise Untrue(f"the Makefile has no target for `{command}`", line)
                continue
            if not command.startswith("trellis "):
                raise Untrue(f"only trellis and make are taken, not `{command}`", line)
            wanted = EXIT.search(expected)
            code, output = self.run(command)
            if code != (int(wanted[1]) if wanted else 0):
                raise Untrue(f"`{command}` ends with {code}:\n{output}", line)
            shown = EXIT.sub("", expected).strip()
            if not same(shown, output):
                raise Untrue(f"the page shows\n{shown}\nbut `{command}` prints\n{output}", line)

    def python(self, block: Block) -> None:
        source = "\n" * (block.line - 1) + block.text  # so that a traceback names the page's own line
        with contextlib.chdir(self.path), contextlib.redirect_stdout(io.StringIO()) as stdout:
            try:
                exec(compile(source, str(block.page), "exec"), self.names)
            except Exception as error:  # whatever it raises is the finding
                frames = traceback.extract_tb(error.__traceback__)
                line = max((f.lineno or 0 for f in frames if f.filename == str(block.page)), default=block.line)
                raise Untrue(f"{type(error).__name__}: {error}", line - block.line) from error
            finally:
                self.printed = stdout.getvalue().strip()

    def text(self, block: Block) -> None:
        shown = block.text.strip()
        if block.kind == "printed" and not same(shown, self.printed):
            raise Untrue(f"the page shows\n{shown}\nbut the block before it prints\n{self.printed}")

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output of one command line, both streams as a terminal would mix them."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRELLIS_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        env = kept | {"PATH": path, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "100"}
        if self.forked and command.startswith("trellis ") and not SHELL.search(command):
            server = warm(env)
            if server is not None:
                words = shlex.split(command)[1:]
                code, out, _ = server.run(words, cwd=self.path, env=env, data=None, timeout=TIMEOUT_S, merged=True)
                return code, out.decode().strip()
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.path,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.strip()


def same(shown: str, output: str) -> bool:
    """Whether what a page shows is that output; `…` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), output, re.DOTALL) is not None


def well_formed(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except Exception as error:  # each parser has its own errors
        raise Untrue(f"not well formed: {error}") from error


def untrue(page: Path, root: Path = ROOT, *, forked: bool = False) -> tuple[int, list[str]]:
    """How many blocks a page has, and each untrue one as `page:line: why`. `forked`: no interpreter starts for a command."""
    found: list[str] = []
    all_blocks = list(blocks(page))
    name = page.relative_to(root) if page.is_relative_to(root) else page
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path).resolve(), root, forked=forked)
        if any(block.kind == "example" for block in all_blocks):  # whose other files may come after it
            for block in all_blocks:
                if block.file:
                    folder.write(block.file, block.text)
        for block in all_blocks:
            try:
                folder.check(block)
            except (Untrue, subprocess.TimeoutExpired) as error:
                found.append(f"{name}:{block.line + getattr(error, 'line', 0)}: {error}")
    return len(all_blocks), found


def main(arguments: list[str]) -> int:
    results = [untrue(page) for page in ([Path(name).resolve() for name in arguments] or pages())]
    faults = [fault for _, found in results for fault in found]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    print(f"{sum(count for count, _ in results)} blocks on {len(results)} pages, {len(faults)} untrue")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
