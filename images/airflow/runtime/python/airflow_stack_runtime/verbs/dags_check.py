"""Imports every DAG file as the scheduler would, and says what was found: one line of JSON at the end."""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow_stack_runtime.patches import link_loops
from airflow_stack_runtime.verbs import loaded_first, throwaway
from airflow_stack_runtime.verbs.dag_file import Found, Problem, examine
from airflow_stack_runtime.verbs.dag_references import Reference

HOME = Path(os.environ.get("AIRFLOW_HOME", "/opt/airflow"))
FOLDERS = ("dags", "plugins", "config")


def missing(references: Iterable[Reference], known: throwaway.Known) -> list[Problem]:
    """What is asked for and will not be there: once a name, at the place that says most about it."""
    asked: dict[tuple[str, str], list[Reference]] = defaultdict(list)
    for reference in references:
        if not known.has(reference.kind, reference.name):
            asked[reference.kind, reference.name].append(reference)
    problems = []
    for (kind, name), places in sorted(asked.items()):
        best = max(places, key=lambda each: (each.at_import, each.line > 0))
        detail = (
            ", asked for while the file is imported" if best.at_import else f" ({best.where})" if best.where else ""
        )
        problems.append(Problem(kind, f"{kind} {name} is missing{detail}", best.file, best.line))
    return problems


def duplicates(files: Iterable[Found]) -> list[Problem]:
    """DAGs of one name in several files: the stack would show now one, now the other."""
    holders: dict[str, list[str]] = defaultdict(list)
    for found in files:
        for dag in found.dags:
            holders[dag].append(found.file)
    return [
        Problem("duplicate", f"DAG {dag} is in {' and '.join(other for other in holding if other != file)} too", file)
        for dag, holding in sorted(holders.items())
        for file in holding
        if len(holding) > 1
    ]


def unknown(found: Found, known: throwaway.Known) -> Found:
    """The file's report with what is missing among its problems."""
    references = [each for each in found.references if each.name]
    found.problems += missing(references, known)
    return found


def preload(paths: Iterable[str]) -> None:
    """Airflow's own modules that the files import: once for all of them, as the scheduler does."""
    from airflow.utils.file import iter_airflow_imports

    for module in dict.fromkeys(name for path in paths for name in iter_airflow_imports(path)):
        try:
            importlib.import_module(module)
        except Exception:  # noqa: S112 - the file that imports it says so
            continue


def check() -> dict[str, Any]:
    """The whole report: files with their DAGs and problems, problems of plugins and links, and the limits that hold."""
    started = time.monotonic()
    folders = [str(HOME / folder) for folder in FOLDERS]
    first = loaded_first.load(HOME, folders)
    from airflow.configuration import conf
    from airflow.utils.file import list_py_file_paths

    request = throwaway.request()
    known = throwaway.Known(request["known"])
    throwaway.create_tables()
    limit = conf.getfloat("core", "dag_file_processor_timeout")
    paths = sorted(list_py_file_paths(HOME / "dags"))
    if conf.getboolean("scheduler", "parsing_pre_import_modules"):
        preload(paths)
    files = [unknown(examine(path, folders, limit), known) for path in paths]
    links = [Problem("link", f"the link {text}", path) for path, text in link_loops.problems(HOME / "dags").items()]
    for twice in duplicates(files):
        next(found for found in files if found.file == twice.file).problems.append(twice)
    return {
        "files": [
            {"file": found.file, "seconds": round(found.seconds, 3), "dags": found.dags,
             "problems": [asdict(each) for each in found.problems]}
            for found in files
        ],
        "problems": [asdict(each) for each in (*first, *links)],
        "import_timeout": conf.getfloat("core", "dagbag_import_timeout"),
        "seconds": round(time.monotonic() - started, 3),
    }  # fmt: skip


def main() -> None:
    """Print the report. Airflow itself is imported after its secrets are there.

    As the container's first process, which none of its others can kill, whatever a file does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    throwaway.make_secrets(throwaway.request()["secrets"])
    throwaway.answer(check())


if __name__ == "__main__":
    main()
