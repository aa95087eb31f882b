"""Airflow 3.3: tasks talk to an API server instead of the metadata database, and DAG files have a process of their own.

A worker holds what opens the broker and what signs requests for logs. It has neither the Fernet key, nor the secret
that signs the tokens of tasks, nor any account of the metadata database.

No entry of the registry uses it yet: config has no sections for its API server and its DAG processor, the image's verbs
are those of Airflow 2, and on AWS the API server has no name that a worker could call.
"""

from __future__ import annotations

from airflow_stack.releases import options
from airflow_stack.releases.line_2_10 import WEBSERVER
from airflow_stack.releases.model import Release, RoleSpec, Scalar, Share
from airflow_stack.releases.options import Option

GENERATED = {"api_secret_key": 32, "fernet_key": 48, "jwt_secret": 64}

SECRET_OPTIONS: dict[str, Option] = {
    "api_secret_key": ("api", "secret_key"),
    "broker_url": ("celery", "broker_url"),
    "celery_result_backend": ("celery", "result_backend"),
    "fernet_key": ("core", "fernet_key"),
    "flower_basic_auth": ("celery", "flower_basic_auth"),
    "jwt_secret": ("api_auth", "jwt_secret"),
    "secrets_backend_kwargs": ("secrets", "backend_kwargs"),
    "sql_alchemy_conn": ("database", "sql_alchemy_conn"),
    "sql_alchemy_conn_async": ("database", "sql_alchemy_conn_async"),
}

# What reads and writes the metadata database: connections and variables are encrypted in it.
METADATA = ("fernet_key", "secrets_backend_kwargs", "sql_alchemy_conn", "sql_alchemy_conn_async")
CELERY = ("broker_url", "celery_result_backend")

INIT = RoleSpec(
    "init",
    ("/opt/airflow-stack/bin/init",),
    without="a new database stays empty, and an old one is not migrated",
    memory=Share(640),
    column=0,
    secrets=(*METADATA, "admin_password"),
    probed=False,
    one_shot=True,
    # Everyone waits for it while they all start: it goes first.
    cpu_shares=4096,
)

API_SERVER = RoleSpec(
    "api-server",
    ("airflow", "api-server", "--proxy-headers"),
    without="neither UI nor API answers, and running tasks wait",
    memory=Share(768, 0.03, 1536),
    column=1,
    secrets=(*METADATA, "api_secret_key", "jwt_secret"),
    options={
        ("api", "expose_config"): "airflow.expose_config",
        ("fab", "enable_proxy_fix"): "proxy.proxy_fix",
    },
    variables={"FORWARDED_ALLOW_IPS": "trusted_proxies"},
    serves="ui",
    port=8080,
    health="/api/v2/version",
    closed=("/execution",),
    published="api_server.port",
)

SCHEDULER = RoleSpec(
    "scheduler",
    ("airflow", "scheduler"),
    without="no task is started",
    memory=Share(512, 0.03, 4096),
    column=1,
    secrets=(*METADATA, *CELERY, "api_secret_key", "jwt_secret"),
    defaults={("core", "parallelism"): "task_slots"},
    broker="sends",
    schedules=True,
    tasks="without_workers",
    # It says in a task's log why it has given the task up.
    writes_task_logs=True,
    overlaps=False,
    job="SchedulerJob",
)

DAG_PROCESSOR = RoleSpec(
    "dag-processor",
    ("airflow", "dag-processor"),
    without="new and changed DAGs do not appear",
    memory=Share(512, 0.03, 4096),
    column=3,
    secrets=METADATA,
    # It runs the callbacks of tasks and DAGs.
    writes_task_logs=True,
    # Two would write the DAGs of two images in turn.
    overlaps=False,
    parses=True,
    job="DagProcessorJob",
)

TRIGGERER = RoleSpec(
    "triggerer",
    ("airflow", "triggerer"),
    without="deferred tasks wait",
    memory=Share(512, 0.03, 1536),
    column=2,
    secrets=(*METADATA, "api_secret_key"),
    options={("triggerer", "capacity"): "triggerer.capacity"},
    log_port=8794,
    writes_task_logs=True,
    job="TriggererJob",
)

