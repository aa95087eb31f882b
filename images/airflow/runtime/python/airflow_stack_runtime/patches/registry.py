"""All that replaces a part of Airflow: what for, in which versions, and what was read before it was written.

Each is a module here, whose ``apply`` installs it; `loader` calls that, and nobody else. A user leaves one out by
``airflow-stack:airflow.patches: {NAME: false}``. ``as_read.json`` holds a digest of all that a patch replaces or stands
on; `guard` compares it with what is installed while the image is built, so that no image exists in which a patch meets
code that nobody has read.
"""

from __future__ import annotations

from dataclasses import dataclass

ISSUES = "https://github.com/apache/airflow/issues"
PULLS = "https://github.com/apache/airflow/pull"

SCHEDULER = "airflow.jobs.scheduler_job_runner:SchedulerJobRunner"
CELERY = "airflow.providers.celery.executors.celery_executor:CeleryExecutor"
EXECUTOR = "airflow.executors.base_executor:BaseExecutor"
MANAGER = "airflow.dag_processing.manager:DagFileProcessorManager"
AGENT = "airflow.dag_processing.manager:DagFileProcessorAgent"
PROCESS = "airflow.dag_processing.processor:DagFileProcessorProcess"
PROCESSOR = "airflow.dag_processing.processor:DagFileProcessor"
OTEL = "airflow.metrics.otel_logger:SafeOtelLogger"
RUNNER = "airflow.task.task_runner.standard_task_runner:StandardTaskRunner"
TRIGGERS = "airflow.jobs.triggerer_job_runner:TriggerRunner"
SQS = "kombu.transport.SQS:Channel"


class OfLines:
    """For some lines of Airflow."""

    lines: tuple[str, ...]

    def is_for(self, version: str) -> bool:
        """Whether it is for this version of Airflow."""
        return ".".join(version.split(".")[:2]) in self.lines


@dataclass(frozen=True)
class Patch(OfLines):
    """Of Airflow."""

    name: str
    """Of its module here, and of its key below ``airflow-stack:airflow.patches``."""
    where: str
    """The process that applies it: ``scheduler``, ``triggerer``, ``worker``, ``role`` (each one that waits for the
    database), ``process`` (each one of Airflow) or ``dags-test``."""
    without: str
    """What happens where it is left out."""
    threads: tuple[str, ...]
    """Upstream: where the fault is reported, or where a later version has mended it."""
    replaces: tuple[str, ...]
    """``module:Class.attribute``. Nothing: it adds a hook."""
    reads: tuple[str, ...] = ()
    """What it stands on beside that."""
    lines: tuple[str, ...] = ("2.10", "2.11")
    """Of Airflow. In any other one it is left out."""


@dataclass(frozen=True)
class Extension(OfLines):
    """Takes an option's way, and stands on more of the class that it extends than that promises."""

    name: str
    """Of its module."""
    option: str
    """Airflow's, which names it."""
    reads: tuple[str, ...]
    lines: tuple[str, ...] = ("2.10", "2.11")
    """Of Airflow, in which the stack sets that option."""


