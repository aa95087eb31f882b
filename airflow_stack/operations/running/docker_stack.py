"""A stack of this machine that is up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from airflow_stack.airflow import Deployment, Role, describe
from airflow_stack.airflow.advice import Advice
from airflow_stack.backends import memory
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.backends.memory import Limit
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running import (
    docker_exec,
    docker_logs,
    docker_run,
    docker_scale,
    docker_status,
    kills,
    stopping,
)
from airflow_stack.operations.running.docker_exec import Lines, Sink
from airflow_stack.operations.running.interface import (
    Completed,
    Kill,
    LogLine,
    RoleStatus,
    Say,
    Work,
    answer,
    command_line,
    known_role,
)
from airflow_stack.operations.running.troubles import troubles
from airflow_stack.releases import RoleSpec


@dataclass(frozen=True)
class DockerStack:
    """Containers, found anew at each question."""

    name: str
    program: Path
    config: LocalConfig
    plan: Plan

    @classmethod
    def find(cls, program: Path, stack: str, config: LocalConfig, *, to_replace: bool = False) -> DockerStack:
        """Raises OperationError where it has no container, or Docker does not answer.

        One that was moved is refused as well, but where an `up` is about to replace its containers.
        """
        if not to_replace:
            ownership.look(config, program, stack).refuse_moved()
        if not containers.find(config, program, stack):
            others = namesakes(config, program, stack)
            raise OperationError(f"stack {stack!r} is not up{others}.\nBring it up: airflow-stack up -s {stack}")
        return cls(stack, program, config, plan(config, describe(config), Machine.of(config, program, stack)))

    def roles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(containers.role(container) for container in self._containers()))

    def urls(self) -> dict[str, str]:
        flower = {"Flower": self.plan.flower_url} if self.plan.flower_url else {}
        return {"Airflow": self.plan.url} | flower

    def status(self) -> list[RoleStatus]:
        return docker_status.status(self._containers(), self.plan, docker_scale.scaled(self.program, self.name))

    def work(self) -> Work | None:
        try:
            found = self.tasks()
            tasks = found["tasks"]
        except (OperationError, KeyError):
            return None
        lately = tuple(stopping.cut_off(found, stopping.LATELY))
        told = tuple(map(str, troubles(found, self.config)))
        return Work(tasks["running"]["count"], tasks["queued"]["count"], lately, told, self.kills(found))

    def kills(self, facts: Mapping[str, Any]) -> tuple[Kill, ...]:
        """Of the tasks that `facts` tells to have been killed for memory, those whose cause is still there."""
        role = self._deployment.runner.name
        found = self.limits[role]
        return kills.of_facts(facts, found.mib, self.config.worker.concurrency, self.advice(role))

    @property
    def limits(self) -> dict[str, Limit]:
        return memory.limits(self.config, self._engine)

    def advice(self, role: str) -> Advice:
        """What a role should have that was killed for memory."""
        return memory.advice(self.config, self.limits, self._engine, role)

    @property
    def _engine(self) -> int:
        return Machine.of(self.config, self.program, self.name).memory

    def logs(self, roles: Sequence[str], since: datetime | None, tail: int | None, follow: bool) -> Iterator[LogLine]:
        wanted = {known_role(role, self.roles(), self.name) for role in roles} or set(self.roles())

        def find() -> list[Container]:
            return [one for one in self._containers() if containers.role(one) in wanted]

        return docker_logs.follow(find, since, tail) if follow else docker_logs.past(find(), since, tail)

    def shell(self, role: str, command: Sequence[str]) -> int:
        known_role(role, self.roles(), self.name)
        running = [one for one in self._of(role) if containers.is_running(one)]
        if not running:
            raise OperationError(
                f"no container of {role} runs.\nAll of them: airflow-stack status -s {self.name}; a command of Airflow"
                f" in one of its own: airflow-stack run -s {self.name} -- airflow ..."
            )
        return docker_exec.open_shell(running[0], command, airflow=self._is_airflow(running[0]))

    def execute(
        self, command: Sequence[str], *, stdin: bytes = b"", output: Callable[[str], None] | None = None
    ) -> Completed:
        whole = bytearray()
        lines, errors = Lines(output or (lambda _: None)), Lines(output or (lambda _: None))

        def out(data: bytes) -> None:
            whole.extend(data)
            lines(data)

        code = self._execute(command, stdin, out, errors)
        lines.end()
        errors.end()
        return Completed(code, whole.decode(errors="replace"))

    def relay(self, command: Sequence[str], say: Say) -> int:  # noqa: ARG002 - AWS has something to say
        return self._execute(command, b"", _to(sys.stdout), _to(sys.stderr))

    def run(self, command: Sequence[str], cpu: int | None, memory: int | None, say: Say) -> int:  # noqa: ARG002
        out, err = _to(sys.stdout), _to(sys.stderr)
        return docker_run.run(self._template(), self.config, command, b"", out, err, cpu=cpu, memory=memory)

    def ask(self, command: Sequence[str], *, stdin: bytes = b"") -> Any:
        printed: list[str] = []
        return answer(command, self.execute(command_line(command), stdin=stdin, output=printed.append), printed)

    def check_scale(self, role: str, count: int) -> None:
        known_role(role, self.roles(), self.name)
        if role not in self._airflow_roles:
            raise OperationError(
                f"{role} can't be scaled: there is one of it in a stack of this machine.\n"
                f"Roles that can: {', '.join(self._airflow_roles)}"
            )
        if not self._spec(role).count and count > 1:
            raise OperationError(
                f"{role} can be 0 or 1 on this machine, and not {count}: its name and its port are one container's.\n"
                "Nothing was changed."
            )

    def scale(self, role: str, count: int, say: Say) -> None:
        self.check_scale(role, count)
        with self._watched([one for one in self._of(role)[count:] if containers.is_running(one)], say):
            docker_scale.scale(self.config, self.program, self.name, role, count, say)
        if role in docker_scale.scaled(self.program, self.name):
            key = self._spec(role).count
            lasting = f"; airflow-stack:{key}: {count} makes it last" if key and count else ""
            say(f"until the next `airflow-stack up -s {self.name}`, which brings back what the config says{lasting}")

    def restart(self, role: str, say: Say) -> None:
        known_role(role, self.roles(), self.name)
        running = [one for one in self._of(role) if containers.is_running(one)]
        if not running:
            start = f"airflow-stack scale -s {self.name} {role}=1"
            again = "it runs to its end at each `up`" if role == self._deployment.init.name else start
            raise OperationError(f"no container of {role} runs that could be restarted: {again}")
        for container in running:
            say(f"restarting {containers.service(container)}")
            with self._watched([container], say):
                container.restart(timeout=containers.grace(container))
                containers.wait_until_healthy([container], say)

    @contextmanager
    def stop_airflow(self, say: Say) -> Iterator[None]:
        running = [one for one in self._containers() if self._is_airflow(one) and containers.is_running(one)]
        try:
            with self._watched(running, say):
                containers.stop(running, say)
            yield
        finally:
            for container in running:
                with suppress(NotFound):  # the wait says so, when the others are started
                    container.start()
            containers.wait_until_healthy(running, say)

    def tasks(self) -> Mapping[str, Any]:
        """Names of the tasks at work, and of those that were cut off lately. Raises OperationError as `ask` does."""
        found: Mapping[str, Any] = self.ask(["facts", "work"])
        return found

    def stop_tasks(self, say: Say) -> None:
        """Stop what runs tasks, where it has some, ahead of the rest, which can then be asked who was cut off."""
        runners = {role.name for role in self._deployment.roles if role.runs_tasks}
        running = [one for one in self._containers() if containers.role(one) in runners and containers.is_running(one)]
        if running and self._at_work(running):
            with self._watched(running, say):
                containers.stop(running, say)

    def _at_work(self, running: Sequence[Container]) -> bool:
        try:
            return bool(stopping.running_on(self.tasks(), [containers.host(one) for one in running]))
        except (OperationError, DockerException):
            return False

    def _watched(self, leaving: Sequence[Container], say: Say) -> AbstractContextManager[None]:
        hosts = [containers.host(one) for one in leaving if self._is_airflow(one)]
        return stopping.watched(self.tasks, hosts, say)

    def _containers(self) -> list[Container]:
        return containers.find(self.config, self.program, self.name)

    def _of(self, role: str) -> list[Container]:
        return [one for one in self._containers() if containers.role(one) == role]

    @cached_property
    def _deployment(self) -> Deployment:
        return describe(self.config)

    def _spec(self, role: str) -> RoleSpec:
        return self._deployment.one(name=role).spec

    @property
    def _airflow_roles(self) -> tuple[str, ...]:
        return tuple(role.name for role in self._deployment.roles)

    def _is_airflow(self, container: Container) -> bool:
        return containers.role(container) in self._airflow_roles

    def _execute(self, command: Sequence[str], stdin: bytes, out: Sink, err: Sink) -> int:
        """In a container that runs; where Airflow is stopped, in one of its own."""
        running = [container for container in self._containers() if containers.is_running(container)]
        for role in sorted(self._deployment.roles, key=_prefers):
            for container in running:
                if containers.role(container) == role.name and role.spec.serves != "monitor":
                    return docker_exec.execute(container, command, stdin, out, err)
        return docker_run.run(self._template(), self.config, command, stdin, out, err)

    def _template(self) -> Container:
        """What a container of its own is a copy of: one that reaches what tasks reach."""
        ownership.look(self.config, self.program, self.name).refuse_moved()
        found = self._containers()
        for role in (self._deployment.runner, self._deployment.one(schedules=True)):
            for container in found:
                if containers.role(container) == role.name:
                    return container
        raise OperationError(
            f"stack {self.name!r} has neither a worker nor a scheduler.\nBring it up: airflow-stack up -s {self.name}"
        )


def _prefers(role: Role) -> tuple[bool, ...]:
    """Where a command runs: who has the least to lose by a neighbour comes last."""
    return (not role.spec.schedules, role.spec.tasks != "always", role.spec.serves is not None)


def namesakes(config: LocalConfig, program: Path, stack: str) -> str:
    """A word on stacks of this name that are up and are not this one; empty where there is none."""
    others = ownership.look(config, program, stack).namesakes()
    places = " and ".join(f"those {owner.place}" for owner in others)
    return f" here: the containers of a stack of that name are {places}" if others else ""


def _to(stream: Any) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        stream.buffer.write(data)
        stream.buffer.flush()

    return write
