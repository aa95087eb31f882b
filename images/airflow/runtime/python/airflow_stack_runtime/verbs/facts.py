"""What the metadata database and the broker say of the stack: plain SQL by the database's driver alone.

``facts`` prints one line, ``airflow-stack-result: {…}``; ``facts work`` has the tasks running and queued alone, in
``tasks``, and by name those that run, in ``running``, and those that a stopped worker has cut off, in ``cut_off``. What
cannot be had is missing, or says ``problem`` in one sentence without secrets. All ages are in seconds,
all sizes in bytes, all times in seconds since 1970 (UTC).
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_stack_runtime import database, migrations, queues
from airflow_stack_runtime.boot import cut_off
from airflow_stack_runtime.options import OptionError, option

MARKER = "airflow-stack-result: "
TIMEOUT = 5.0
"""Seconds to wait for a connection."""
IMPORT_ERRORS = 20
"""That are told; all are counted."""
TOLD = 20
"""Of each kind of trouble with one DAG."""
HOUR = 3600.0
PASSED_OVER = "airflow_stack_passed_over"
"""``one_dag.EVENT``: that module is Airflow's."""
BLOCKS = "airflow_stack_blocks"
"""``blocked_triggers.EVENT``: likewise."""
RESTARTED = "airflow_stack_parser_restarted"
"""``parsing.RESTARTED``: likewise."""
RECENTLY = 300.0
TEXT = 500
"""Characters of an error."""
RECENT = 3600.0
"""Seconds for which a task that was cut off is told."""
NAMED = 50
"""Tasks that are told by name."""
JOBS = ("SchedulerJob", "TriggererJob", "DagProcessorJob")

# What differs between the two dialects: the age of a moment, the size of what there is.
AGE = {
    "postgresql": "extract(epoch FROM now() - {0})",
    "mysql": "timestampdiff(MICROSECOND, {0}, utc_timestamp(6)) / 1e6",
}
DATABASE = {
    "postgresql": "SELECT version(), extract(epoch FROM now()), pg_database_size(current_database())",
    "mysql": "SELECT version(), unix_timestamp(now(6)),"
    " (SELECT sum(data_length + index_length) FROM information_schema.tables WHERE table_schema = database())",
}
TABLES = {
    "postgresql": "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC LIMIT 3",
    "mysql": "SELECT table_name, data_length + index_length FROM information_schema.tables"
    " WHERE table_schema = database() ORDER BY 2 DESC LIMIT 3",
}
PATIENCE = {
    "postgresql": "SET statement_timeout = '10s'",
    "mysql": "SET SESSION max_execution_time = 10000",
}
KILLS = 20
"""That are told, the latest ones."""
KILLED_WITHIN = 86_400
"""Seconds for which a kill is told."""
NO_TABLE = ("UndefinedTable", "ProgrammingError")
"""What the drivers raise for a table that is not there."""


def collect(*, work: bool = False) -> dict[str, Any]:
    """Everything, by the names that the report of `doctor` uses."""
    url = urlsplit(option("database", "sql_alchemy_conn"))
    facts: dict[str, Any] = {"time": time.time()}
    database.add_site_packages()
    started = time.monotonic()
    try:
        connection = database.connect(url, TIMEOUT)
    except Exception as error:
        facts["database"] = {"problem": str(migrations.explain(error, SimpleNamespace(host=url.hostname)))}
    else:
        try:
            # A lock on a table must not keep a verb that only wants to know what to say.
            with suppress(Exception):  # MariaDB knows no such variable
                connection.cursor().execute(PATIENCE[database.dialect(url)])
            if not work:
                facts["database"] = _database(connection, url, time.monotonic() - started)
            facts |= _airflow(connection, database.dialect(url), work=work)
        except Exception as error:
            # Tables that a migration has yet to make; their text may quote a query, never a value.
            name = type(error).__name__
            told = "has no tables of this Airflow" if name in NO_TABLE else f"could not be asked ({name})"
            facts.setdefault("database", {})["problem"] = f"The database {told}."
        finally:
            connection.close()
    if not work:
        facts["broker"] = _broker()
    return facts


