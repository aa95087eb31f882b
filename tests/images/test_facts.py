"""facts.py: what the metadata database and the broker say of the stack."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime import database as driver
from airflow_stack_runtime import migrations
from airflow_stack_runtime.verbs import facts

# The columns that are asked for, of Airflow's own tables. Moments are seconds of now's.
TABLES = """
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE task_instance (state TEXT, queued_dttm REAL, start_date REAL, job_id INTEGER, dag_id TEXT, task_id TEXT,
    run_id TEXT, map_index INTEGER, try_number INTEGER, max_tries INTEGER, hostname TEXT, queue TEXT, end_date REAL,
    pool TEXT, pool_slots INTEGER DEFAULT 1, updated_at REAL);
CREATE TABLE dag_run (dag_id TEXT, run_id TEXT, state TEXT, run_type TEXT);
CREATE TABLE slot_pool (pool TEXT, slots INTEGER);
CREATE TABLE log (dag_id TEXT, task_id TEXT, run_id TEXT, map_index INTEGER, try_number INTEGER, extra TEXT, dttm REAL,
    event TEXT);
CREATE TABLE job (id INTEGER, job_type TEXT, hostname TEXT, state TEXT, latest_heartbeat REAL);
CREATE TABLE import_error (filename TEXT, stacktrace TEXT);
CREATE TABLE dag (is_active BOOLEAN, is_paused BOOLEAN, dag_id TEXT, last_parsed_time REAL);
INSERT INTO alembic_version VALUES ('head');
"""
TRACE = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 228, in _call_with_frames_removed
  File "/opt/airflow/dags/broken.py", line 3, in <module>
    import nowhere
  File "/opt/airflow/dags/broken.py", line 9, in inner
    raise
ModuleNotFoundError: No module named 'nowhere'
"""


class Cursor:
    """As a driver's, over SQLite's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.cursor = connection.cursor()

    def execute(self, query: str, values: Sequence[Any] | None = None) -> None:
        self.cursor.execute(query.replace("%s", "?"), values or ())

    def fetchall(self) -> list[Any]:
        return self.cursor.fetchall()


class Database:
    """As a driver's connection."""

    def __init__(self) -> None:
        self.sqlite = sqlite3.connect(":memory:")
        self.sqlite.executescript(TABLES)
        self.closed = False

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        yield Cursor(self.sqlite)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty database at the head, of a dialect that SQLite speaks."""
    found = Database()
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite://jane:hunter2@db/airflow")
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "sqs://")
    monkeypatch.setattr(driver, "connect", lambda *_: found)
    monkeypatch.setitem(facts.AGE, "sqlite", "(1000 - {0})")
    monkeypatch.setitem(facts.DATABASE, "sqlite", "SELECT 'PostgreSQL 14.13 (Debian)', 1000.5, 4096")
    monkeypatch.setitem(facts.TABLES, "sqlite", "SELECT 'log', 2048")
    monkeypatch.setattr(migrations, "revisions", lambda: (frozenset({"head"}), "head"))
    return found


def test_an_empty_stack(database: Database) -> None:
    """Rule: every fact is there, and nothing is made up."""
    found = facts.collect()
    assert found["database"]["version"] == "14.13"
    assert (found["database"]["revision"], found["database"]["head"]) == ("head", "head")
    assert (found["database"]["size"], found["database"]["tables"]) == (4096, {"log": 2048})
    assert found["tasks"]["running"] == {"count": 0, "oldest": None}
    assert (found["jobs"], found["abandoned"], found["dags"]) == ([], 0, {"active": 0, "paused": 0})
    assert found["import_errors"] == {"count": 0, "files": []}
    assert found["broker"] == {"kind": "sqs"}
    assert abs(found["time"] - time.time()) < 60
    assert database.closed


def test_tasks_and_jobs(database: Database) -> None:
    """Rule: tasks by state with the oldest one's age; jobs that run with that of their heartbeat; who is abandoned."""
    database.sqlite.executescript("""
        INSERT INTO task_instance (state, queued_dttm, start_date, job_id) VALUES
            ('queued', 900, NULL, NULL), ('queued', 700, NULL, NULL),
            ('running', 100, 990, 1), ('running', 100, 600, 2), ('success', 1, 1, 1), ('deferred', 1, 995, NULL);
        INSERT INTO job VALUES (1, 'LocalTaskJob', 'w', 'running', 999), (2, 'LocalTaskJob', 'w', 'running', 500),
            (3, 'SchedulerJob', 'new', 'running', 998), (4, 'SchedulerJob', 'old', 'failed', 1),
            (5, 'TriggererJob', 't', 'running', 990);
        INSERT INTO dag (is_active, is_paused) VALUES (1, 0), (1, 1), (0, 1);
    """)
    found = facts.collect()
    assert found["tasks"] == {
        "running": {"count": 2, "oldest": 400.0},
        "queued": {"count": 2, "oldest": 300.0},
        "deferred": {"count": 1, "oldest": 5.0},
        "scheduled": {"count": 0, "oldest": None},
    }
    assert [(job["type"], job["host"], job["age"]) for job in found["jobs"]] == [
        ("SchedulerJob", "new", 2.0),
        ("TriggererJob", "t", 10.0),
    ]
    assert found["abandoned"] == 1
    assert found["dags"] == {"active": 2, "paused": 1}


