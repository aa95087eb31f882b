"""One description of an Airflow deployment, from which every backend makes its resources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from airflow_stack.airflow.environment import RUNTIME as RUNTIME
from airflow_stack.airflow.environment import environment, role_environment
from airflow_stack.airflow.secrets import recipes
from airflow_stack.config import StackConfig
from airflow_stack.releases import RoleSpec

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

    spec: RoleSpec
    """What it is, whatever config says."""
    name: str
    command: tuple[str, ...]
    secrets: tuple[str, ...]
    """Names of the secret files that it reads."""
    probe: Probe | None = None
    count: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    """What it has beside the environment that all roles share."""
    runs_tasks: bool = False
    stop_timeout: int = 30
    """Seconds between SIGTERM and SIGKILL."""

    @property
    def one_shot(self) -> bool:
        """Whether it runs to its end before the others work."""
        return self.spec.one_shot

    @property
    def port(self) -> int | None:
        """Port that it serves on."""
        return self.spec.port

    @property
    def cpu_shares(self) -> int:
        """Weight where CPU is short; 0 is Docker's default, 1024."""
        return self.spec.cpu_shares


@dataclass(frozen=True)
class Deployment:
    """Everything about Airflow that no target changes."""

    version: str
    environment: dict[str, str]
    """Shared by all roles."""
    init: Role
    """Runs to its end before the others work: folders, migration, first user. It alone migrates."""
    roles: tuple[Role, ...]

    def one(self, **facts: object) -> Role:
        """The first role with these properties, as in ``one(serves="ui")``. Raises LookupError where none has them."""
        for role in self.roles:
            if all(getattr(role.spec, name) == value for name, value in facts.items()):
                return role
        raise LookupError(f"Airflow {self.version} has no role with {facts}")

    @property
    def runner(self) -> Role:
        """What runs tasks."""
        return next(role for role in self.roles if role.runs_tasks)


def describe(config: StackConfig) -> Deployment:
    """The deployment that this config asks for."""
    roles = tuple(_role(config, spec) for spec in there(config))
    init = _role(config, config.airflow.release.init)
    init = replace(init, environment=init.environment | _init_environment(config))
    return Deployment(config.airflow.version, environment(config), init, roles)


def there(config: StackConfig) -> tuple[RoleSpec, ...]:
    """The long-running roles that this config has."""
    return tuple(spec for spec in config.airflow.release.roles if not spec.when or config.at(spec.when))


def runs_tasks(config: StackConfig, spec: RoleSpec) -> bool:
    """Whether tasks run in it."""
    return spec.tasks == "always" or (spec.tasks == "without_workers" and not config.celery)


def _role(config: StackConfig, spec: RoleSpec) -> Role:
    arguments = [(name, ",".join(values)) for name, key in spec.arguments.items() if (values := config.at(key))]
    made = recipes(config)
    secrets = tuple(name for name in spec.secrets if name in made)
    variables = role_environment(config, spec, secrets)
    stop_timeout = config.at(spec.stop_timeout) if spec.stop_timeout else 30
    if spec.stop_timeout:
        # Celery's warm shutdown: dumb-init signals the parent alone, which lets its children finish their tasks.
        variables |= {"AIRFLOW_STACK_STOP_TIMEOUT": str(stop_timeout), "DUMB_INIT_SETSID": "0"}
    return Role(
        spec,
        spec.name,
        (*spec.command, *(word for argument in arguments for word in argument)),
        secrets,
        Probe(("CMD", f"{RUNTIME}/probe", spec.name)) if spec.probed else None,
        count=(config.at(spec.count) if spec.count else None) or 1,
        environment=variables,
        runs_tasks=runs_tasks(config, spec),
        stop_timeout=stop_timeout,
    )


def _init_environment(config: StackConfig) -> dict[str, str]:
    variables = {"AIRFLOW_STACK_MIGRATE": str(config.migrates).lower()}
    if config.airflow.upgrade_from:
        variables["AIRFLOW_STACK_UPGRADE_FROM"] = config.airflow.upgrade_from
    if config.creates_admin:
        variables |= {
            "AIRFLOW_STACK_CREATE_ADMIN": "true",
            "AIRFLOW_STACK_ADMIN_USERNAME": config.admin.username,
            "AIRFLOW_STACK_ADMIN_FIRSTNAME": config.admin.firstname,
            "AIRFLOW_STACK_ADMIN_LASTNAME": config.admin.lastname,
            "AIRFLOW_STACK_ADMIN_EMAIL": config.admin.email,
        }
    return variables