def _database(connection: Any, url: SplitResult, connected: float) -> dict[str, Any]:
    dialect = database.dialect(url)
    ((version, now, size),) = rows(connection, DATABASE[dialect])
    found = [revision for (revision,) in rows(connection, "SELECT version_num FROM alembic_version")]
    return {
        "kind": dialect,
        "version": str(version).removeprefix("PostgreSQL ").split(" ", 1)[0],
        "connect_seconds": round(connected, 4),
        "time": float(now),
        "size": int(size or 0),
        "tables": {name: int(bytes_ or 0) for name, bytes_ in rows(connection, TABLES[dialect])},
        "revision": found[0] if found else None,
        "head": migrations.revisions()[1],
    }


def _airflow(connection: Any, dialect: str, *, work: bool = False) -> dict[str, Any]:
    age = AGE[dialect].format
    tasks = {
        state: {"count": count, "oldest": None if oldest is None else round(float(oldest), 1)}
        for state, count, oldest in rows(
            connection,
            f"SELECT state, count(*), max({age('CASE state WHEN %s THEN queued_dttm ELSE start_date END')})"  # noqa: S608
            " FROM task_instance WHERE state IN ('queued', 'running', 'deferred', 'scheduled') GROUP BY state",
            ("queued",),
        )
    }
    none = {"count": 0, "oldest": None}
    facts: dict[str, Any] = {"tasks": {state: tasks.get(state, none) for state in ("running", "queued", "deferred",
                                                                                   "scheduled")}}  # fmt: skip
    facts["running"] = [
        {**named(row), "host": row[5], "seconds": round(float(row[6] or 0), 1)}
        for row in rows(
            connection,
            f"SELECT dag_id, task_id, run_id, map_index, try_number, hostname, {age('start_date')}"  # noqa: S608
            f" FROM task_instance WHERE state = 'running' ORDER BY start_date LIMIT {NAMED}",
        )
    ]
    # Joined to what became of the task: its state is that of its last try.
    facts["cut_off"] = [
        {**named(row), "said": row[5] or "", "age": round(float(row[6]), 1), "state": row[7], "last_try": row[8],
         "max_tries": row[9]}
        for row in rows(
            connection,
            f"SELECT log.dag_id, log.task_id, log.run_id, log.map_index, log.try_number, log.extra, {age('log.dttm')},"  # noqa: S608
            " task.state, task.try_number, task.max_tries FROM log LEFT JOIN task_instance AS task"
            " ON task.dag_id = log.dag_id AND task.task_id = log.task_id AND task.run_id = log.run_id"
            f" AND task.map_index = log.map_index WHERE log.event = %s AND {age('log.dttm')} < %s"
            f" ORDER BY log.dttm DESC LIMIT {NAMED}",
            (cut_off.EVENT, RECENT),
        )
    ]  # fmt: skip
    facts["unserved"] = _unserved(connection, dialect)
    facts["without_pool"] = _without_pool(connection)
    facts["passed_over"] = [
        {"dag": dag, "what": what}
        for dag, what in rows(
            connection,
            "SELECT dag_id, max(extra) FROM log"  # noqa: S608
            f" WHERE event = %s AND {age('dttm')} < %s GROUP BY 1 ORDER BY 1",
            (PASSED_OVER, RECENTLY),
        )
    ][:TOLD]
    facts["blocking"] = [
        {"dag": dag, "task": task, "what": what}
        for dag, task, what in rows(
            connection,
            "SELECT dag_id, task_id, max(extra) FROM log"  # noqa: S608
            f" WHERE event = %s AND {age('dttm')} < %s GROUP BY 1, 2 ORDER BY 1, 2",
            (BLOCKS, RECENTLY),
        )
    ][:TOLD]
    facts["refused"] = [
        {"file": name, **blame(name, trace)}
        for name, trace in rows(
            connection,
            "SELECT filename, stacktrace FROM import_error"
            " WHERE stacktrace LIKE %s OR stacktrace LIKE %s OR stacktrace LIKE %s ORDER BY 1",
            ("AirflowClusterPolicyViolation%", "ParsingEnded%", "AirflowDagDuplicatedIdException%"),
        )
    ][:TOLD]
    facts["killed"] = _killed(connection, age)
    facts["waiting"] = _waiting(connection, age)
    facts["parsing"] = _parsing(connection, age)
    if work:
        return facts
    facts["jobs"] = [
        {"type": kind, "host": host, "age": round(float(seconds), 1)}
        for kind, host, seconds in rows(
            connection,
            f"SELECT job_type, hostname, {age('latest_heartbeat')} FROM job"  # noqa: S608
            " WHERE state = 'running' AND job_type IN (%s, %s, %s) ORDER BY 1, 3",
            JOBS,
        )
    ]
    ((abandoned,),) = rows(
        connection,
        "SELECT count(*) FROM task_instance AS task JOIN job ON job.id = task.job_id"  # noqa: S608
        f" WHERE task.state = 'running' AND {age('job.latest_heartbeat')} > %s",
        (float(option("scheduler", "scheduler_zombie_task_threshold", "300")),),
    )
    facts["abandoned"] = abandoned
    errors = rows(connection, "SELECT filename, stacktrace FROM import_error ORDER BY filename")
    facts["import_errors"] = {
        "count": len(errors),
        "files": [{"file": name, **blame(name, trace)} for name, trace in errors[:IMPORT_ERRORS]],
    }
    ((active, paused),) = rows(
        connection, "SELECT count(*), coalesce(sum(CASE WHEN is_paused THEN 1 ELSE 0 END), 0) FROM dag WHERE is_active"
    )
    facts["dags"] = {"active": int(active), "paused": int(paused)}
    return facts


