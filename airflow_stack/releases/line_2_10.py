"""Airflow 2.10 and 2.11: every process reads the whole configuration, and talks to the metadata database itself.

What differs between the two is in their tables of options, their lock files and the lines that each patch is for.
"""

from __future__ import annotations

from airflow_stack.releases import options
from airflow_stack.releases.model import Release, RoleSpec, Share
from airflow_stack.releases.options import Option

GENERATED = {"fernet_key": 48, "internal_api_secret_key": 32, "webserver_secret_key": 32}

# What Airflow's configuration refers to: whoever reads one option needs the files of all.
CONFIGURED: dict[str, Option] = {
    "broker_url": ("celery", "broker_url"),
    "celery_result_backend": ("celery", "result_backend"),
    "fernet_key": ("core", "fernet_key"),
    "internal_api_secret_key": ("core", "internal_api_secret_key"),
    "secrets_backend_kwargs": ("secrets", "backend_kwargs"),
    "sql_alchemy_conn": ("database", "sql_alchemy_conn"),
    "webserver_secret_key": ("webserver", "secret_key"),
}
SECRETS = tuple(CONFIGURED)

INIT = RoleSpec(
    "init",
    ("/opt/airflow-stack/bin/init",),
    without="a new database stays empty, and an old one is not migrated",
    memory=Share(512),
    column=0,
    secrets=(*SECRETS, "admin_password"),
    probed=False,
    one_shot=True,
    # Everyone waits for it while they all start: it goes first.
    cpu_shares=4096,
)

WEBSERVER = RoleSpec(
    "webserver",
    ("airflow", "webserver"),
    without="neither UI nor API answers",
    memory=Share(768, 0.03, 1536),
    column=1,
    secrets=SECRETS,
    options={
        ("webserver", "enable_proxy_fix"): "proxy.proxy_fix",
        ("webserver", "expose_config"): "airflow.expose_config",
        ("webserver", "workers"): "webserver.workers",
    },
    serves="ui",
    port=8080,
    health="/health",
    published="webserver.port",
)

SCHEDULER = RoleSpec(
    "scheduler",
    ("airflow", "scheduler"),
    without="no task is started",
    memory=Share(768, 0.06, 4096),
    column=1,
    secrets=SECRETS,
    defaults={("core", "parallelism"): "task_slots"},
    broker="sends",
    schedules=True,
    tasks="without_workers",
    # It says in a task's log why it has given the task up.
    writes_task_logs=True,
    # Two would write the DAGs of two images in turn: runs would be created that the new workers can't run. Tasks go on
    # without a scheduler for the minute that its replacement takes.
    overlaps=False,
    parses=True,
    job="SchedulerJob",
)

TRIGGERER = RoleSpec(
    "triggerer",
    ("airflow", "triggerer"),
    without="deferred tasks wait",
    memory=Share(384, 0.03, 1536),
    column=2,
    secrets=SECRETS,
    options={("triggerer", "default_capacity"): "triggerer.capacity"},
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
    secrets=SECRETS,
    options={("celery", "worker_concurrency"): "worker.concurrency"},
    log_port=8793,
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
    secrets=(*SECRETS, "flower_basic_auth"),
    options={("celery", "flower_url_prefix"): "flower.url_prefix"},
    serves="monitor",
    port=5555,
    published="flower.port",
    path="flower.url_prefix",
    broker="watches",
)

ROLES = (WEBSERVER, SCHEDULER, TRIGGERER, WORKER, FLOWER)

BELONGS: dict[Option, str] = {
    ("core", "executor"): "set airflow.executor",
    ("core", "load_examples"): "set airflow.load_examples",
    ("core", "dags_folder"): "dags is shared from the project directory: set target.project_dir",
    ("core", "plugins_folder"): "plugins is shared from the project directory: set target.project_dir",
    ("database", "sql_alchemy_conn"): "set database",
    ("database", "sql_alchemy_schema"): "set database",
    ("celery", "broker_url"): "set broker",
    ("celery", "result_backend"): "set database",
    ("celery", "celery_config_options"): "the image's own module keeps tasks alive through restarts",
    ("celery", "flower_basic_auth"): "set the secret flower_password",
    ("celery", "flower_port"): "set flower.port",
    ("celery_broker_transport_options", "visibility_timeout"): "set broker.visibility_timeout",
    ("webserver", "web_server_port"): "set webserver.port, the port on the host",
    ("scheduler", "enable_health_check"): "the scheduler's probe needs it",
    ("scheduler", "scheduler_health_check_server_port"): "the scheduler's probe needs it",
    ("logging", "base_log_folder"): "logs is shared from the project directory: set target.project_dir",
    ("secrets", "backend"): "set secrets_backend.class_name",
    ("secrets", "backend_kwargs"): "set the secret secrets_backend_kwargs",
}

# Of Airflow 2.11, and read in both by what the image replaces (patches/stuck.py and unstarted.py).
READ_BY_PATCHES: tuple[Option, ...] = (("scheduler", "num_stuck_in_queued_retries"),)


def release(version: str, *, python: str) -> Release:
    """A patch release of one of these lines."""
    return Release(
        version=version,
        python=python,
        upstream_image=f"apache/airflow:slim-{version}-python{python}",
        init=INIT,
        roles=ROLES,
        generated=GENERATED,
        secret_options=CONFIGURED | {"flower_basic_auth": ("celery", "flower_basic_auth")},
        belongs=BELONGS,
        options=options.of(version).and_of_the_image(*READ_BY_PATCHES),
    )
