"""Airflow's environment in three layers: our default, the user's option, what the stack can't run without."""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_stack.airflow.secrets import DIRECTORY
from airflow_stack.config import StackConfig
from airflow_stack.config.airflow import OptionValue
from airflow_stack.releases import RoleSpec

# Programs of the image.
RUNTIME = "/opt/airflow-stack/bin"

Options = dict[tuple[str, str], OptionValue]

# Airflow's own names of log files, but for what a file system refuses: a name of more than 255 bytes, which an id has
# from 249 letters on, and from 125 Cyrillic ones. It goes on in folders below, 60 letters each; a letter has four bytes
# at most.
LOG_FILES = (
    "{%- macro part(key, id) -%}{{ key }}={% if id.encode() | length > 240 %}"
    "{{ id | batch(60) | map('join') | join('/') }}{% else %}{{ id }}{% endif %}/{%- endmacro -%}"
    "{{ part('dag_id', ti.dag_id) }}{{ part('run_id', ti.run_id) }}{{ part('task_id', ti.task_id) }}"
    "{% if ti.map_index >= 0 %}map_index={{ ti.map_index }}/{% endif %}attempt={{ try_number }}.log"
)


def environment(config: StackConfig) -> dict[str, str]:
    """The environment that all Airflow containers share, sorted by name."""
    user: Options = {
        (section, key): value for section, values in config.airflow.options.items() for key, value in values.items()
    }
    # By whichever way the user sets an option: Airflow would take a command of ours before a name in the backend.
    theirs = {(section, _base(key)) for section, key in user}
    release = config.airflow.release
    ours: Options = {**release.named(_defaults(config)), **release.defaults}
    defaults = {(section, key): value for (section, key), value in ours.items() if (section, _base(key)) not in theirs}
    merged = {**defaults, **user, **release.named(_essential(config))}
    variables = {_name(section, key): _text(value) for (section, key), value in merged.items()} | _of_the_image(config)
    return dict(sorted(variables.items()))


def _base(key: str) -> str:
    """An option's key, whether it is given as such, by a command, or by its name in the secrets backend."""
    return re.sub(r"_(cmd|secret)$", "", key)


def role_environment(config: StackConfig, spec: RoleSpec, files: Iterable[str]) -> dict[str, str]:
    """What one role alone reads: a change of it touches no other container. ``files`` are the secrets that it has."""
    # A key of the other target has no value here: what is in its place is the backend's to say.
    options: Options = {option: value for option, key in spec.options.items() if (value := config.at(key)) is not None}
    readable = config.airflow.release.secret_options
    for secret in files:
        if secret in readable:
            section, key = readable[secret]
            options[section, f"{key}_cmd"] = f"cat {DIRECTORY}/{secret}"
    for (section, key), value in spec.defaults.items():
        if key not in config.airflow.options.get(section, {}):
            options[section, key] = config.at(value)
    variables = {name: str(config.at(key)) for name, key in spec.variables.items()}
    return {_name(section, key): _text(value) for (section, key), value in options.items()} | variables


def execution_api(config: StackConfig, server: str) -> dict[str, str]:
    """Where tasks reach the role that serves the UI, as ``host:port``; nothing where they need the database instead."""
    option = config.airflow.release.execution_api
    return {_name(*option): f"http://{server}/execution/"} if option else {}


