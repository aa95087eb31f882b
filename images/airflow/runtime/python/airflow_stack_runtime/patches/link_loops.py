"""Passes over a link to a folder that is read already, where Airflow ends the walk of all DAG files, or of all plugins.

Airflow's own walk stays: it asks for each folder whether a rule of ``.airflowignore`` leaves it out, and is answered
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ADVICE = "remove the link, or name it in .airflowignore"

_passed_over: dict[str, dict[str, str]] = {}
"""By the folder that was walked last: what was passed over, and the folder that is read already."""


def apply() -> None:
    """In each process, before it looks for files."""
    from airflow.utils import file

    file._find_path_from_directory = without_loops(file._find_path_from_directory)


def problems(base: str | Path) -> dict[str, str]:
    """Return by path what the last walk of this folder, which has ended, passed over, and why."""
    return {
        path: f"leads to {real}, which is read already, and is passed over; {ADVICE}"
        for path, real in sorted(_passed_over.get(str(base), {}).items())
    }


def without_loops(find: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
    """Of ``_find_path_from_directory``: each folder is walked once, whatever links lead there."""

    @wraps(find)
    def call(base_dir_path: Any, ignore_file_name: str, ignore_rule_type: Any) -> Iterator[str]:
        seen = {Path(base_dir_path).resolve()}
        found = _passed_over[str(base_dir_path)] = {}

        def match(path: Path, rules: Any) -> bool:
            if ignore_rule_type.match(path, rules):
                return True
            if not path.is_dir():
                return False
            real = path.resolve()
            if real in seen:
                found[str(path)] = str(real)
                return True
            seen.add(real)
            return False

        return find(base_dir_path, ignore_file_name, SimpleNamespace(compile=ignore_rule_type.compile, match=match))

    return call