def test_work_alone(database: Database) -> None:
    """Rule: `facts work` asks what a verb needs that stops tasks, and for DAGs that can't run."""
    database.sqlite.execute("INSERT INTO task_instance (state, start_date) VALUES ('running', 1)")
    found = facts.collect(work=True)
    assert sorted(found) == [
        "blocking", "cut_off", "killed", "parsing", "passed_over", "refused", "running", "tasks", "time", "unserved",
        "waiting", "without_pool",
    ]  # fmt: skip
    assert found["tasks"]["running"]["count"] == 1


def test_who_is_at_work_and_who_was_cut_off(database: Database) -> None:
    """Rule: by name and host; what became of those that were cut off in the last hour, the deleted ones too."""
    database.sqlite.executescript("""
        INSERT INTO task_instance
            (state, start_date, dag_id, task_id, run_id, map_index, try_number, max_tries, hostname) VALUES
            ('running', 990, 'd', 't', 'r', 3, 2, 2, 'af-worker-1'), ('failed', 1, 'd', 'o', 'r', -1, 1, 0, 'w');
        INSERT INTO log VALUES ('d', 't', 'r', 3, 1, 'after 45 s: stopped', 900, 'cut off'),
            ('d', 'o', 'r', -1, 1, 'after 9 s: stopped', 950, 'cut off'),
            ('d', 'gone', 'r', -1, 1, NULL, 800, 'cut off'),
            ('d', 't', 'r', 3, 1, 'old', -5000, 'cut off'), ('d', 't', 'r', 3, 1, '', 990, 'running');
    """)
    found = facts.collect(work=True)
    name = {"dag": "d", "task": "t", "run": "r", "map_index": 3}
    assert found["running"] == [{**name, "try": 2, "host": "af-worker-1", "seconds": 10.0}]
    assert [(one["task"], one["age"], one["said"], one["state"], one["last_try"]) for one in found["cut_off"]] == [
        ("o", 50.0, "after 9 s: stopped", "failed", 1),
        ("t", 100.0, "after 45 s: stopped", "running", 2),
        ("gone", 200.0, "", None, None),
    ]


