"""How many connections to the metadata database a stack opens at most, and whether the database takes them. Pure.

The numbers follow from the processes of Airflow 2.10. A thread of Airflow holds one connection of an engine at a time
(its sessions are scoped to the thread), so a process of one thread holds one, whatever its pool allows. A process of
several threads holds as many as its pool allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from airflow_stack.config.airflow import AirflowConfig
from airflow_stack.config.aws.data import RdsDatabase
from airflow_stack.config.aws.target import AwsTarget
from airflow_stack.config.aws.types import RDS_MEMORY
from airflow_stack.config.data import DatabaseConfig
from airflow_stack.config.services import WebserverConfig

# A task that runs: Celery's process keeps one for the task's result, the supervisor has one for its heartbeat, and the
# process with the user's code one. Threads of the user's code are their own matter.
TASK = 2
SLOT = 1
# The worker itself: it writes the result of a task whose process was killed.
WORKER = 1
# Scheduler, its health server, manager of the DAG processors, reader of the tasks' results. Each DAG processor has one.
SCHEDULER = 4
PARSING_PROCESSES = 2
# The publisher of the workers' metric, beside each scheduler.
PUBLISHER = 1
# A process of the webserver has two engines: Airflow's, and Flask's for the sessions of the users.
WEBSERVER_ENGINES = 2
# Gunicorn's parent loads the application, and keeps what it has opened for that.
WEBSERVER_PARENT = 1
# The probe of a role that has several threads.
PROBE = 1
# The migration, or one command: its lock, its session, and the connection of the migration itself.
ONE_OFF = 3
# While a deployment replaces what may overlap, the old ones and the new ones are there.
REPLACED = 2


@dataclass(frozen=True)
class Pool:
    """SQLAlchemy's pool of each process: connections that it keeps, and those that it opens beyond for a moment."""

    size: int
    overflow: int

    @property
    def limit(self) -> int | None:
        """Connections at a time; None where there is no limit."""
        return None if self.size == 0 or self.overflow < 0 else self.size + self.overflow


class Counted(Protocol):
    """What of a stack's config counts here."""

    @property
    def airflow(self) -> AirflowConfig: ...
    @property
    def webserver(self) -> WebserverConfig: ...
    @property
    def database(self) -> DatabaseConfig: ...
    @property
    def target(self) -> AwsTarget: ...
    @property
    def task_slots(self) -> int: ...


# Airflow's own first. The triggerer's three threads need the last.
POOLS = (Pool(5, 10), Pool(5, 5), Pool(3, 2), Pool(2, 1))


def pool(config: Counted) -> Pool:
    """The largest pool with which the stack fits its database, or the smallest one; the user's own where one is set."""
    own = config.airflow.options.get("database", {})
    if own.keys() & {"sql_alchemy_pool_size", "sql_alchemy_max_overflow"}:
        return Pool(
            _number(own, "sql_alchemy_pool_size", POOLS[0].size),
            _number(own, "sql_alchemy_max_overflow", POOLS[0].overflow),
        )
    if not isinstance(config.database, RdsDatabase):
        return POOLS[0]
    allowed = config.database.max_connections
    return next((one for one in POOLS if connections(config, one) <= allowed), POOLS[-1])


def connections(config: Counted, each: Pool) -> int:
    """Connections that the stack opens at most, all workers there and all busy, with this pool in each process.

    Not counted: what idle workers hold that a deployment is replacing. A pool without a limit counts as Airflow's own.
    """
    target = config.target
    limit = each.limit or sum((POOLS[0].size, POOLS[0].overflow))
    options = config.airflow.options
    running = config.task_slots
    if parallelism := _number(options.get("core", {}), "parallelism", 0):
        running = min(running, parallelism * target.scheduler.count)
    workers = target.worker.max * WORKER + config.task_slots * SLOT + running * TASK
    parsing = _number(options.get("scheduler", {}), "parsing_processes", PARSING_PROCESSES)
    schedulers = target.scheduler.count * (SCHEDULER + parsing + PUBLISHER)
    threads = 1 if options.get("webserver", {}).get("worker_class", "sync") == "sync" else limit
    webserver = WEBSERVER_ENGINES * (config.webserver.workers * threads + WEBSERVER_PARENT)
    webservers = target.webserver.count * REPLACED * webserver
    # All others, such as the triggerer, are a process of several threads.
    others = [
        role for role in config.airflow.release.roles
        if role.database and not (role.serves or role.schedules or role.elastic)
    ]  # fmt: skip
    rest = sum(target.service(role).least * (REPLACED if role.overlaps else 1) * (limit + PROBE) for role in others)
    return workers + schedulers + webservers + rest + ONE_OFF


def larger(database: RdsDatabase, needed: int) -> str | None:
    """The smallest instance class of the same family that takes so many connections; None where none does."""
    family = database.instance_class.rpartition(".")[0]
    classes = [name for name in RDS_MEMORY if name.rpartition(".")[0] == family]
    for name in sorted(classes, key=RDS_MEMORY.__getitem__):
        if database.model_copy(update={"instance_class": name}).max_connections >= needed:
            return name
    return None


def _number(options: dict[str, Any], key: str, default: int) -> int:
    """An option as Airflow reads it: a number may be written as text."""
    try:
        return int(str(options.get(key, default)))
    except ValueError:
        return default
