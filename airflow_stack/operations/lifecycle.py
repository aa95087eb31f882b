"""Bring a local stack up and take it down, with whatever this machine has."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container as DockerContainer
from pydantic import ValidationError

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import files, generated
from airflow_stack.backends import secret_files
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import Plan, plan, servers
from airflow_stack.backends.identity import Identity, has_secrets
from airflow_stack.backends.labels import MANAGED_BY, SERVICE
from airflow_stack.backends.machine import ORIGIN_FILE, Machine, memory_file
from airflow_stack.config import SECRET_KEYS, ConfigError, LocalConfig, Secrets, read_stack_file
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.load import secrets_directory
from airflow_stack.config.problems import secret_problems
from airflow_stack.errors import OperationError, StackError
from airflow_stack.operations import engine_memory, origin, ownership
from airflow_stack.operations.compose_cli import ComposeCli
from airflow_stack.operations.docker_setup import ensure_engine
from airflow_stack.operations.health import wait_until_healthy
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.ownership import Kind, Ownership, Thing, named
from airflow_stack.operations.prepare import prepare
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.recovery import judged, part, recover
from airflow_stack.operations.running import docker_scale, stopping
from airflow_stack.operations.running.docker_stack import DockerStack
from airflow_stack.operations.target import target_of, target_of_file


def up(directory: Path, stack: str, say: Say, *, use_compose: bool = False) -> None:
    """Everything from a bare machine to a healthy stack. Raises OperationError or ConfigError."""
    start = time.monotonic()
    program = directory.resolve()
    found, set_secrets = read_stack_file(program, stack)
    config = target_of(found, program, stack).on_this_machine("this brings up stacks of this machine")
    Identity.read(program, stack).refuse_closed()
    ensure_engine(say)
    with (
        _untouched_where_refused(program, stack),
        stopping.replaced(lambda: _tasks(program, stack, config), config.worker.stop_timeout, say),
    ):
        origin.settle(config, program, say)
        engine_memory.settle(config, program, stack, say)
        docker_scale.settle(config, program, stack, say)
        pulumi = None if use_compose else _usable_pulumi(program, stack, say)
        if pulumi is not None:
            recover(pulumi, config, say)
            pulumi.up()
        else:
            _compose_up(config, set_secrets, program, stack, say)
    for line in _summary(config, program, stack):
        say(line)
    say(f"ready in {time.monotonic() - start:.0f} s")


@contextmanager
def _untouched_where_refused(program: Path, stack: str) -> Iterator[None]:
    """An `up` that has created nothing leaves no records of it: they would look like those of a stack.

    What Pulumi keeps there stays: its passphrase may be in use by then.
    """
    secrets = secrets_directory(program, stack)
    records = (program / ORIGIN_FILE, memory_file(program, stack), secrets, secrets.parent, secrets.parent.parent)
    new = [path for path in records if not path.exists()]
    try:
        yield
    except StackError:
        if not Identity.read(program, stack).id:
            for path in new:
                with suppress(OSError):  # it was never made, or there is more in it
                    path.rmdir() if path.is_dir() else path.unlink()
        raise


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
    """Remove the stack. Data volumes and secrets stay, unless config calls the stack throw-away.

    Nothing of another stack is touched, nor of one of this name in another directory. The first one after a move keeps
    the data in any case.
    """
    program = directory.resolve()
    finish = f"workers with tasks finish first by airflow-stack scale -s {stack} worker=0, and are stopped without it"
    config = target_of_file(program, stack).on_this_machine(
        f"this takes down stacks of this machine; {finish}", "pulumi destroy"
    )
    Identity.read(program, stack).refuse_closed()
    machine = Machine.of(config, program, stack)
    keep_data = plan(config, describe(config), machine).keep_data
    ensure_engine(say)
    pulumi = PulumiCli.that_may_know(program, stack)
    found = judged(pulumi, config) if pulumi is not None else ownership.look(config, program, stack)
    moved = found.moved_from
    if moved:
        # That a directory is gone is no proof that this one is no copy: what can be made anew goes, and data stays.
        say(f"this stack was moved from {moved}: what it left there is taken down")
        ownership.settle(program, stack)
    was_up = bool(found.ours("container") or found.ours("network"))
    data = found.ours("volume")
    had_data = bool(data) or has_secrets(program, stack)
    with suppress(OperationError):  # it is not up: there is nothing to wait for
        DockerStack.find(program, stack, config, to_replace=True).stop_tasks(say)
    docker_scale.clear(config, program, stack, say)
    if pulumi is not None and _managed_by(found) != "compose" and (was_up or not found.misplaced()):
        part(pulumi, found, say)
        pulumi.forget() if moved and not keep_data else pulumi.destroy()
    _remove_rest(config, program, stack, say)
    if moved and not keep_data:
        say(f"its data is kept this once; to delete it: airflow-stack down -s {stack}")
        keep_data = True
    if not keep_data:
        _remove_volumes(data)
    docker_scale.forget(program, stack)
    if keep_data or not (was_up or had_data):
        say(_farewell(program, stack, data, was_up=was_up))
    else:
        shutil.rmtree(secrets_directory(program, stack), ignore_errors=True)
        done = "is down, and its data deleted" if was_up or data else "was not up here: its secrets are deleted"
        say(f"stack {stack!r} {done}")
    for owner in dict.fromkeys([*found.originals(), *found.namesakes()]):
        say(f"left alone: what is {owner}" + (f"; to {owner.take_down}" if owner.is_there else ""))


def _farewell(program: Path, stack: str, data: Sequence[Thing], *, was_up: bool) -> str:
    """What has become of the stack, and what of it is still there."""
    kept = [volume for volume in data if named("volume", volume.name)]
    head = f"stack {stack!r} is down" if was_up else f"stack {stack!r} was not up: there is nothing to remove"
    what = [", ".join(sorted(volume.name for volume in kept))] if kept else []
    if has_secrets(program, stack):
        what.append(f"the secrets in {secrets_directory(program, stack)}")
    return f"{head}. Kept: {', and '.join(what)}" if what else head


def _tasks(program: Path, stack: str, config: LocalConfig) -> Mapping[str, Any]:
    return DockerStack.find(program, stack, config, to_replace=True).tasks()


def _compose_up(config: LocalConfig, set_secrets: set[str], program: Path, stack: str, say: Say) -> None:
    machine = Machine.of(config, program, stack)
    planned = plan(config, describe(config), machine)
    values = _values_without_pulumi(config, set_secrets, machine, stack)
    prepare(config, set_secrets, planned, machine, stack, "compose", say)
    machine = replace(machine, id=ownership.settle(program, stack).id)
    contents = files(config, values, servers(config))
    secret_files.write(machine.secrets, values, contents)
    file = machine.secrets.parent / "compose.yaml"
    made = _labels_that_are_there(planned)
    file.write_text(render(compose(planned, machine, stack, contents, made)), encoding="utf-8")
    command = ComposeCli.find(file, _project(planned))
    _remove_orphans(config, planned, program, stack, say)
    command.run("up", "--detach", "--no-build")
    wait_until_healthy(planned, say)


def _labels_that_are_there(planned: Plan) -> dict[str, dict[str, str]]:
    """By name, those of the plan's networks and volumes that are there: Docker can't change them."""
    wanted: list[tuple[Kind, str]] = [("network", network.name) for network in planned.networks.values()]
    wanted += [("volume", name) for name in planned.volumes.values()]
    there = [thing for kind, name in wanted if (thing := named(kind, name))]
    return {
        thing.name: {key: value for key, value in thing.labels.items() if not key.startswith("com.docker.compose.")}
        for thing in there
    }


def _remove_orphans(config: LocalConfig, planned: Plan, program: Path, stack: str, say: Say) -> None:
    """What the stack file no longer asks for.

    Not by Compose's --remove-orphans: by that, whatever else has a project of this name on this machine would go.
    """
    names = {container.name for container in planned.containers}
    found = ownership.look(config, program, stack)
    # What `run`, `backup` and the like have made is no tool's, and at work.
    made = [one for one in ownership.containers(found) if MANAGED_BY in one.labels]
    _remove_all([one for one in made if one.name not in names], say)


def _values_without_pulumi(config: LocalConfig, set_secrets: set[str], machine: Machine, stack: str) -> dict[str, str]:
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
    _check_kept(values, machine.secrets / secret_files.VALUES, stack)
    for secret in generated(config):
        values.setdefault(secret.key, secret_files.generate(secret))
    return values


def _check_kept(values: Mapping[str, str], folder: Path, stack: str) -> None:
    """By the rules of a secret in config, as who writes a file by hand knows them. Raises ConfigError."""
    try:
        Secrets.model_validate({key: value.strip() for key, value in values.items() if key in SECRET_KEYS})
    except ValidationError as error:
        problems = [replace(one, mend=f"write it to {folder / one.key}") for one in secret_problems(error, stack)]
        raise ConfigError(problems, str(folder)) from None


def _project(planned: Plan) -> str:
    """Compose's project name: the main network's, which differs between two stacks of one machine."""
    return planned.networks["airflow"].name


def _managed_by(found: Ownership) -> str | None:
    # What `scale` and `run` have added is no tool's.
    tools = [thing.labels[MANAGED_BY] for thing in found.ours("container") if MANAGED_BY in thing.labels]
    return tools[0] if tools else None


def _remove_rest(config: LocalConfig, program: Path, stack: str, say: Say) -> None:
    """What no tool's state knows: a Compose stack, or what an interrupted run has left."""
    found = ownership.look(config, program, stack)
    _remove_all(ownership.containers(found), say)
    for network in ownership.networks(found):
        try:
            network.remove()
        except APIError as error:
            raise OperationError(f"network {network.name} could not be removed: {error.explanation}") from None


def _remove_volumes(data: Sequence[Thing]) -> None:
    """Those that are still there: Pulumi has removed its own."""
    for volume in ownership.volumes(data):
        try:
            volume.remove()
        except APIError as error:
            raise OperationError(f"volume {volume.name} could not be removed: {error.explanation}") from None


def _remove_all(containers: list[DockerContainer], say: Say) -> None:
    """The data stores last: a worker without its broker does not find the end of its own shutdown."""
    data = [container for container in containers if container.labels.get(SERVICE) in ("postgres", "redis")]
    for group in ([container for container in containers if container not in data], data):
        with ThreadPoolExecutor(max_workers=max(1, len(group))) as pool:
            for name in pool.map(_remove, group):
                say(f"removed {name}")


def _remove(container: DockerContainer) -> str:
    """Stop it as it wants to be stopped, workers after their tasks, and remove it."""
    try:
        container.stop(timeout=container.attrs["Config"].get("StopTimeout") or 30)
        container.remove(force=True)
    except NotFound:
        pass
    except APIError as error:
        raise OperationError(f"container {container.name} could not be removed: {error.explanation}") from None
    return str(container.name)


def _summary(config: LocalConfig, program: Path, stack: str) -> list[str]:
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
