"""One DAG file, imported in a process of its own as the scheduler does it: what is in it, and what is wrong with it."""

from __future__ import annotations

import linecache
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from airflow_stack_runtime.verbs.apart import Ending, apart
from airflow_stack_runtime.verbs.dag_references import Lookups, Reference, in_code, in_dag

FRAMES = 5
"""Lines of the user's code that a traceback shows: the last ones."""
ADVICE = "AIRFLOW_STACK_MEMORY_ADVICE"
"""Says how the container is given more memory."""
REMEDY = "look for os._exit, sys.exit and os.kill in it and in what it imports"
OF_SEGFAULT = "signal 11: look for a recursion without end in it, or a C extension that it imports"
"""Where the process has read or written memory that is not its own: SIGSEGV."""


@dataclass(frozen=True)
class Problem:
    """What keeps a file, or a DAG in it, from being what it is meant to be."""

    kind: str
    message: str
    file: str = ""
    line: int = 0
    source: str = ""
    traceback: list[str] = field(default_factory=list)


@dataclass
class Found:
    """What the import of one file has shown."""

    file: str
    seconds: float = 0.0
    dags: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


def examine(path: str, folders: Sequence[str], seconds: float, look: Callable[..., Found] | None = None) -> Found:
    """Import the file in a child of this process, and say what became of it.

    ``folders`` hold the user's code. After ``seconds`` the child is killed, as the scheduler would.
    """
    started = time.monotonic()
    ending = apart(lambda: _looked_at(look or imported, path, folders), seconds)
    found = ending.result or Found(path, problems=[unfinished(ending, "the import", path, seconds)])
    found.seconds = found.seconds or time.monotonic() - started
    return found


def _looked_at(look: Callable[..., Found], path: str, folders: Sequence[str]) -> Found:
    try:
        return look(path, folders)
    except SystemExit as error:
        return Found(path, problems=[problem(error, folders, path, "crash")])


def unfinished(ending: Ending[Any], what: str, path: str, seconds: float) -> Problem:
    """Why there is no result of the child that did ``what``, and what to do."""
    if ending.kind == "timeout":
        text = f"never ends: killed after core.dag_file_processor_timeout, {seconds:g} s; do that work in a task"
    elif ending.kind == "memory":
        advice = os.environ.get(ADVICE, "give it more")
        text = f"takes all memory, {ending.text}, and was killed: do that work in a task, or {advice}"
    else:
        remedy = OF_SEGFAULT if ending.code == -signal.SIGSEGV else REMEDY
        text = f"ends the whole process, {ending.text}; {remedy}"
    return Problem(ending.kind, f"{what} {text}", path)


def imported(path: str, folders: Sequence[str]) -> Found:
    """Import the file in this process, into a bag of its own, and look at its DAGs."""
    from airflow.exceptions import AirflowDagCycleException, AirflowTaskTimeout
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG

    found = Found(path)
    again: list[str] = []

    class Bag(DagBag):
        def bag_dag(self, dag: Any, root_dag: Any) -> None:
            if dag.dag_id in self.dags:
                again.append(dag.dag_id)
            super().bag_dag(dag, root_dag)

    lookups = Lookups(lambda: place(traceback.extract_stack(), folders))
    lookups.watch()
    bag = Bag(path, collect_dags=False, include_examples=False)
    failures = Failures()
    bag.log.addHandler(failures)
    started = time.monotonic()
    bag.process_file(path, only_if_updated=False)
    found.seconds = time.monotonic() - started
    kinds = {AirflowDagCycleException: "cycle", AirflowTaskTimeout: "timeout"}
    for error in failures.errors:
        kind = next((name for type_, name in kinds.items() if isinstance(error, type_)), "import")
        found.problems.append(problem(error, folders, path, kind))
    if lookups.references and found.problems:
        names = ", ".join(sorted({f"{each.kind} {each.name}" for each in lookups.references}))
        hint = f"the value was a placeholder: {names}"
        found.problems = [Problem(**{**asdict(each), "message": f"{each.message} ({hint})"}) for each in found.problems]
    found.problems += [Problem("duplicate", f"two DAGs of this file are called {name}", path) for name in again]
    found.dags = sorted(bag.dags)
    found.references = lookups.references
    for dag in bag.dags.values():
        try:
            SerializedDAG.to_dict(dag)
        except Exception as error:
            found.problems.append(Problem("import", f"DAG {dag.dag_id} can't be stored: {error}", path))
        found.references += [Reference(**{**asdict(each), "file": path}) for each in in_dag(dag)]
    found.references += _in_loaded_code(path, folders)
    return found


def _in_loaded_code(path: str, folders: Sequence[str]) -> Iterator[Reference]:
    """Of the file itself, and of what it has imported from the user's folders."""
    modules = {str(getattr(module, "__file__", "") or "") for module in list(sys.modules.values())}
    for file in sorted({path, *(name for name in modules if _ours(name, folders))}):
        try:
            yield from in_code(Path(file).read_text(encoding="utf-8"), file)
        except (OSError, SyntaxError, ValueError):
            continue


class Failures(logging.Handler):
    """The exceptions that Airflow's DagBag logs, where all else that it keeps of them is text."""

    def __init__(self) -> None:
        """None yet."""
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it; one that is logged twice is one."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and error not in self.errors:
            self.errors.append(error)


def problem(error: BaseException, folders: Sequence[str], path: str, kind: str) -> Problem:
    """The exception with the last line of the user's that has led to it."""
    text = " ".join(str(error).split("\n", 1)[0].split())
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if kind == "crash":
        message = f"the import ends the whole process: {message}; {REMEDY}"
    if kind == "timeout":
        message = "the import takes longer than core.dagbag_import_timeout allows"
    if _without_network(error):
        message += " (the check has no network)"
    if isinstance(error, SyntaxError) and error.filename and _ours(error.filename, folders):
        source = (error.text or linecache.getline(error.filename, error.lineno or 0)).strip()
        return Problem(kind, f"{type(error).__name__}: {error.msg}", error.filename, error.lineno or 0, source)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _ours(frame.filename, folders)]
    if not frames:
        return Problem(kind, message, path)
    last = frames[-1]
    shown = [f"{frame.filename}:{frame.lineno}: {frame.line}" for frame in frames[-FRAMES:]]
    return Problem(kind, message, last.filename, last.lineno or 0, last.line or "", shown)


def _without_network(error: BaseException | None) -> bool:
    return error is not None and (
        isinstance(error, socket.gaierror) or _without_network(error.__cause__ or error.__context__)
    )


def place(stack: Sequence[traceback.FrameSummary], folders: Sequence[str]) -> tuple[str, int]:
    """File and line of the user's that is running; empty and 0 where none is."""
    for frame in reversed(stack):
        if _ours(frame.filename, folders):
            return frame.filename, frame.lineno or 0
    return "", 0


def _ours(file: str, folders: Sequence[str]) -> bool:
    return any(file.startswith(f"{folder}/") for folder in folders)