PATCHES = (
    Patch(
        "forks",
        "role",
        "A fork shares its parent's database connections: the scheduler waits for ever for an answer that its health"
        " server has taken.",
        (f"{PULLS}/13265", f"{ISSUES}/56879"),
        replaces=(),
        reads=("airflow.settings:configure_orm", "airflow.settings:clean_in_fork"),
    ),
    Patch(
        "idle_sleep",
        "scheduler",
        "The scheduler sleeps as long between two tasks as when nothing moves, and each short task waits for it twice.",
        (f"{PULLS}/2453",),
        replaces=(f"{SCHEDULER}._scheduler_idle_sleep_time",),
        reads=(f"{SCHEDULER}.__init__", f"{SCHEDULER}._run_scheduler_loop"),
    ),
    Patch(
        "slots",
        "scheduler",
        "The slot of a task whose worker was killed is lost until the scheduler restarts.",
        (f"{ISSUES}/43448",),
        replaces=(f"{CELERY}.sync",),
        reads=(f"{CELERY}.update_all_task_states", f"{SCHEDULER}._find_zombies", f"{SCHEDULER}._purge_zombies"),
    ),
    Patch(
        "stale_callbacks",
        "scheduler",
        "A task that was given up is failed a second time: its next try, or its success, is lost.",
        (f"{ISSUES}/42553", f"{PULLS}/63726"),
        replaces=(f"{PROCESSOR}._execute_task_callbacks",),
    ),
    Patch(
        "stuck",
        "scheduler",
        "A task that was lost on its way to a worker fails, or has one try less, though none of its code ran.",
        (f"{PULLS}/43520",),
        replaces=(f"{SCHEDULER}._fail_tasks_stuck_in_queued",),
        reads=(f"{SCHEDULER}._executor_to_tis", f"{CELERY}.cleanup_stuck_queued_tasks"),
        lines=("2.10",),
    ),
    Patch(
        "unstarted",
        "scheduler",
        "A task that its worker could not begin fails, or has one try less, though none of its code ran.",
        (f"{ISSUES}/39717",),
        replaces=(f"{SCHEDULER}._process_executor_events",),
        reads=(f"{EXECUTOR}.has_task",),
    ),
    Patch(
        "unserved_queues",
        "scheduler",
        "Tasks in a queue that no worker serves hold all slots, and every other DAG stands still.",
        (f"{ISSUES}/40289",),
        replaces=(f"{CELERY}.queue_command", f"{CELERY}.try_adopt_task_instances"),
        reads=(f"{EXECUTOR}.queue_command", f"{EXECUTOR}.fail"),
    ),
    Patch(
        "one_dag",
        "scheduler",
        "An exception in one DAG's timetable, weight rule or listener ends the scheduler, each time that it starts.",
        (f"{PULLS}/62893", f"{PULLS}/48427"),
        replaces=(
            f"{SCHEDULER}._schedule_dag_run",
            f"{SCHEDULER}._create_dag_runs",
            f"{SCHEDULER}._create_dag_runs_dataset_triggered",
            "airflow.models.dagrun:DagRun.notify_dagrun_state_changed",
        ),
    ),
    Patch(
        "turns",
        "scheduler",
        "One DAG with more tasks than the stack has slots, or with more queued runs than the scheduler looks at, keeps"
        " all others waiting until it is through.",
        (f"{ISSUES}/21951", f"{ISSUES}/45636", f"{ISSUES}/49508"),
        replaces=("airflow.jobs.scheduler_job_runner:with_row_locks", "airflow.models.dagrun:with_row_locks"),
        reads=(
            "airflow.utils.sqlalchemy:with_row_locks",
            f"{SCHEDULER}._executable_task_instances_to_queued",
            "airflow.models.dagrun:DagRun.next_dagruns_to_examine",
        ),
    ),
    Patch(
        "parsing",
        "scheduler",
        "A DAG file can stop the parsing of all others; one that is killed, never ends, or has the DAG id of another"
        " file shows no import error; a DAG that a policy refuses takes the others of its file along.",
        (f"{ISSUES}/41976",),
        replaces=(
            f"{PROCESS}._run_file_processor",
            f"{MANAGER}._collect_results_from_processor",
            f"{MANAGER}._kill_timed_out_processors",
            f"{MANAGER}._refresh_dag_dir",
            f"{PROCESSOR}.process_file",
            "airflow.models.dag:DAG.bulk_write_to_db",
            f"{AGENT}._heartbeat_manager",
        ),
        reads=(
            f"{PROCESS}.start",
            f"{PROCESS}.done",
            f"{MANAGER}.clear_nonexistent_import_errors",
            f"{MANAGER}.get_dag_directory",
            "airflow.models.dag:DagModel.dags_needing_dagruns",
        ),
    ),
    Patch(
        "dag_processes",
        "scheduler",
        "The kernel may kill the scheduler for the memory that a DAG file takes while it is imported.",
        (f"{ISSUES}/61521",),
        replaces=(f"{PROCESS}._run_file_processor",),
        reads=(f"{PROCESS}.start",),
    ),
    Patch(
        "blocked_triggers",
        "triggerer",
        "A trigger that blocks stops all others, while the triggerer looks well and nobody says which one it is.",
        (f"{ISSUES}/35806", f"{PULLS}/66412"),
        replaces=(f"{TRIGGERS}.block_watchdog",),
        reads=(f"{TRIGGERS}.arun", f"{TRIGGERS}.create_triggers"),
    ),
    Patch(
        "task_engine",
        "worker",
        "A task opens 18 database connections instead of 3.",
        (f"{PULLS}/21565",),
        replaces=("airflow.settings:reconfigure_orm",),
        reads=("airflow.settings:configure_orm",),
    ),
    Patch(
        "otel_names",
        "process",
        "With OpenTelemetry, a DAG id that is not ASCII or too long ends the scheduler.",
        (f"{ISSUES}/18010", f"{ISSUES}/8634"),
        replaces=tuple(f"{OTEL}.{name}" for name in ("incr", "decr", "gauge", "timing", "timer")),
        reads=("airflow.metrics.validators:stat_name_otel_handler",),
    ),
    Patch(
        "link_loops",
        "process",
        "A link in dags/ that leads back to a folder that is read already ends the parsing of all files.",
        (f"{ISSUES}/40980",),
        replaces=("airflow.utils.file:_find_path_from_directory",),
        reads=("airflow.utils.file:find_path_from_directory",),
    ),
    Patch(
        "inline_triggers",
        "dags-test",
        "`dags test` resumes a deferred task without what it has deferred with.",
        (f"{PULLS}/69942",),
        replaces=("airflow.models.dag:_run_task",),
        reads=("airflow.models.dag:_run_inline_trigger",),
    ),
)
"""In the order in which a process applies its own."""

EXTENSIONS = (
    Extension(
        "task_runner",
        "core.task_runner",
        tuple(f"{RUNNER}.{name}" for name in ("start", "return_code", "terminate")),
    ),
    Extension(
        "xcom",
        "core.xcom_backend",
        ("airflow.models.xcom:BaseXCom.serialize_value", "airflow.models.xcom:resolve_xcom_backend"),
    ),
    Extension(
        "boot.sqs_transport",
        "celery.broker_url",
        tuple(
            f"{SQS}.{name}"
            for name in (
                "basic_consume", "basic_ack", "close", "_schedule_queue", "_loop1", "_get_message_estimate",
                "_message_to_python", "_new_queue", "canonical_queue_name", "sqs",
            )
        ),
        lines=("2.10", "2.11", "3.3"),
    ),
)  # fmt: skip
