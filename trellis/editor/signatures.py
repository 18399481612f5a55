"""What a Python function takes, read from its source: nothing is imported, so no code of a project runs for an editor.

A module is looked for where a call of it would be: in the document's folder first, then among installed packages.
What is only known when it runs (a name that is computed, a decorator that changes what is taken) is not known here.
"""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

HOPS = 5
"""How many times a name may be imported from elsewhere before it is given up."""
LARGEST = 2_000_000
"""Octets of a source that is read."""
_GIVEN = frozenset(("request", "self", "cls"))


class Parameter(msgspec.Struct, frozen=True):
    """One argument. `type` is as annotated, `schema` what JSON Schema would say of it; `default` as written."""

    name: str
    type: str = ""
    default: str | None = None
    schema: dict[str, Any] = {}

    @property
    def shown(self) -> str:
        """As one writes it: `count: int = 3`."""
        typed = f"{self.name}: {self.type}" if self.type else self.name
        return typed if self.default is None else f"{typed} = {self.default}"


class Signature(msgspec.Struct, frozen=True):
    """A function: the file and line it is at (from 1), its arguments, and the first paragraph of its docstring."""

    name: str
    file: str
    line: int
    parameters: tuple[Parameter, ...] = ()
    free: bool = False
    """It takes any other argument too."""
    returns: str = ""
    docstring: str = ""

    @property
    def shown(self) -> str:
        """As one writes it: `create(env: str, count: int = 3) -> dict`."""
        taken = [parameter.shown for parameter in self.parameters] + ["**…"] * self.free
        return f"{self.name}({', '.join(taken)})" + (f" -> {self.returns}" if self.returns else "")


def signature_of(target: str, folder: str) -> Signature | None:
    """The function that `module:function` means for a document in `folder`; None where its source does not say."""
    module, colon, path = target.partition(":")
    names = path.split(".")
    if not colon or any(not name.isidentifier() or name.startswith("_") for name in [*module.split("."), *names]):
        return None
    file = module_file(module, folder)
    return None if file is None else _find(file, names, folder, HOPS)


def functions_beside(folder: str) -> list[Signature]:
    """The public functions of the modules in a folder, as `module:function` in `name`; what has a syntax error has none."""
    found = []
    try:
        files = sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(".py") and entry.is_file())
    except OSError:
        return []
    for file in files:
        module = Path(file).stem
        if not module.isidentifier() or module.startswith(("_", "test_")) or module == "conftest":
            continue
        tree = _tree(file)
        for node in tree.body if tree is not None else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                signature = _read(node, file)
                found.append(msgspec.structs.replace(signature, name=f"{module}:{signature.name}"))
    return found


def module_file(module: str, folder: str) -> str | None:
    """The source of a module; None where there is none, as for the standard library and what is compiled."""
    parts = module.split(".")
    beside = _source(Path(folder, *parts))
    if beside is not None:
        return beside
    if parts[0] in sys.stdlib_module_names:
        return None
    from importlib.machinery import PathFinder

    try:
        spec = PathFinder.find_spec(parts[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if len(parts) == 1:
        return spec.origin if spec.origin and spec.origin.endswith(".py") else None
    for place in spec.submodule_search_locations or ():
        found = _source(Path(place, *parts[1:]))
        if found is not None:
            return found
    return None


def _source(path: Path) -> str | None:
    for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if file.is_file():
            return str(file)
    return None


def _tree(file: str) -> ast.Module | None:
    try:
        about = os.stat(file)
    except OSError:
        return None
    return _parsed(file, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _parsed(file: str, changed: int, size: int) -> ast.Module | None:  # noqa: ARG001 - a changed file is another one
    if size > LARGEST:
        return None
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _find(file: str, names: list[str], folder: str, hops: int) -> Signature | None:
    tree = _tree(file)
    if tree is None:
        return None
    body: list[ast.stmt] = tree.body
    for place, name in enumerate(names):
        node = _named(body, name)
        if isinstance(node, ast.ImportFrom) and place == 0 and hops:
            return _follow(node, name, names[1:], file, folder, hops)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return _read(node, file) if place == len(names) - 1 else None
        if not isinstance(node, ast.ClassDef):
            return None
        body = node.body
        if place == len(names) - 1:
            made = _named(body, "__init__")
            if isinstance(made, ast.FunctionDef):
                return msgspec.structs.replace(
                    _read(made, file), name=node.name, docstring=_about(node), line=node.lineno, returns=""
                )
            return Signature(node.name, file, node.lineno, docstring=_about(node))
    return None


def _named(body: list[ast.stmt], name: str) -> ast.stmt | None:
    """What gives `name` its meaning: the last that does."""
    found: ast.stmt | None = None
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            found = node
        elif isinstance(node, ast.ImportFrom):
            if any((alias.asname or alias.name) == name for alias in node.names):
                found = node
        elif isinstance(node, ast.If | ast.Try):
            found = _named([*node.body, *node.orelse], name) or found
    return found


def _follow(node: ast.ImportFrom, name: str, rest: list[str], file: str, folder: str, hops: int) -> Signature | None:
    original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
    if node.level:
        around = Path(file).parents[node.level - 1]
        other = _source(around.joinpath(*(node.module or "").split("."))) if node.module else _source(around)
    else:
        other = module_file(node.module or "", folder)
    return None if other is None else _find(other, [original, *rest], folder, hops - 1)


def _read(node: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> Signature:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    both = [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    only = {argument.arg for argument in arguments.posonlyargs}
    parameters = tuple(
        Parameter(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation is not None else "",
            None if default is None else ast.unparse(default),
            _schema(argument.annotation),
        )
        for argument, default in both
        if argument.arg not in _GIVEN and argument.arg not in only
    )
    returns = ast.unparse(node.returns) if node.returns is not None else ""
    free = arguments.kwarg is not None
    return Signature(node.name, file, node.lineno, parameters, free, returns, _about(node))


def _about(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


_JSON = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
_LISTS = frozenset(("list", "List", "Sequence", "Iterable", "tuple", "Tuple"))
_MAPS = frozenset(("dict", "Dict", "Mapping"))


def _schema(annotation: ast.expr | None) -> dict[str, Any]:
    """What JSON Schema says of an annotation; an empty schema for what it cannot say."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return {}
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return {"type": "null"}
    name = _last(annotation)
    if name in _JSON:
        return {"type": _JSON[name]}
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _either([annotation.left, annotation.right])
    if not isinstance(annotation, ast.Subscript):
        return {}
    of = _last(annotation.value)
    inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if of == "Literal":
        values = [part.value for part in inside if isinstance(part, ast.Constant)]
        return {"enum": values} if values and all(isinstance(value, str | int | None) for value in values) else {}
    if of == "Optional":
        return _either([inside[0], ast.Constant(None)])
    if of == "Union":
        return _either(inside)
    if of == "Annotated":
        return _schema(inside[0])
    if of in _LISTS:
        items = _schema(inside[0]) if inside else {}
        return {"type": "array", "items": items} if items else {"type": "array"}
    return {"type": "object"} if of in _MAPS else {}


def _either(parts: list[ast.expr]) -> dict[str, Any]:
    schemas = [_schema(part) for part in parts]
    return {"anyOf": schemas} if all(schemas) else {}


def _last(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Name):
        return annotation.id
    return annotation.attr if isinstance(annotation, ast.Attribute) else ""
