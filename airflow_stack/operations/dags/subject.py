"""What DAGs are tried in: image, environment and folders of a stack, whichever its target, without the stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_stack.airflow import Role, describe
from airflow_stack.airflow.deployment import HOME
from airflow_stack.backends.containers import plan
from airflow_stack.backends.images import PROJECT_FOLDERS, Image, image
from airflow_stack.backends.machine import AIRFLOW_UID, Machine
from airflow_stack.backends.memory import limits
from airflow_stack.config import StackConfig, read_stack_file
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build, origin
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say

BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
GIVEN = "/run/given"

# What reaches for a server that is not there, or belongs to the database that is not used.
WITHOUT = ("DOCKER_HOST", "AIRFLOW__SECRETS__BACKEND_KWARGS_CMD", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS",
           "AIRFLOW__DATABASE__SQL_ALCHEMY_ENGINE_ARGS")  # fmt: skip
INSTEAD = {
    "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
    "AIRFLOW__METRICS__STATSD_ON": "False",
    "AIRFLOW__METRICS__OTEL_ON": "False",
    "AIRFLOW__SENTRY__SENTRY_ON": "False",
    "AIRFLOW__SECRETS__BACKEND": BACKEND,
}


@dataclass(frozen=True)
class Memory:
    """Of a container that does the work of a role."""

    mib: int
    """Its limit."""
    key: str
    """Config key that sets it."""

    @property
    def advice(self) -> str:
        """How it is given more."""
        return f"raise {NAMESPACE}:{self.key} (now {self.mib})"


@dataclass(frozen=True)
class Subject:
    """One stack's DAGs, and all that their container is made of."""

    stack: str
    program: Path
    image: Image
    user: str
    """``uid:gid`` of the container."""
    environment: dict[str, str]
    secrets: tuple[str, ...]
    """Names of the secret files that Airflow's configuration refers to."""
    folders: dict[str, Path]
    """Of the project, by name; those that are there."""
    import_memory: Memory
    """Of what imports DAGs."""
    task_memory: Memory
    """Of what runs tasks."""


def subject(directory: Path, stack: str, say: Say) -> Subject:
    """The stack's subject, its image built where it is missing. Raises ConfigError; OperationError without Docker."""
    program = directory.resolve()
    config, _ = read_stack_file(program, stack)
    client()  # first of all: without an engine nothing else is of use
    of = _aws(config, program, say) if config.on_aws else _local(config, program, stack, say)
    project, built, user, environment = of
    folders = {name: project / name for name in PROJECT_FOLDERS if (project / name).is_dir()}
    if "dags" not in folders:
        raise OperationError(f"there is no folder of DAGs: {project / 'dags'} is missing.\nCreate it, or set"
                             " target.project_dir to the directory that holds it.")  # fmt: skip
    if not image_build.exists(built.tag):
        say(f"image: {built.tag}")
        image_build.build(built, program, say)
    deployment = describe(config)
    parser, runner = deployment.one(parses=True), deployment.runner
    return Subject(
        stack, program, built, user, _environment(environment), parser.secrets, folders,
        _memory(config, program, stack, parser), _memory(config, program, stack, runner),
    )  # fmt: skip


def _local(config: StackConfig, program: Path, stack: str, say: Say) -> tuple[Path, Image, str, dict[str, str]]:
    """As the container that imports DAGs."""
    origin.settle(config, program, say)
    machine = Machine.of(config, program, stack)
    planned = plan(config, describe(config), machine)
    container = next(each for each in planned.containers if each.role and each.role.parses)
    return machine.project, container.image, container.user, container.environment


def _aws(config: StackConfig, program: Path, say: Say) -> tuple[Path, Image, str, dict[str, str]]:
    """The image below the project's, for this machine's processor, with the folders that the project's image copies.

    The options that AWS adds are about servers, logs and metrics: no import and no task depends on them here.
    """
    target = config.aws
    project = (program / Path(target.project_dir).expanduser()).resolve()
    of = target.image_origin if target.image_origin == "debian" else origin.recorded(config, program, say)
    built = image("airflow", config, program, of)
    deployment = describe(config)
    own = deployment.one(parses=True).environment
    environment = deployment.environment | own | {"AWS_DEFAULT_REGION": target.region}
    return project, built, f"{AIRFLOW_UID}:0", environment


def _environment(environment: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environment.items() if key not in WITHOUT}
    files = f'{{"connections_file_path": "{GIVEN}/connections.json", "variables_file_path": "{GIVEN}/variables.json"}}'
    return kept | INSTEAD | {"AIRFLOW__SECRETS__BACKEND_KWARGS": files, "AIRFLOW_HOME": HOME}


def _memory(config: StackConfig, program: Path, stack: str, role: Role) -> Memory:
    if config.on_aws:
        return Memory(config.aws.size(role.spec.section).memory, f"target.{role.spec.section}.memory")
    limit = limits(config, Machine.of(config, program, stack).memory)[role.name]
    return Memory(limit.mib, limit.key)
