"""Bring a local stack up and take it down, with whatever this machine has."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.models.containers import Container as DockerContainer

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import files, generated
from airflow_stack.backends import secret_files
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import Plan, plan, servers
from airflow_stack.backends.labels import MANAGED_BY, SERVICE, STACK
from airflow_stack.backends.machine import Machine
from airflow_stack.config import StackConfig, read_stack_file
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.errors import OperationError
from airflow_stack.operations import engine_memory, origin
from airflow_stack.operations.compose_cli import ComposeCli
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.docker_setup import ensure_engine
from airflow_stack.operations.health import wait_until_healthy
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.prepare import prepare
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.recovery import recover
from airflow_stack.operations.running import docker_scale
from airflow_stack.operations.targets import require_local


def up(directory: Path, stack: str, say: Say, *, use_compose: bool = False) -> None:
    """Everything from a bare machine to a healthy stack. Raises OperationError or ConfigError."""
    start = time.monotonic()
    program = directory.resolve()
    config, set_secrets = read_stack_file(program, stack)
    require_local(config, stack, "this brings up stacks of this machine")
    ensure_engine(say)
    origin.settle(config, program, say)
    engine_memory.settle(config, program, stack, say)
    docker_scale.settle(config, program, stack, say)
    pulumi = None if use_compose else _usable_pulumi(program, stack, say)
    if pulumi is not None:
        recover(pulumi, stack, say)
        pulumi.up()
    else:
        _compose_up(config, set_secrets, program, stack, say)
    for line in _summary(config, program, stack):
        say(line)
    say(f"ready in {time.monotonic() - start:.0f} s")


def _usable_pulumi(program: Path, stack: str, say: Say) -> PulumiCli | None:
    """Pulumi with its providers; None, and a word about it, where one of them can't be had."""
    pulumi = PulumiCli.find(program, stack, say)
    plugin = pulumi.missing_plugin() if pulumi else None
    if pulumi is None or plugin:
        what = f"Pulumi's provider {plugin}" if plugin else "no Pulumi command line"
        say(f"{what} could {'not ' if plugin else ''}be had: the same stack comes up by Docker Compose")
        return None
    return pulumi


def down(directory: Path, stack: str, say: Say) -> None:
    """Remove the stack. Data volumes and secrets stay, unless config calls the stack throw-away."""
    program = directory.resolve()
    config, _ = read_stack_file(program, stack)
    require_local(config, stack, "this takes down stacks of this machine", "pulumi destroy")
    machine = Machine.of(config, program, stack)
    planned = plan(config, describe(config), machine)
    ensure_engine(say)
    docker_scale.clear(config, stack, say)
    if _managed_by(stack) != "compose":
        pulumi = PulumiCli.find(program, stack)
        if pulumi is not None:
            pulumi.destroy()
    _remove_rest(planned, stack, say)
    docker_scale.forget(program, stack)
    if planned.keep_data:
        kept = ", ".join(planned.volumes.values())
        say(f"stack {stack!r} is down. Kept: {kept or 'no volume'}, and the secrets in {machine.secrets}")
    else:
        shutil.rmtree(machine.secrets, ignore_errors=True)
        say(f"stack {stack!r} is down, and its data deleted")


def _compose_up(config: StackConfig, set_secrets: set[str], program: Path, stack: str, say: Say) -> None:
    machine = Machine.of(config, program, stack)
    planned = plan(config, describe(config), machine)
    values = _values_without_pulumi(config, set_secrets, machine, stack)
    prepare(config, set_secrets, planned, machine, stack, "compose", say)
    contents = files(config, values, servers(config))
    secret_files.write(machine.secrets, values, contents)
    file = machine.secrets.parent / "compose.yaml"
    file.write_text(render(compose(planned, machine, stack, contents)), encoding="utf-8")
    ComposeCli.find(file, _project(planned)).run("up", "--detach", "--no-build", "--remove-orphans")
    wait_until_healthy(planned, say)


def _values_without_pulumi(config: StackConfig, set_secrets: set[str], machine: Machine, stack: str) -> dict[str, str]:
    """Kept values, and new ones for the rest. Raises OperationError for those that only Pulumi can read."""
    values = secret_files.kept(machine.secrets)
    unreadable = sorted(set_secrets - values.keys())
    if unreadable:
        folder = machine.secrets / secret_files.VALUES
        raise OperationError(
            f"Pulumi.{stack}.yaml holds encrypted secrets, which Pulumi alone reads: {', '.join(unreadable)}.\n"
            f"Install Pulumi, or write each value to a file of its name in {folder}, or remove it:"
            f" {NAMESPACE}:{unreadable[0]}"
        )
    for secret in generated(config):
        values.setdefault(secret.key, secret_files.generate(secret))
    return values


def _project(planned: Plan) -> str:
    """Compose's project name: the main network's, which differs between two stacks of one machine."""
    return planned.networks["airflow"].name


def _managed_by(stack: str) -> str | None:
    # What `scale` and `run` have added is no tool's.
    found = client().containers.list(all=True, filters={"label": [f"{STACK}={stack}", MANAGED_BY]})
    return found[0].labels[MANAGED_BY] if found else None


def _remove_rest(planned: Plan, stack: str, say: Say) -> None:
    """What no tool's state knows: a Compose stack, or what an interrupted run has left."""
    label: dict[str, str | list[str] | bool] = {"label": f"{STACK}={stack}"}
    containers = client().containers.list(all=True, filters=label)
    data = [container for container in containers if container.labels.get(SERVICE) in ("postgres", "redis")]
    # The data stores last: a worker without its broker does not find the end of its own shutdown.
    for group in ([container for container in containers if container not in data], data):
        with ThreadPoolExecutor(max_workers=max(1, len(group))) as pool:
            for name in pool.map(_remove, group):
                say(f"removed {name}")
    for network in client().networks.list(filters=label):
        network.remove()
    if not planned.keep_data:
        for volume in client().volumes.list(filters=label):
            try:
                volume.remove()
            except APIError as error:
                raise OperationError(f"volume {volume.name} could not be removed: {error.explanation}") from None


def _remove(container: DockerContainer) -> str:
    """Stop it as it wants to be stopped, workers after their tasks, and remove it."""
    with suppress(NotFound):
        container.stop(timeout=container.attrs["Config"].get("StopTimeout") or 30)
        container.remove(force=True)
    return str(container.name)


def _summary(config: StackConfig, program: Path, stack: str) -> list[str]:
    machine = Machine.of(config, program, stack)
    planned = plan(config, describe(config), machine)
    lines = [f"Airflow:  {planned.url}"]
    if planned.flower_url:
        lines.append(f"Flower:   {planned.flower_url}")
    password = machine.secrets / secret_files.VALUES / "admin_password"
    lines += [
        f"login:    {config.admin.username}",
        f"password: cat {password}",
        f"DAGs:     {machine.project / 'dags'}",
        f"down:     make down STACK={stack}",
    ]
    return lines
