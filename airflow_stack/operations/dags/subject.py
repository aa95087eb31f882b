"""What DAGs are tried in: image, environment and folders of a stack, whichever its target, without the stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_stack.airflow import describe
from airflow_stack.airflow.deployment import HOME
from airflow_stack.backends.images import PROJECT_FOLDERS, Image
from airflow_stack.backends.machine import AIRFLOW_UID
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.target import target_of_file

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
class Source:
    """What a target knows of it."""

    project: Path
    """Directory with the folders."""
    image: Image
    environment: dict[str, str]
    """Of the container that imports DAGs."""
    user: str = ""
    """``uid:gid``; empty for the image's own."""


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
    target = target_of_file(program, stack)
    client()  # first of all: without an engine nothing else is of use
    source: Source = target.dags(say)
    project, built = source.project, source.image
    folders = {name: project / name for name in PROJECT_FOLDERS if (project / name).is_dir()}
    if "dags" not in folders:
        raise OperationError(f"there is no folder of DAGs: {project / 'dags'} is missing.\nCreate it, or set"
                             " target.project_dir to the directory that holds it.")  # fmt: skip
    if not image_build.exists(built.tag):
        say(f"image: {built.tag}")
        image_build.build(built, program, say)
    deployment = describe(target.config)
    parser, runner = deployment.one(parses=True), deployment.runner
    return Subject(
        stack, program, built, source.user or f"{AIRFLOW_UID}:0", _environment(source.environment), parser.secrets,
        folders, target.memory(parser), target.memory(runner),
    )  # fmt: skip


def _environment(environment: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environment.items() if key not in WITHOUT}
    files = f'{{"connections_file_path": "{GIVEN}/connections.json", "variables_file_path": "{GIVEN}/variables.json"}}'
    return kept | INSTEAD | {"AIRFLOW__SECRETS__BACKEND_KWARGS": files, "AIRFLOW_HOME": HOME}