def _defaults(config: StackConfig) -> Options:
    """Opinionated, and free to be overridden in ``airflow.options``."""
    options: Options = {
        ("core", "auth_manager"): "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        ("core", "dags_are_paused_at_creation"): True,
        # How often a task may run is its author's to say: Airflow's own 0 stays (docs/decisions/0008). Where retries
        # are wanted, their delay outlives the restart of any one container.
        ("core", "default_task_retry_delay"): 30,
        # Airflow's own, which says in the task's log why its worker has ended it, or the kernel for memory; and which
        # has the kernel kill the task instead of the worker.
        ("core", "task_runner"): "airflow_stack_runtime.task_runner.TaskRunner",
        # Airflow's own, which stores no value that the database could fail by.
        ("core", "xcom_backend"): "airflow_stack_runtime.xcom.XCom",
        # An edited DAG is seen within ten seconds; Airflow's own 30 and 300 are for thousands of files.
        ("scheduler", "min_file_process_interval"): 10,
        ("scheduler", "dag_dir_list_interval"): 10,
        # Half a second between one task's end and the next one's start is half a second that nobody asked for.
        ("scheduler", "scheduler_idle_sleep_time"): 0.25,
        # A task whose supervisor is gone is found after two minutes. As long, a task lives on without the database.
        ("scheduler", "scheduler_zombie_task_threshold"): 120,
        # What a killed scheduler has left is adopted a minute after its successor's start.
        ("scheduler", "orphaned_tasks_check_interval"): 60,
        ("logging", "delete_local_logs"): False,
        ("logging", "log_filename_template"): LOG_FILES,
        ("webserver", "warn_deployment_exposure"): False,
        ("usage_data_collection", "enabled"): False,
        # The image's entrypoint waits for the migrated database; a second look costs each role half a second of CPU.
        ("database", "check_migrations"): False,
        # A database error is logged with its statement and without the values in it: hashes, ciphertexts, XComs.
        # What is right depends on the URL, which is a secret: the container finds it out.
        ("database", "sql_alchemy_engine_args_cmd"): f"{RUNTIME}/engine-args",
    }
    if config.celery:
        options |= {
            # The executor never sends more than the workers have slots (core.parallelism of the scheduler), so a task
            # that has been queued for minutes was lost on its way, with the broker for example: it is sent again, which
            # costs it no try, for an hour.
            ("scheduler", "task_queued_timeout"): 180,
            ("scheduler", "task_queued_timeout_check_interval"): 30,
            ("celery", "result_backend_sqlalchemy_engine_options"): '{"hide_parameters": true}',
            ("scheduler", "num_stuck_in_queued_retries"): 20,
            # Sent from the scheduler's own process: a pool forked for every batch costs more than it sends.
            ("celery", "sync_parallelism"): 1,
            # A broker that restarts is tried again, each second, before the task fails for it.
            ("celery", "task_publish_max_retries"): 30,
        }
    return options


def _essential(config: StackConfig) -> Options:
    """What the stack can't run without; config refuses an option of these names."""
    options: Options = {
        ("core", "executor"): config.airflow.executor,
        ("core", "load_examples"): config.airflow.load_examples,
        # It asks the user's handler first: one that raises would end the scheduler, as Airflow's own does.
        ("metrics", "stat_name_handler"): "airflow_stack_runtime.metric_names.handle",
        ("scheduler", "enable_health_check"): True,
    }
    if config.celery:
        options |= {
            # The image's module: the provider's settings, and what keeps tasks alive through restarts.
            ("celery", "celery_config_options"): "airflow_stack_runtime.celery_config.CONFIG",
            ("celery_broker_transport_options", "visibility_timeout"): config.broker.visibility_timeout,
        }
    if config.celery and config.broker.kind == "sqs":
        # It is reached by the role of the task: its URL holds no secret.
        options["celery", "broker_url"] = "sqs://"
    if config.lookup_class is not None:
        options["secrets", "backend"] = config.lookup_class
    return options


def _of_the_image(config: StackConfig) -> dict[str, str]:
    """What the image's own modules read, beside Airflow's options."""
    variables = {
        "AIRFLOW_STACK_CALLBACK_TIMEOUT": str(config.airflow.callback_timeout),
        "AIRFLOW_STACK_XCOM_LIMIT": str(config.airflow.xcom_limit),
    }
    if off := [name for name, applied in config.airflow.patches.items() if not applied]:
        variables["AIRFLOW_STACK_PATCHES_OFF"] = ",".join(sorted(off))
    if config.celery:
        variables |= {
            "AIRFLOW_STACK_QUEUES": ",".join(config.worker.queues),
            "AIRFLOW_STACK_OTHER_QUEUES": ",".join(config.worker.other_queues),
        }
    if handler := config.airflow.options.get("metrics", {}).get("stat_name_handler"):
        variables["AIRFLOW_STACK_STAT_NAME_HANDLER"] = str(handler)
    return variables


def _name(section: str, key: str) -> str:
    return f"AIRFLOW__{section.upper().replace('.', '_')}__{key.upper()}"


def _text(value: OptionValue) -> str:
    return str(value)
