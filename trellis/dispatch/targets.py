"""What `python: "module:function"` names: looked up at first use, in the document's folder first, then installed.

While a module loads, the folder stands first on `sys.path`, so its siblings can be imported; afterwards it is gone
from there. Every folder has its own modules: one that loads does not see the modules of another, nor a program's
module of the same name from elsewhere. A name stays in `sys.modules` with whom it had it first. What follows from
this: siblings are imported when a module loads, not first inside a function.

Code that a document names is trusted as the document's own code is. The standard library and private names are out
of reach all the same, so that no document calls `os:system` without a word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from trellis.dispatch.reports import raised, unknown
from trellis.model.actions import Failed
from trellis.model.problems import suggestion

_lock = RLock()
_folders: dict[str, dict[str, ModuleType]] = {}
"""Folder -> the modules that were loaded from it. As `sys.modules`, which it stands in for, it belongs to the process."""


def find(target: str, base: str) -> Callable[..., Any] | Failed:
    """The callable that `target` names for a document in the folder `base`, or why there is none."""
    module_name, colon, path = target.partition(":")
    names = [*module_name.split("."), *path.split(".")]
    if not colon or not all(name.isidentifier() for name in names):
        return unknown(f"'{target}' names no function; write module:function, such as mytools.ops:create")
    private = [name for name in names if name.startswith("_")]
    if private:
        return unknown(f"'{target}': '{private[0]}' is private; name a public function")
    folder = str(Path(base).absolute())
    try:
        module = _load(module_name, folder)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            hint = suggestion(module_name, _importable(folder))
            return unknown(f"'{target}': no module '{module_name}', neither in {folder} nor installed{hint}")
        return unknown(f"'{target}': module '{module_name}' does not load: {raised(error)}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever loading it raises is why it cannot be called
        return unknown(f"'{target}': module '{module_name}' does not load: {raised(error)}")
    if module is None:
        return unknown(f"'{target}' is in the standard library; wrap it in a function beside the document")
    return _attribute(target, module, path)


def _attribute(target: str, module: ModuleType, path: str) -> Callable[..., Any] | Failed:
    found: Any = module
    reached = module.__name__
    for name in path.split("."):
        holder, where = found, reached
        found, reached = getattr(holder, name, None), f"{where}.{name}"
        if found is None:
            public = [known for known in dir(holder) if not known.startswith("_")]
            return unknown(f"'{target}': '{where}' has no '{name}'{suggestion(name, public)}")
        if isinstance(found, ModuleType):
            return unknown(f"'{target}': '{name}' is a module; name the module that has the function before the colon")
    if not callable(found):
        return unknown(f"'{target}' is of type {type(found).__name__}, not a function")
    function: Callable[..., Any] = found
    return function


def _load(name: str, folder: str) -> ModuleType | None:
    """The module `name`, as the folder sees it; None where it is only in the standard library."""
    top = name.partition(".")[0]
    with _lock:
        mine = _folders.setdefault(folder, {})
        if name in mine:
            return mine[name]
        tops = _importable(folder)
        if top in sys.stdlib_module_names and top not in tops:
            return None
        hidden = {other: sys.modules.pop(other) for other in list(sys.modules) if _hides(other, folder, tops)}
        before = set(sys.modules)
        sys.modules.update(mine)
        sys.path.insert(0, folder)
        invalidate_caches()
        try:
            return import_module(name)
        finally:
            sys.path.remove(folder)
            for new in set(sys.modules) - before:
                if _home(new) == folder:
                    mine[new] = sys.modules[new]
            sys.modules.update(hidden)


def _importable(folder: str) -> set[str]:
    """The names that the folder itself gives to `import`."""
    if not Path(folder).is_dir():
        return set()
    return {
        entry.name.partition(".")[0]
        for entry in Path(folder).iterdir()
        if entry.suffix in {".py", ".so", ".pyd"} or (entry / "__init__.py").is_file()
    }


def _hides(name: str, folder: str, tops: set[str]) -> bool:
    """Whether `name`, as loaded, stands in the way of what the folder means by it."""
    top = name.partition(".")[0]
    if top in {"trellis", "__main__"} or _home(name) == folder:
        return False
    module = sys.modules[name]
    return top in tops or any(modules.get(name) is module for modules in _folders.values())


def _home(name: str) -> str | None:
    """The folder that the loaded module was found from, as an entry of `sys.path`; None where it has no file."""
    file = getattr(sys.modules[name], "__file__", None)
    if not isinstance(file, str):
        return None
    path = Path(file)
    if path.stem == "__init__":
        path = path.parent
    ancestors = path.absolute().parents
    depth = name.count(".")
    return str(ancestors[depth]) if depth < len(ancestors) else None