WORKER = RoleSpec(
    "worker",
    ("airflow", "celery", "worker"),
    without="queued tasks wait",
    memory=Share(768, 0.21),
    column=3,
    when="celery",
    arguments={"--queues": "worker.queues"},
    secrets=(*CELERY, "api_secret_key"),
    options={("celery", "worker_concurrency"): "worker.concurrency"},
    log_port=8793,
    database=False,
    broker="takes",
    tasks="always",
    writes_task_logs=True,
    elastic=True,
    slots="worker.concurrency",
    count="worker.count",
    stop_timeout="worker.stop_timeout",
)

FLOWER = RoleSpec(
    "flower",
    ("airflow", "celery", "flower"),
    without="Celery can't be watched; all else goes on",
    memory=Share(256),
    column=2,
    when="flower.enabled",
    secrets=(*CELERY, "flower_basic_auth"),
    options={("celery", "flower_url_prefix"): "flower.url_prefix"},
    serves="monitor",
    port=5555,
    published="flower.port",
    path="flower.url_prefix",
    database=False,
    broker="watches",
)

ROLES = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER, WORKER, FLOWER)

BELONGS: dict[Option, str] = {
    ("api", "host"): "nginx and the load balancer must reach it",
    ("api", "port"): "set api_server.port, the port on the host",
    ("api_auth", "jwt_algorithm"): "tokens are signed with the secret jwt_secret",
    ("api_auth", "jwt_private_key_path"): "tokens are signed with the secret jwt_secret",
    ("celery", "broker_url"): "set broker",
    ("celery", "celery_config_options"): "the image's own module keeps tasks alive through restarts",
    ("celery", "flower_basic_auth"): "set the secret flower_password",
    ("celery", "flower_port"): "set flower.port",
    ("celery", "result_backend"): "set broker",
    ("celery_broker_transport_options", "visibility_timeout"): "set broker.visibility_timeout",
    ("core", "dags_folder"): "dags is shared from the project directory: set target.project_dir",
    ("core", "execution_api_server_url"): "tasks reach the API server of the stack",
    ("core", "executor"): "set airflow.executor",
    ("core", "load_examples"): "set airflow.load_examples",
    ("core", "plugins_folder"): "plugins is shared from the project directory: set target.project_dir",
    ("database", "sql_alchemy_conn"): "set database",
    ("database", "sql_alchemy_conn_async"): "set database",
    ("database", "sql_alchemy_schema"): "set database",
    ("logging", "base_log_folder"): "logs is shared from the project directory: set target.project_dir",
    ("scheduler", "enable_health_check"): "the scheduler's probe needs it",
    ("scheduler", "scheduler_health_check_server_port"): "the scheduler's probe needs it",
    ("secrets", "backend"): "set secrets_backend.class_name",
    ("secrets", "backend_kwargs"): "set the secret secrets_backend_kwargs",
}

DEFAULTS: dict[Option, Scalar] = {
    # A token that a queued task waits with lives as long: what waits longer for a worker would fail when it starts.
    ("scheduler", "task_queued_timeout"): 600,
    # Of every task, one each five seconds. An API server that is replaced, or restarts, is away for less than two
    # minutes; with Airflow's own 3 it fails every running task after 15 seconds.
    ("workers", "max_failed_heartbeats"): 24,
    # What a task asks for beside that is asked again for as long: waits of 1 to 30 seconds.
    ("workers", "execution_api_retries"): 10,
    ("workers", "execution_api_retry_wait_max"): 30,
    # This option may not come from a command here, and these arguments are right for every server.
    ("database", "sql_alchemy_engine_args"): '{"hide_parameters": true}',
}

# What the stack sets in 2.10 and not here.
RENAMED: dict[Option, Option | None] = {
    ("core", "task_runner"): None,
    ("database", "sql_alchemy_engine_args_cmd"): None,
}

# The scheduler reads it, and no reference has it.
UNLISTED: tuple[Option, ...] = (("scheduler", "num_stuck_in_queued_retries"),)


def release(version: str, *, python: str) -> Release:
    """A patch release of this line."""
    return Release(
        version=version,
        python=python,
        upstream_image=f"apache/airflow:slim-{version}-python{python}",
        init=INIT,
        roles=ROLES,
        generated=GENERATED,
        secret_options=SECRET_OPTIONS,
        belongs=BELONGS,
        options=options.of(version).and_of_the_image(*UNLISTED),
        defaults=DEFAULTS,
        execution_api=("core", "execution_api_server_url"),
        results="broker",
        renamed_sections={WEBSERVER.section: API_SERVER.section},
        renamed=RENAMED,
    )