def test_dags_that_cannot_run(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: tasks that wait in an unserved queue or failed for it lately, refused files, and what was passed over."""
    rows = [
        ("d", "served", "default", "queued", None),
        ("d", "waits", "gpu", "queued", None),
        ("d", "waits", "gpu", "up_for_retry", 900),
        ("d", "failed", "gpu", "failed", 500),
        ("d", "failed_long_ago", "gpu", "failed", -5000),
        ("d", "ran", "gpu", "success", 900),
    ]
    columns = "dag_id, task_id, queue, state, end_date"
    database.sqlite.executemany(f"INSERT INTO task_instance ({columns}) VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608
    database.sqlite.executescript("""
        INSERT INTO import_error VALUES ('/opt/airflow/dags/q.py', 'AirflowClusterPolicyViolation: DAG x'),
            ('/opt/airflow/dags/r.py', 'ParsingEnded: never'), ('/opt/airflow/dags/s.py', 'SyntaxError: x'),
            ('/opt/airflow/dags/t.py', 'AirflowDagDuplicatedIdException: DAG t is in u.py too');
        INSERT INTO slot_pool VALUES ('default_pool', 128);
        INSERT INTO task_instance (dag_id, task_id, state, pool) VALUES ('p', 't', 'scheduled', 'gone'),
            ('p', 'u', 'scheduled', 'default_pool'), ('p', 'v', 'success', 'gone');
        INSERT INTO log (dag_id, event, extra, dttm) VALUES ('late', 'airflow_stack_passed_over', 'TypeError: x', 100),
            ('now', 'airflow_stack_passed_over', 'TypeError: y', 990), ('other', 'success', NULL, 990);
        INSERT INTO log (dag_id, task_id, event, extra, dttm) VALUES ('old', 't', 'airflow_stack_blocks', 'x', 100),
            ('d', 't', 'airflow_stack_blocks', 'blocks all', 990);
    """)
    found = facts.collect(work=True)
    assert found["unserved"] == []  # without the variable there are no queues
    monkeypatch.setenv("AIRFLOW_STACK_QUEUES", "")
    found = facts.collect(work=True)
    assert [(one["task"], one["queue"], one["count"]) for one in found["unserved"]] == [
        ("failed", "gpu", 1),
        ("waits", "gpu", 2),
    ]
    assert found["passed_over"] == [{"dag": "now", "what": "TypeError: y"}]
    assert found["blocking"] == [{"dag": "d", "task": "t", "what": "blocks all"}]
    assert [one["file"] for one in found["refused"]] == [f"/opt/airflow/dags/{name}.py" for name in "qrt"]
    assert found["without_pool"] == [{"dag": "p", "task": "t", "pool": "gone", "count": 1}]
    monkeypatch.setenv("AIRFLOW_STACK_OTHER_QUEUES", "gpu")
    assert facts.collect(work=True)["unserved"] == []


def test_tasks_killed_for_memory(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what the supervisor has recorded of the last day, the latest first; other events are none of it."""
    monkeypatch.setattr(facts, "KILLED_WITHIN", 500)
    database.sqlite.executescript("""
        INSERT INTO log (dttm, dag_id, task_id, run_id, try_number, event, extra) VALUES
            (400, 'old', 't', 'r', 1, 'killed for memory', '{}'),
            (900, 'a', 't', 'r', 1, 'killed for memory', '{"limit": 640}'),
            (950, 'b', 't', 'r', 2, 'killed for memory', '{"limit": 640}'),
            (990, 'c', 't', 'r', 2, 'failed', '{}');
    """)
    assert facts.collect(work=True)["killed"] == [
        {"dag": "b", "task": "t", "run": "r", "try": 2, "age": 50.0, "limit": 640},
        {"dag": "a", "task": "t", "run": "r", "try": 1, "age": 100.0, "limit": 640},
    ]


def test_import_errors(database: Database) -> None:
    """Rule: the error in one line, and the deepest line of the DAG's own file; never more files than a few."""
    rows = [(f"/opt/airflow/dags/x{number:03}.py", TRACE) for number in range(30)]
    rows[0] = ("/opt/airflow/dags/broken.py", TRACE)
    database.sqlite.executemany("INSERT INTO import_error VALUES (?, ?)", rows)
    found = facts.collect()["import_errors"]
    assert found["count"] == 30
    assert len(found["files"]) == facts.IMPORT_ERRORS
    broken = next(one for one in found["files"] if one["file"].endswith("broken.py"))
    assert broken["line"] == 9
    assert broken["error"] == "ModuleNotFoundError: No module named 'nowhere'"


@pytest.mark.parametrize(("trace", "error"), [("", ""), ("one\n\n", "one"), ("x" * 999, "x" * facts.TEXT)])
def test_a_trace_of_any_kind_is_one_line(trace: str, error: str) -> None:
    """Rule: no trace is too short or too long."""
    assert facts.blame("/dags/a.py", trace) == {"line": None, "error": error}


@pytest.mark.usefixtures("database")
def test_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one that does not answer is a fact like any other, without the connection string."""

    def refuse(*_: Any) -> Any:
        raise ConnectionError("could not connect with postgresql://jane:hunter2@db/airflow")

    monkeypatch.setattr(driver, "connect", refuse)
    found = facts.collect()
    assert "The database server db does not answer" in found["database"]["problem"]
    assert "hunter2" not in json.dumps(found)
    assert found["broker"] == {"kind": "sqs"}


def test_a_database_before_its_migration(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: tables that are not there are a fact too."""
    monkeypatch.setattr(facts, "NO_TABLE", ("OperationalError",))
    database.sqlite.execute("DROP TABLE task_instance")
    found = facts.collect()
    assert found["database"]["problem"] == "The database has no tables of this Airflow."
    assert found["database"]["head"] == "head"


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A server that answers Redis's protocol with what it is told to."""
    says = SimpleNamespace(answers=[b"+OK", b":7", b":2"], heard=b"")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server.accept()[0] as connection:
            for answer in says.answers:
                says.heard += connection.recv(4096)
                connection.sendall(answer + b"\r\n")

    threading.Thread(target=serve, daemon=True).start()
    port = server.getsockname()[1]
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", f"redis://:hunter2@127.0.0.1:{port}/0")
    yield says
    server.close()


def test_redis(database: Database, redis: SimpleNamespace) -> None:  # noqa: ARG001 - the environment
    """Rule: how many tasks wait in the default queue, and how many workers have taken and not acknowledged."""
    assert facts._broker() == {"kind": "redis", "queue": "default", "waiting": 7, "taken": 2}
    assert b"LLEN" in redis.heard


def test_redis_that_refuses(database: Database, redis: SimpleNamespace) -> None:  # noqa: ARG001 - the environment
    """Rule: what it refuses by is told, the password is not."""
    redis.answers = [b"-WRONGPASS invalid username-password pair: hunter2"]
    found = facts._broker()
    assert found == {"kind": "redis", "problem": "Redis does not answer: Redis refuses: WRONGPASS"}


def test_a_broker_that_nobody_speaks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: no broker, or one of another kind, is no problem."""
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "amqp://jane:hunter2@mq")
    assert facts._broker() is None


def test_what_is_printed(
    database: Database,  # noqa: ARG001 - the environment
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rule: one line behind the marker, exit code 0; words that are not known end with 2."""
    ended: list[int] = []

    def leave(status: int) -> None:
        ended.append(status)
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    for arguments in (["work"], ["rubbish"]):
        with pytest.raises(SystemExit):
            facts.main(arguments)
    (line,) = capsys.readouterr().out.splitlines()
    assert "tasks" in json.loads(line.removeprefix(facts.MARKER))
    assert ended == [0, 2]


def test_without_a_database_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rule: what is not set is said by its name, with exit code 1."""
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", raising=False)
    monkeypatch.setattr("airflow_stack_runtime.options.SECRETS", tmp_path)

    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit, match="1"):
        facts.main([])
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN is not set" in capsys.readouterr().err


def test_who_waits_for_a_slot(database: Database) -> None:
    """Rule: by DAG, those at work first; what is paused, has a full pool or a run that is over waits for none."""
    database.sqlite.executescript("""
        INSERT INTO slot_pool VALUES ('default_pool', 128), ('full', 2), ('endless', -1);
        INSERT INTO dag (dag_id, is_active, is_paused) VALUES ('big', 1, 0), ('small', 1, 0), ('paused', 1, 1),
            ('own', 1, 0), ('over', 1, 0), ('endless', 1, 0);
        INSERT INTO dag_run SELECT dag_id, 'r', 'running', 'manual' FROM dag;
        UPDATE dag_run SET state = 'failed' WHERE dag_id = 'over';
    """)
    rows = [
        ("big", "running", "default_pool", 1, 0), ("big", "queued", "full", 2, 0),
        ("big", "scheduled", "default_pool", 1, 900), ("big", "scheduled", "default_pool", 1, 950),
        ("small", "scheduled", "default_pool", 1, 930), ("small", "success", "default_pool", 1, 0),
        ("paused", "scheduled", "default_pool", 1, 0), ("own", "scheduled", "full", 1, 0),
        ("over", "scheduled", "default_pool", 1, 0), ("endless", "scheduled", "endless", 1, 990),
    ]  # fmt: skip
    columns = "dag_id, state, pool, pool_slots, updated_at, run_id"
    database.sqlite.executemany(f"INSERT INTO task_instance ({columns}) VALUES (?, ?, ?, ?, ?, 'r')", rows)  # noqa: S608
    found = {one.pop("dag"): one for one in facts.collect(work=True)["waiting"]}
    assert found == {
        "big": {"count": 2, "oldest": 100.0, "at_work": 2},
        "small": {"count": 1, "oldest": 70.0, "at_work": 0},
        "endless": {"count": 1, "oldest": 10.0, "at_work": 0},
    }
    assert next(iter(found)) == "big"


def test_when_a_file_was_read_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: of the DAGs that are there; and how often its process was started anew in the last hour."""
    assert facts.collect(work=True)["parsing"] == {"last": None, "interval": 30.0, "restarts": 0, "how": ""}
    monkeypatch.setenv("AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL", "10")
    database.sqlite.executescript("""
        INSERT INTO dag (dag_id, is_active, is_paused, last_parsed_time) VALUES ('a', 1, 0, 400), ('b', 1, 0, 500),
            ('gone', 0, 0, 999);
        INSERT INTO log (event, extra, dttm) VALUES ('airflow_stack_parser_restarted', 'it stood still', 900),
            ('airflow_stack_parser_restarted', 'it stood still', -5000), ('success', NULL, 990);
    """)
    expected = {"last": 500.0, "interval": 10.0, "restarts": 1, "how": "it stood still"}
    assert facts.collect(work=True)["parsing"] == expected
