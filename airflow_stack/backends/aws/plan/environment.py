"""Airflow's environment on AWS: what comes to, or replaces, the one that it has everywhere. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from airflow_stack.airflow import Deployment, Role
from airflow_stack.backends.aws.plan.memory import advice
from airflow_stack.config import AwsConfig
from airflow_stack.config.airflow import OptionValue
from airflow_stack.config.aws import RdsDatabase
from airflow_stack.config.aws.connections import pool
from airflow_stack.config.aws.services import WorkersConfig
from airflow_stack.releases import RoleSpec

Options = dict[tuple[str, str], OptionValue]

ONE_OFF = "one-off"
"""The task that runs the migration and single commands."""

TASK_LOGS = "task-logs"
"""Prefix of the task logs in the bucket."""

LOOKUPS = ("connections", "variables", "config")
"""What Airflow looks up in Secrets Manager, each below ``<target.name>/``."""

STATSD_PORT = 8125

# Of every variable that differs from a local stack: why. A test compares both environments with this table.
DIFFERENCES = {
    "AIRFLOW_STACK_MEMORY_ADVICE": "a task's size has another key, and few values",
    "AIRFLOW_STACK_MEMORY_LIMIT": "the task's limit is not the container's, and can't be read in it",
    "AIRFLOW_STACK_PROTECTION_MINUTES": "the worker asks ECS not to stop it while it has tasks",
    "AIRFLOW_STACK_SQS_QUEUE_URL": "the queue exists already, and no role may look for queues or create one",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "SQS allows twelve hours, Redis any time",
    "AIRFLOW__CELERY__BROKER_URL": "SQS is reached by the task's role: its URL holds no secret",
    "AIRFLOW__CELERY__BROKER_URL_CMD": "a Redis URL holds a password, and SQS has none",
    "AIRFLOW__CELERY__OPERATION_TIMEOUT": "a call to AWS takes longer than one to a Redis beside",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "the webserver reads live logs by address: a task's name is in no DNS",
    "AIRFLOW__CORE__PARALLELISM": "target.worker.max workers instead of worker.count",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "the instance class takes a number of connections",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "the instance class takes a number of connections",
    "AIRFLOW__LOGGING__DELETE_LOCAL_LOGS": "logs are in S3, and a worker's disk of 20 GiB would fill",
    "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "tasks share no disk, and leave none behind",
    "AIRFLOW__LOGGING__REMOTE_LOGGING": "tasks share no disk, and leave none behind",
    "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "each metric costs money",
    "AIRFLOW__METRICS__METRICS_USE_PATTERN_MATCH": "Airflow 2.10 warns of lists that are no patterns",
    "AIRFLOW__METRICS__STATSD_HOST": "the CloudWatch agent listens beside each service",
    "AIRFLOW__METRICS__STATSD_ON": "the CloudWatch agent listens beside each service",
    "AIRFLOW__METRICS__STATSD_PORT": "the CloudWatch agent listens beside each service",
    "AIRFLOW__METRICS__STATSD_PREFIX": "the dashboard and the alarms know the metrics by their whole names",
    "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "DAGs are part of the image: no file comes while it runs",
    "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "DAGs are part of the image: no file changes while it runs",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "a task waits for the first worker to be started",
    "AIRFLOW__SECRETS__BACKEND": "connections and variables may be kept in Secrets Manager",
    "AIRFLOW__SECRETS__BACKEND_KWARGS": "names alone, no secret: the task's role is what opens them",
    "AIRFLOW__SECRETS__CACHE_TTL_SECONDS": "each look-up takes time and costs money",
    "AIRFLOW__SECRETS__USE_CACHE": "each look-up takes time and costs money",
    "AIRFLOW__WEBSERVER__BASE_URL": "links in mails lead to the load balancer",
    "AIRFLOW__WEBSERVER__COOKIE_SECURE": "with HTTPS a browser must not send its session without",
    "AIRFLOW__WEBSERVER__PROXY_FIX_X_HOST": "the load balancer does not set this header: a browser could",
    "AIRFLOW__WEBSERVER__PROXY_FIX_X_PREFIX": "the load balancer does not set this header: a browser could",
    "AWS_DEFAULT_REGION": "the region of every client that is told no other one",
}


@dataclass(frozen=True)
class Facts:
    """What is known of the resources when they are there."""

    region: str
    bucket: str
    queue_url: str | None
    """None where SQS is not the broker."""
    url: str
    """Of the UI, without a slash at the end."""


def roles(deployment: Deployment) -> dict[str, Role]:
    """The roles that have a task definition, by name: the long-running ones, and ``one-off``.

    The one-off task is the init role under another name. Its command is harmless, because every run of it says another
    one; its environment is init's, so that the migration and a single command run in the same task.
    """
    init = deployment.init
    # A backfill sends its tasks itself, `tasks test` runs one: users' code.
    spec = replace(init.spec, name=ONE_OFF, broker="sends", tasks="always", writes_task_logs=True)
    one_off = replace(init, spec=spec, name=ONE_OFF, command=("airflow", "version"), runs_tasks=True)
    return {role.name: role for role in (*deployment.roles, one_off)}


def environment(config: AwsConfig, facts: Facts) -> dict[str, str]:
    """Variables of all roles beside ``Deployment.environment``, whose values they replace; sorted by name."""
    release = config.airflow.release
    options = release.named(_essential(config, facts))
    for (section, key), value in release.named(_defaults(config)).items():
        if not _is_set(config, section, key):
            options[section, key] = value
    variables = _variables(options)
    variables["AWS_DEFAULT_REGION"] = facts.region
    if facts.queue_url is not None:
        variables["AIRFLOW_STACK_SQS_QUEUE_URL"] = facts.queue_url
    return dict(sorted(variables.items()))


def role_environment(config: AwsConfig, role: RoleSpec) -> dict[str, str]:
    """What one role alone reads beside ``Role.environment``."""
    service = config.target.service(role)
    variables: dict[str, str] = {}
    if role.serves == "ui":
        # The load balancer is the proxy whose headers it trusts; on a machine, ``proxy.proxy_fix`` says so.
        variables = _variables(config.airflow.release.named({("webserver", "enable_proxy_fix"): True}))
    if isinstance(service, WorkersConfig):
        variables |= {
            "AIRFLOW_STACK_MEMORY_ADVICE": str(advice(config, role)),
            "AIRFLOW_STACK_MEMORY_LIMIT": str(service.memory),
            "AIRFLOW_STACK_PROTECTION_MINUTES": str(service.protection_minutes),
        }
    return variables


def _variables(options: Options) -> dict[str, str]:
    return {f"AIRFLOW__{section.upper()}__{key.upper()}": str(value) for (section, key), value in options.items()}


def _essential(config: AwsConfig, facts: Facts) -> Options:
    """Config refuses an option of these names: ``config.aws.options``."""
    lookup = config.target.secrets_lookup
    prefixes: dict[str, str] = {f"{kind}_prefix": f"{config.target.name}/{kind}" for kind in LOOKUPS}
    patterns = {"connections_lookup_pattern": lookup.connections, "variables_lookup_pattern": lookup.variables}
    options: Options = {
        ("core", "hostname_callable"): "airflow.utils.net.get_host_ip_address",
        # No connection is named: it would be looked up in Secrets Manager and in the database for each log.
        ("logging", "remote_logging"): True,
        ("logging", "remote_base_log_folder"): f"s3://{facts.bucket}/{TASK_LOGS}",
        ("secrets", "backend"): "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
        ("secrets", "backend_kwargs"): json.dumps(prefixes | patterns, sort_keys=True),
        ("secrets", "use_cache"): lookup.cache_seconds > 0,
        ("secrets", "cache_ttl_seconds"): lookup.cache_seconds,
        ("webserver", "base_url"): facts.url,
        ("webserver", "proxy_fix_x_host"): 0,
        ("webserver", "proxy_fix_x_prefix"): 0,
    }
    if config.target.metrics.statsd:
        options |= {
            ("metrics", "statsd_on"): True,
            ("metrics", "statsd_host"): "localhost",
            ("metrics", "statsd_port"): STATSD_PORT,
            ("metrics", "statsd_prefix"): "airflow",
            ("metrics", "metrics_use_pattern_match"): True,
            ("metrics", "metrics_allow_list"): ",".join(f"^{re.escape(name)}" for name in config.target.metrics.allow),
        }
    return options


def _defaults(config: AwsConfig) -> Options:
    """Opinionated, and free to be overridden in ``airflow.options``."""
    options: Options = {
        ("logging", "delete_local_logs"): True,
        # Airflow's own. A tenth of a second for each file, every ten seconds, is half of the smallest scheduler's CPU.
        ("scheduler", "min_file_process_interval"): 30,
        ("scheduler", "dag_dir_list_interval"): 300,
        # Where there is no worker, metric, alarm and Fargate take five minutes until there is one; a task that has
        # waited for it is not lost.
        ("scheduler", "task_queued_timeout"): 900,
    }
    if config.celery:
        # Airflow gives up after one second, which a busy half of a vCPU takes for a call to SQS.
        options["celery", "operation_timeout"] = 5.0
    if config.target.load_balancer.https:
        options["webserver", "cookie_secure"] = True
    if isinstance(config.database, RdsDatabase):
        each = pool(config)
        options |= {
            ("database", "sql_alchemy_pool_size"): each.size,
            ("database", "sql_alchemy_max_overflow"): each.overflow,
        }
    return options


def _is_set(config: AwsConfig, section: str, key: str) -> bool:
    """Whether the user has set this option, as a value, a command or the name of a secret."""
    options = config.airflow.options.get(section, {})
    return bool(options.keys() & {key, f"{key}_cmd", f"{key}_secret"})