def named(row: tuple[Any, ...]) -> dict[str, Any]:
    """The name of one try of a task, of a row that begins with it."""
    return dict(zip(("dag", "task", "run", "map_index", "try"), row[:5], strict=True))


def _unserved(connection: Any, dialect: str) -> list[dict[str, Any]]:
    """Tasks that wait in a queue that no worker serves, or failed for it in the last hour; and DAGs refused for it."""
    known = queues.served()
    if known is None:
        return []
    age, places = AGE[dialect].format("end_date"), ", ".join("%s" for _ in known)
    found = [
        {"dag": dag, "task": task, "queue": queue, "count": count}
        for dag, task, queue, count in rows(
            connection,
            "SELECT dag_id, task_id, queue, count(*) FROM task_instance"  # noqa: S608
            f" WHERE queue NOT IN ({places})"
            f" AND (state IN ('scheduled', 'queued', 'up_for_retry') OR state = 'failed' AND {age} < %s)"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            (*known, HOUR),
        )
    ]
    return found[:TOLD]


def _without_pool(connection: Any) -> list[dict[str, Any]]:
    """Tasks that wait for a pool that is not there: for ever."""
    return [
        {"dag": dag, "task": task, "pool": pool, "count": count}
        for dag, task, pool, count in rows(
            connection,
            "SELECT dag_id, task_id, pool, count(*) FROM task_instance WHERE state = 'scheduled'"
            " AND pool NOT IN (SELECT pool FROM slot_pool) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        )
    ][:TOLD]


def _waiting(connection: Any, age: Any) -> list[dict[str, Any]]:
    """DAGs with tasks at work, and with tasks that could be: how many wait for a slot though their pool has room."""
    waits = (
        "task.state = 'scheduled' AND NOT dag.is_paused AND run.state = 'running' AND run.run_type <> 'backfill'"
        " AND (pool.slots < 0 OR coalesce(used.slots, 0) < pool.slots)"
    )
    found = rows(
        connection,
        f"SELECT task.dag_id, sum(CASE WHEN {waits} THEN 1 ELSE 0 END),"  # noqa: S608
        f" max(CASE WHEN {waits} THEN {age('task.updated_at')} ELSE 0 END),"
        " sum(CASE WHEN task.state = 'scheduled' THEN 0 ELSE 1 END)"
        " FROM task_instance AS task JOIN dag ON dag.dag_id = task.dag_id"
        " JOIN dag_run AS run ON run.dag_id = task.dag_id AND run.run_id = task.run_id"
        " JOIN slot_pool AS pool ON pool.pool = task.pool"
        " LEFT JOIN (SELECT pool, sum(pool_slots) AS slots FROM task_instance WHERE state IN ('queued', 'running')"
        " GROUP BY pool) AS used ON used.pool = task.pool"
        " WHERE task.state IN ('queued', 'running', 'scheduled') GROUP BY 1 ORDER BY 4 DESC, 2 DESC",
    )
    return [
        {"dag": dag, "count": int(count), "oldest": round(float(oldest or 0), 1), "at_work": int(at_work)}
        for dag, count, oldest, at_work in found
        if count or at_work
    ]


def _parsing(connection: Any, age: Any) -> dict[str, Any]:
    """When a DAG file was read last, how long that may take, and how often the process that reads them came back."""
    ((last,),) = rows(connection, f"SELECT min({age('last_parsed_time')}) FROM dag WHERE is_active")  # noqa: S608
    ((restarts, how),) = rows(
        connection,
        f"SELECT count(*), max(extra) FROM log WHERE event = %s AND {age('dttm')} < %s",  # noqa: S608
        (RESTARTED, HOUR),
    )
    return {
        "last": None if last is None else round(float(last), 1),
        "interval": float(option("scheduler", "min_file_process_interval", "30")),
        "restarts": int(restarts),
        "how": how or "",
    }


def _killed(connection: Any, age: Any) -> list[dict[str, Any]]:
    """Tasks that the kernel has killed for memory: what ``task_runner.py`` has recorded of them."""
    found = rows(
        connection,
        f"SELECT dag_id, task_id, run_id, try_number, {age('dttm')}, extra FROM log"  # noqa: S608
        f" WHERE event = %s AND {age('dttm')} < %s ORDER BY dttm DESC LIMIT {KILLS}",
        ("killed for memory", KILLED_WITHIN),
    )
    return [
        {"dag": dag, "task": task, "run": run, "try": number, "age": round(float(seconds), 1), **json.loads(extra)}
        for dag, task, run, number, seconds, extra in found
        if extra
    ]


def rows(connection: Any, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return all rows; a driver gets no values where there are none, so that % need not be doubled."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def blame(file: str, trace: str) -> dict[str, Any]:
    """Return what went wrong in a DAG file, in one line, and the line of that file where it did."""
    lines = [line.strip() for line in (trace or "").splitlines() if line.strip()]
    line = None
    for text in lines:
        if text.startswith(f'File "{file}", line '):
            number = text.removeprefix(f'File "{file}", line ').split(",")[0]
            line = int(number) if number.isdigit() else line
    return {"line": line, "error": (lines[-1] if lines else "")[:TEXT]}


def _broker() -> dict[str, Any] | None:
    """How many tasks wait in the broker: of Redis. SQS is asked from outside; None where nobody is."""
    broker = urlsplit(option("celery", "broker_url", ""))
    if broker.scheme not in ("redis", "sqs"):
        return None
    if broker.scheme == "sqs":
        return {"kind": "sqs"}
    from airflow_stack_runtime.probes.ping import Redis

    own = queues.own() or (option("operators", "default_queue", "default"),)
    try:
        redis = Redis(broker.geturl(), TIMEOUT)
        waiting, taken = sum(redis.call("LLEN", queue) for queue in own), redis.call("HLEN", "unacked")
    except OSError as error:
        # Of a socket, or what Redis refuses by: never the URL.
        return {"kind": "redis", "problem": f"Redis does not answer: {error}"}
    return {"kind": "redis", "queue": ", ".join(own), "waiting": waiting, "taken": taken}


def main(arguments: list[str]) -> None:
    """Print the facts. Exit code 0 where there are any, a database that does not answer included."""
    if arguments not in ([], ["work"]):
        print("usage: facts [work]", file=sys.stderr)
        os._exit(2)
    try:
        facts = collect(work=bool(arguments))
    except Exception as error:
        print(f"facts: {error if isinstance(error, OptionError) else type(error).__name__}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    print(MARKER + json.dumps(facts), flush=True)
    os._exit(0)
