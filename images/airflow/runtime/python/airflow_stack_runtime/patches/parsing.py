"""Keeps one DAG file from stopping the others while it is parsed, and says in the UI what became of it.

Each file is parsed in a process of its own, which Airflow kills after ``core.dag_file_processor_timeout``. Some things
are left, and are replaced here:

- A file that signals its process group, or its parent, ends or stops the manager again and again: no other file is
  read.
- A file whose process is killed, or ends by itself, is told of in a log of the scheduler alone.
- A DAG that a cluster policy refuses is an import error of its file, and with an import error no DAG of the file is
  scheduled: https://github.com/apache/airflow/blob/2.10.2/airflow/models/dag.py, ``dags_needing_dagruns``.
- Two files with one DAG id take the DAG from each other, and nobody says so.
- The manager may end, or stand still, again and again; that is told in the log of the scheduler alone.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

from airflow_stack_runtime.patches import link_loops

ENDED = "ParsingEnded: "
"""What an import error begins with that is none of Python's."""
NEVER = (
    "parsing this file never ends: killed after core.dag_file_processor_timeout, {:g} s; where dags check finds"
    " nothing, it is a callback of its DAGs, on_failure_callback or sla_miss_callback"
)
"""Callbacks of DAGs run in the process that parses their file. Seconds."""
HINTS = {
    signal.SIGKILL: ": out of memory?",
    signal.SIGSEGV: ", signal 11: a recursion without end, or a C extension",
}
"""What a signal mostly means that ends a process."""
REFUSED = "AirflowClusterPolicyViolation: "
TWICE = "AirflowDagDuplicatedIdException: "
"""As Airflow's own, of two DAGs in one file."""
RESTARTED = "airflow_stack_parser_restarted"
"""Event of the manager's in Airflow's table ``log``."""
DEATH_OF_PARENT = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""

log = logging.getLogger(__name__)


def apply() -> None:
    """Install it in the scheduler, of which the parsing processes are forks."""
    from airflow.dag_processing.manager import DagFileProcessorAgent, DagFileProcessorManager
    from airflow.dag_processing.processor import DagFileProcessor, DagFileProcessorProcess
    from airflow.models.dag import DAG

    DagFileProcessorProcess._run_file_processor = staticmethod(apart(DagFileProcessorProcess._run_file_processor))
    collect, kill = (
        DagFileProcessorManager._collect_results_from_processor,
        DagFileProcessorManager._kill_timed_out_processors,
    )
    DagFileProcessorManager._collect_results_from_processor = told(collect)
    DagFileProcessorManager._kill_timed_out_processors = told_of_timeouts(kill)
    DagFileProcessorManager._refresh_dag_dir = told_of_loops(DagFileProcessorManager._refresh_dag_dir)
    DagFileProcessor.process_file = told_of_twins(sparing(DagFileProcessor.process_file))
    DAG.bulk_write_to_db = classmethod(looking_for_twins(DAG.bulk_write_to_db.__func__))
    DagFileProcessorAgent._heartbeat_manager = told_of_restarts(DagFileProcessorAgent._heartbeat_manager)


def apart(parse: Callable[..., None]) -> Callable[..., None]:
    """In a child of the process that the manager starts, and in a process group of its own.

    What a file sends to its parent, or to its group, reaches no more than that process, which waits for the child and
    ends as it has ended. Both still end with the manager.
    """

    @wraps(parse)
    def call(*arguments: Any, **named: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):  # the manager's own handlers, inherited, end its other files
            signal.signal(number, signal.SIG_DFL)
        _end_with_parent()
        between = os.getpid()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            end_as(os.waitstatus_to_exitcode(status))
        _end_with_parent()
        if os.getppid() != between:  # it has ended before this was asked for
            os._exit(1)
        parse(*arguments, **named)

    return call


