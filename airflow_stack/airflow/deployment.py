"""One description of an Airflow deployment, from which every backend makes its resources."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_stack.airflow.environment import RUNTIME as RUNTIME
from airflow_stack.airflow.environment import environment, role_environment
from airflow_stack.airflow.versions import VERSIONS
from airflow_stack.config import StackConfig

HOME = "/opt/airflow"

# For a command whose output somebody watches: Python keeps what it prints to itself where that is no terminal.
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Probe:
    """A container's health check: times in seconds."""

    test: tuple[str, ...]
    interval: int = 10
    timeout: int = 10
    retries: int = 5
    start_period: int = 60


@dataclass(frozen=True)
class Role:
    """One part of Airflow: what it runs and what it needs, wherever it runs."""

    name: str
    command: tuple[str, ...]
    secrets: tuple[str, ...]
    """Names of the secret files that it reads."""
    probe: Probe | None = None
    count: int = 1
    one_shot: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    """What it has beside the environment that all roles share."""
    runs_tasks: bool = False
    stop_timeout: int = 30
    """Seconds between SIGTERM and SIGKILL."""
    port: int | None = None
    """Port that it listens on."""
    cpu_shares: int = 0
    """Weight where CPU is short; 0 is Docker's default, 1024."""


@dataclass(frozen=True)
class Deployment:
    """Everything about Airflow that no target changes."""

    version: str
    environment: dict[str, str]
    """Shared by all roles."""
    init: Role
    """Runs to its end before the others work: folders, migration, first user. It alone migrates."""
    roles: tuple[Role, ...]


def describe(config: StackConfig) -> Deployment:
    """The deployment that this config asks for."""
    builders = {
        "webserver": _webserver,
        "scheduler": _scheduler,
        "triggerer": _triggerer,
        "worker": _worker,
        "flower": _flower,
    }
    roles = tuple(
        role for name in VERSIONS[config.airflow.version].roles if (role := builders[name](config)) is not None
    )
    return Deployment(config.airflow.version, environment(config), _init(config), roles)


def _probe(role: str) -> Probe:
    return Probe(("CMD", f"{RUNTIME}/probe", role))


def _airflow_secrets(config: StackConfig) -> tuple[str, ...]:
    """What Airflow's configuration refers to: every process that reads the configuration needs all of it."""
    names = ["fernet_key", "webserver_secret_key", "internal_api_secret_key", "sql_alchemy_conn"]
    if config.celery:
        names += ["celery_result_backend"] if config.broker.kind == "sqs" else ["broker_url", "celery_result_backend"]
    if config.secrets_backend is not None:
        names.append("secrets_backend_kwargs")
    return tuple(sorted(names))


def _init(config: StackConfig) -> Role:
    secrets = _airflow_secrets(config)
    variables = {"AIRFLOW_STACK_MIGRATE": str(config.migrates).lower()}
    if config.creates_admin:
        secrets = (*secrets, "admin_password")
        variables |= {
            "AIRFLOW_STACK_CREATE_ADMIN": "true",
            "AIRFLOW_STACK_ADMIN_USERNAME": config.admin.username,
            "AIRFLOW_STACK_ADMIN_FIRSTNAME": config.admin.firstname,
            "AIRFLOW_STACK_ADMIN_LASTNAME": config.admin.lastname,
            "AIRFLOW_STACK_ADMIN_EMAIL": config.admin.email,
        }
    # Everyone waits for it while they all start: it goes first.
    return Role("init", (f"{RUNTIME}/init",), secrets, one_shot=True, environment=variables, cpu_shares=4096)


def _webserver(config: StackConfig) -> Role:
    return Role(
        "webserver",
        ("airflow", "webserver"),
        _airflow_secrets(config),
        _probe("webserver"),
        environment=role_environment(config, "webserver"),
        port=8080,
    )


def _scheduler(config: StackConfig) -> Role:
    return Role(
        "scheduler",
        ("airflow", "scheduler"),
        _airflow_secrets(config),
        _probe("scheduler"),
        environment=role_environment(config, "scheduler"),
        runs_tasks=not config.celery,
    )


def _triggerer(config: StackConfig) -> Role:
    return Role(
        "triggerer",
        ("airflow", "triggerer"),
        _airflow_secrets(config),
        _probe("triggerer"),
        environment=role_environment(config, "triggerer"),
    )


def _worker(config: StackConfig) -> Role | None:
    if not config.celery:
        return None
    return Role(
        "worker",
        ("airflow", "celery", "worker", *(("--queues", ",".join(queues)) if (queues := config.worker.queues) else ())),
        _airflow_secrets(config),
        _probe("worker"),
        count=config.worker.count,
        # Celery's warm shutdown: dumb-init signals the parent alone, which lets its children finish their tasks.
        environment=role_environment(config, "worker")
        | {"AIRFLOW_STACK_STOP_TIMEOUT": str(config.worker.stop_timeout), "DUMB_INIT_SETSID": "0"},
        runs_tasks=True,
        stop_timeout=config.worker.stop_timeout,
    )


def _flower(config: StackConfig) -> Role | None:
    if not config.flower.enabled:
        return None
    return Role(
        "flower",
        ("airflow", "celery", "flower"),
        (*_airflow_secrets(config), "flower_basic_auth"),
        _probe("flower"),
        environment=role_environment(config, "flower"),
        port=5555,
    )
