"""Problems as SARIF 2.1.0, the form in which code hosts and editors take what checkers found.

Each code is a rule, whose help is its page. Paths are URIs from the working directory; places count code points.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis.model.problems import Problem

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "%SRCROOT%"
"""What paths are from, as code hosts call it: the folder in which the command was given."""


def log(problems: Iterable[Problem], version: str) -> dict[str, Any]:
    """All problems as the one run of a log, in their order; `version` is that of the checker."""
    found = list(problems)
    codes = sorted({(problem.code, problem.severity) for problem in found})
    places = {code: place for place, (code, _) in enumerate(codes)}
    driver = {"name": "trellis", "version": version, "rules": [_rule(code, severity) for code, severity in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, places[problem.code]) for problem in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, severity: str) -> dict[str, Any]:
    from trellis.pages import page, plain, source

    rule: dict[str, Any] = {"id": code, "defaultConfiguration": {"level": severity}}
    try:
        told = page(code)
    except KeyError:  # a code whose page is still to be written
        return rule
    text = source(code)
    says = told.says[:1].upper() + told.says[1:]
    return rule | {
        "shortDescription": {"text": plain(says).strip()},
        "fullDescription": {"text": plain(told.why).strip() or says},
        "help": {"text": plain(text), "markdown": text},
    }


def _result(problem: Problem, place: int) -> dict[str, Any]:
    hint = f" ({problem.hint})" if problem.hint else ""
    return {
        "ruleId": problem.code,
        "ruleIndex": place,
        "level": problem.severity,
        "message": {"text": problem.message + hint},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _location(problem.path),
                    "region": {"startLine": problem.line, "startColumn": problem.column},
                }
            }
        ],
    }


def _location(path: str) -> dict[str, str]:
    from urllib.parse import quote

    inside = os.path.relpath(path)
    if os.path.isabs(path) and inside.startswith(os.pardir):
        return {"uri": "file://" + quote(path.replace(os.sep, "/"))}
    return {"uri": quote(inside.replace(os.sep, "/")), "uriBaseId": BASE}