def _end_with_parent() -> None:
    """Outside its parent's process group. Where the kernel allows neither, parsing goes on as before."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
        os.setpgid(0, 0)


def end_as(code: int) -> NoReturn:
    """With the same exit code, or by the same signal."""
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler that could be set
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def told(collect: Callable[..., None]) -> Callable[..., None]:
    """Of a process that has ended without a result.

    It is waited for: the kernel closes its files, which wakes the manager, a moment before it has ended, and a process
    that seems to live and has no result ends the manager by an AirflowException.
    """

    @wraps(collect)
    def call(self: Any, processor: Any) -> None:
        processor._process.join()
        collect(self, processor)
        if processor.result is None:
            text = f"parsing this file ends its process, {ending(processor.exit_code)}"
            record(processor.file_path, self.get_dag_directory(), text)

    return call


def told_of_timeouts(kill: Callable[..., None]) -> Callable[..., None]:
    """Of processes that were killed for taking too long."""

    @wraps(kill)
    def call(self: Any) -> None:
        before = set(self._processors)
        kill(self)
        for path in before - set(self._processors):
            seconds = self._processor_timeout.total_seconds()
            record(path, self.get_dag_directory(), NEVER.format(seconds))

    return call


def told_of_loops(refresh: Callable[..., bool]) -> Callable[..., bool]:
    """Of links that were passed over: after each look for files, which has removed what was told before."""

    @wraps(refresh)
    def call(self: Any) -> bool:
        refreshed = refresh(self)
        if refreshed:
            for path, text in link_loops.problems(self._dag_directory).items():
                record(path, self.get_dag_directory(), text)
        return refreshed

    return call


_twins: dict[str, str] = {}
"""Of the file that this process parses, the DAGs that another file has too, with that file."""


def looking_for_twins(write: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``DAG.bulk_write_to_db``: what the database says before the DAGs of this file take the place of others."""

    @wraps(write)
    def call(cls: Any, dags: Any, *arguments: Any, **named: Any) -> Any:
        from airflow.models.dag import DagModel

        files = {dag.dag_id: dag.fileloc for dag in dags}
        if session := named.get("session"):
            query = session.query(DagModel.dag_id, DagModel.fileloc)
            for dag_id, file in query.filter(DagModel.dag_id.in_(files), DagModel.is_active):
                if file != files[dag_id] and Path(file).exists():
                    _twins[dag_id] = file
        return write(cls, dags, *arguments, **named)

    return call


def told_of_twins(process: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``process_file``, which has removed the file's import errors: a DAG that was moved is no twin next time."""

    @wraps(process)
    def call(self: Any, file_path: str, *arguments: Any, **named: Any) -> Any:
        _twins.clear()
        result = process(self, file_path, *arguments, **named)
        for dag_id, file in sorted(_twins.items())[:1]:
            more = f", and {len(_twins) - 1} more" if len(_twins) > 1 else ""
            text = (
                f"DAG {dag_id!r}{more} is in {file} too: its runs have the tasks of either file, and some fail; give"
                " one of them another dag_id"
            )
            record(file_path, self._dag_directory, text, TWICE)
        return result

    return call


def told_of_restarts(heartbeat: Callable[..., None]) -> Callable[..., None]:
    """Of a manager that was started anew."""

    @wraps(heartbeat)
    def call(self: Any) -> None:
        before = self._process
        heartbeat(self)
        if before is not None and self._process is not before:
            how = "it stood still" if before.exitcode is None else f"it ended, {ending(before.exitcode)}"
            _record_restart(how)

    return call


def _record_restart(how: str) -> None:
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    try:
        with create_session() as session:
            session.add(Log(event=RESTARTED, owner="airflow-stack", extra=how))
    except Exception:
        log.exception("Could not be told in the database")


def ending(code: int | None) -> str:
    """How a process has ended, in words."""
    if code is not None and code < 0:
        by = signal.Signals(-code)
        return f"by signal {by.name}{HINTS.get(by, '')}"
    return f"with exit code {code}"


def record(path: str, directory: str, text: str, kind: str = ENDED) -> None:
    """As the import error of the file, where the UI and `doctor` show it.

    The next parsing that ends removes it. So does Airflow when the file is gone, and finds it by the ``directory`` that
    is parsed.
    """
    from airflow.models.errors import ParseImportError
    from airflow.utils import timezone
    from airflow.utils.session import create_session

    log.error("%s: %s", path, text)
    try:
        with create_session() as session:
            session.query(ParseImportError).filter(ParseImportError.filename == path).delete()
            session.add(
                ParseImportError(
                    filename=path, timestamp=timezone.utcnow(), stacktrace=kind + text, processor_subdir=directory
                )
            )
    except Exception:
        log.exception("Could not be told in the database")


def sparing(process: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``process_file``: beside a DAG that was refused, those that were read are scheduled."""

    @wraps(process)
    def call(self: Any, file_path: str, *arguments: Any, **named: Any) -> Any:
        from airflow.models.dag import DagModel
        from airflow.models.errors import ParseImportError
        from airflow.utils import timezone
        from airflow.utils.session import create_session

        started = timezone.utcnow()
        result = process(self, file_path, *arguments, **named)
        with create_session() as session:
            errors = session.query(ParseImportError.stacktrace).filter(ParseImportError.filename == file_path).all()
            if errors and all(text.startswith(REFUSED) for (text,) in errors):
                read = (DagModel.fileloc == file_path, DagModel.last_parsed_time >= started)
                session.query(DagModel).filter(*read).update({"has_import_errors": False}, synchronize_session=False)
        return result

    return call
