"""The scheduler's loop and the parsing of files go on when one DAG fails them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.patches import one_dag, parsing

NOW = datetime(2024, 5, 1, tzinfo=UTC)


class DatabaseError(Exception):
    """As SQLAlchemy's."""


class Session:
    def __init__(self) -> None:
        self.rows: list[Any] = []

    def add(self, row: Any) -> None:
        self.rows.append(row)


@pytest.fixture(autouse=True)
def airflow(stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("airflow.utils.timezone", utcnow=lambda: NOW)
    stand_in("airflow.utils", timezone=SimpleNamespace(utcnow=lambda: NOW))
    stand_in("airflow.models.log", Log=lambda **values: SimpleNamespace(**values))
    stand_in("sqlalchemy.exc", SQLAlchemyError=DatabaseError)
    monkeypatch.setattr(one_dag, "_told", {})


def boom(*_: Any) -> None:
    raise RuntimeError("rule raises")


def test_a_run_that_cannot_be_scheduled_is_passed_over() -> None:
    """Rule: it waits for its next turn, and is told of once a minute, with the place of the exception."""
    session, run = Session(), SimpleNamespace(dag_id="d", run_id="r", last_scheduling_decision=None)
    schedule = one_dag.each_run(boom)
    assert schedule(None, run, session) is None
    assert schedule(None, run, session) is None
    assert run.last_scheduling_decision == NOW
    (row,) = session.rows
    assert (row.event, row.dag_id, row.run_id) == (one_dag.EVENT, "d", "r")
    assert "RuntimeError: rule raises" in row.extra
    assert "test_one_dag.py, line" in row.extra


def test_an_error_of_the_database_is_airflows_own() -> None:
    """Rule: it is tried again, or ends the scheduler: the session is of no use."""

    def lost(*_: Any) -> None:
        raise DatabaseError

    run = SimpleNamespace(dag_id="d", run_id="r")
    with pytest.raises(DatabaseError):
        one_dag.each_run(lost)(None, run, Session())
    with pytest.raises(DatabaseError):
        one_dag.each_dag(lost)(None, [run], Session())


def test_the_other_dags_get_their_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one by one where all at once fails; the one to blame comes back after a minute, and leaves no half run."""
    made: list[str] = []
    undone: list[list[str]] = []
    monkeypatch.setattr(one_dag, "undo", lambda _, models, __: undone.append([model.dag_id for model in models]))

    def create(_: Any, models: list[Any], session: Any) -> None:  # noqa: ARG001
        for model in models:
            if model.dag_id == "bad":
                raise RuntimeError("timetable raises")
            made.append(model.dag_id)

    models = [SimpleNamespace(dag_id=name, next_dagrun_create_after=NOW) for name in ("bad", "good", "better")]
    session = Session()
    one_dag.each_dag(create)(None, models, session)
    assert made == ["good", "better"]
    assert undone == [["bad", "good", "better"], ["bad"]]
    assert [(model.next_dagrun_create_after - NOW).total_seconds() for model in models] == [one_dag.AGAIN, 0, 0]
    assert [row.dag_id for row in session.rows] == ["bad"]


def terminate_parent() -> None:
    """A file that does so, and goes on for a while."""
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)


class SignalledError(Exception):
    """What the manager, which is this process, gets."""


@pytest.fixture
def parse() -> Iterator[Callable[[Callable[[], None]], int]]:
    """Do it as the parsing of a file, in a process that this one starts as the manager; how that has ended."""

    def handler(*_: Any) -> None:
        raise SignalledError

    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(work: Callable[[], None]) -> int:
        # As Airflow's own way: its processes are those of multiprocessing, and forks.
        process = multiprocessing.get_context("fork").Process(target=parsing.apart(work))
        process.start()
        process.join(10)
        stopped = process.is_alive()
        process.kill()
        process.join()
        assert process.exitcode is not None
        return 0 if stopped else process.exitcode

    yield run
    for number, was in before.items():
        signal.signal(number, was)


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: os.killpg(0, signal.SIGKILL), -signal.SIGKILL),
        (terminate_parent, -signal.SIGTERM),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), -signal.SIGSEGV),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
        (lambda: os._exit(3), 3),
        (lambda: None, 0),
    ],
    ids=["group", "parent", "crash", "itself", "exit", "good"],
)
def test_a_file_cannot_signal_the_parsing_of_the_others(
    parse: Callable[[Callable[[], None]], int], work: Callable[[], None], code: int
) -> None:
    """Rule: what it sends to its group or its parent ends its own parsing alone; how it has ended is told as it is."""
    assert parse(work) == code


def test_the_process_of_a_file_ends_with_the_one_between(tmp_path: Path) -> None:
    """Rule: killed for its time, or with the manager, nothing of the parsing is left."""

    def hang() -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        (tmp_path / "pid").rename(tmp_path / "written")
        time.sleep(60)

    process = multiprocessing.get_context("fork").Process(target=parsing.apart(hang))
    process.start()
    try:
        wait((tmp_path / "written").exists)
        child = int((tmp_path / "written").read_text())
        assert child != process.pid
    finally:
        process.kill()
        process.join()
    wait(lambda: state(child) in ("", "Z"))


def state(pid: int) -> str:
    """As the kernel has it: Z has ended; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def wait(condition: Callable[[], bool]) -> None:
    """At most ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "with exit code 3"),
        (-9, "by signal SIGKILL: out of memory?"),
        (-11, "by signal SIGSEGV, signal 11: a recursion without end, or a C extension"),
        (None, "None"),
    ],
)
def test_an_ending_in_words(code: int | None, words: str) -> None:
    """Rule: a signal by its name, and what SIGKILL mostly means."""
    assert words in parsing.ending(code)


class Ended:
    """As Airflow's process of a file, whose pipe is closed a moment before it has ended."""

    def __init__(self, result: Any, code: int, path: str) -> None:
        self._result, self.exit_code, self.file_path = result, code, path
        self._process = SimpleNamespace(join=self.wait)
        self._waited_for = False

    def wait(self) -> None:
        self._waited_for = True

    @property
    def result(self) -> Any:
        if not self._waited_for:
            raise RuntimeError("Tried to get the result before it's done!")
        return self._result


def test_files_that_end_their_process_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: by an import error, whether the process ended by itself or was killed."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(parsing, "record", lambda path, _, text: told.append((path, text)))
    collect = parsing.told(lambda _, processor: processor.result)
    manager = SimpleNamespace(
        _processors={"hangs.py": 1, "good.py": 2},
        _processor_timeout=timedelta(seconds=50),
        get_dag_directory=lambda: "dags",
    )
    collect(manager, Ended((1, 0, 0), 0, "good.py"))
    collect(manager, Ended(None, 3, "exits.py"))
    parsing.told_of_timeouts(lambda self: self._processors.pop("hangs.py"))(manager)
    assert [path for path, _ in told] == ["exits.py", "hangs.py"]
    assert "exit code 3" in told[0][1]
    assert "killed after core.dag_file_processor_timeout, 50 s" in told[1][1]


class ImportErrors(Session):
    """The table, as the session of a stand-in has it."""

    def query(self, _: Any) -> SimpleNamespace:
        return SimpleNamespace(filter=lambda name: SimpleNamespace(delete=lambda: self.forget(name)))

    def forget(self, name: str) -> None:
        self.rows = [row for row in self.rows if row.filename != name]

    def clear(self, files: list[str], directory: str) -> None:
        """As Airflow's ``clear_nonexistent_import_errors``: NULL equals nothing."""
        self.rows = [row for row in self.rows if row.filename in files or row.processor_subdir != directory]


class Column:
    """Compared, it is the condition."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return other


class ParseImportError(SimpleNamespace):
    """As Airflow's: what it is not given is NULL."""

    filename: Any = Column()
    processor_subdir = None


@pytest.fixture
def import_errors(stand_in: Callable[..., ModuleType]) -> ImportErrors:
    found = ImportErrors()
    stand_in("airflow.models.errors", ParseImportError=ParseImportError)
    stand_in("airflow.utils.session", create_session=lambda: nullcontext(found))
    return found


def test_what_is_told_of_a_file_goes_with_it(import_errors: ImportErrors) -> None:
    """Rule: an import error of a file that was deleted is removed by Airflow, which compares the folder parsed."""
    manager = SimpleNamespace(get_dag_directory=lambda: "dags")
    collect = parsing.told(lambda _, processor: processor.result)
    for _ in range(2):
        collect(manager, Ended(None, 3, "exits.py"))
    assert [row.filename for row in import_errors.rows] == ["exits.py"]
    import_errors.clear(["exits.py"], "dags")
    assert len(import_errors.rows) == 1
    import_errors.clear(["good.py"], "dags")
    assert import_errors.rows == []


@pytest.fixture
def twins(stand_in: Callable[..., ModuleType], tmp_path: Path) -> SimpleNamespace:
    """Files a.py and b.py, and what the database says that the DAG d is in."""
    found = SimpleNamespace(a=str(tmp_path / "a.py"), b=str(tmp_path / "b.py"), rows=[])
    for file in (found.a, found.b):
        Path(file).touch()
    query = SimpleNamespace(filter=lambda *_: found.rows)
    found.session = SimpleNamespace(query=lambda *_: query)
    column = SimpleNamespace(in_=lambda _: True)
    stand_in("airflow.models.dag", DagModel=SimpleNamespace(dag_id=column, fileloc=column, is_active=True))

    def parse(file: str) -> list[tuple[Any, ...]]:
        told: list[tuple[Any, ...]] = []
        dags = [SimpleNamespace(dag_id="d", fileloc=file)]
        write = parsing.looking_for_twins(lambda *_, **__: None)
        process = parsing.told_of_twins(lambda *_: write(None, dags, session=found.session))
        record = parsing.record
        parsing.record = lambda *given: told.append(given)
        try:
            process(SimpleNamespace(_dag_directory="dags"), file)
        finally:
            parsing.record = record
        return told

    found.parse = parse
    return found


def test_a_dag_that_is_in_two_files_is_told_of_by_both(twins: SimpleNamespace) -> None:
    """Rule: as an import error of the file that has taken the DAG, which names the other one."""
    twins.rows = [("d", twins.a)]
    ((path, directory, text, kind),) = twins.parse(twins.b)
    assert (path, directory, kind) == (twins.b, "dags", parsing.TWICE)
    assert f"DAG 'd' is in {twins.a} too" in text
    twins.rows = [("d", twins.b)]
    assert len(twins.parse(twins.a)) == 1


def test_a_dag_that_was_moved_is_no_twin(twins: SimpleNamespace) -> None:
    """Rule: nor is one in its own file, nor a new one; and what was told of one file is not told of the next."""
    assert twins.parse(twins.a) == []
    twins.rows = [("d", twins.a)]
    assert twins.parse(twins.a) == []
    Path(twins.a).unlink()
    assert twins.parse(twins.b) == []


@pytest.mark.parametrize(
    ("code", "how"), [(None, "it stood still"), (-9, "it ended, by signal SIGKILL: out of memory?")]
)
def test_a_manager_that_was_started_anew_is_recorded(
    stand_in: Callable[..., ModuleType], code: int | None, how: str
) -> None:
    """Rule: each time, and how the last one ended; its first start is none."""
    session = Session()
    stand_in("airflow.utils.session", create_session=lambda: nullcontext(session))
    old, new = SimpleNamespace(exitcode=code), SimpleNamespace(exitcode=None)
    agent = SimpleNamespace(_process=old, next=new)

    def heartbeat(agent: Any) -> None:
        agent._process = agent.next

    check = parsing.told_of_restarts(heartbeat)
    check(agent)
    assert [(row.event, row.extra) for row in session.rows] == [(parsing.RESTARTED, how)]
    check(agent)
    agent._process, agent.next = None, old
    check(agent)
    assert len(session.rows) == 1
