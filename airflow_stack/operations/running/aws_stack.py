"""A stack on AWS that is up: asked and told through boto3, by what its outputs say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from airflow_stack.airflow import describe
from airflow_stack.airflow.advice import Advice
from airflow_stack.backends.aws.plan import AwsPlan, aws_plan
from airflow_stack.backends.aws.plan.environment import ONE_OFF
from airflow_stack.backends.aws.plan.memory import advice
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import plain_errors
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.run_task import OneOff
from airflow_stack.operations.run_task import run as run_task
from airflow_stack.operations.running import aws_logs, aws_servers, aws_shell, kills
from airflow_stack.operations.running.aws_services import Autoscaling, Services
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
from airflow_stack.releases import RoleSpec

# What the config takes at most.
MOST_WORKERS, MOST = 1000, 20


def outputs(program: Path, stack: str) -> dict[str, Any]:
    """The stack's outputs, without secrets. Raises OperationError where there is no Pulumi, or no stack that is up."""
    pulumi = PulumiCli.find(program, stack)
    if pulumi is None:
        raise OperationError(
            "Pulumi is not installed, which knows where the stack is.\nInstall it: https://www.pulumi.com/docs/install"
        )
    found = pulumi.outputs()
    if "cluster" not in found:
        raise OperationError(f"stack {stack!r} is not up.\nBring it up: pulumi up --stack {stack}")
    return found


@dataclass(frozen=True)
class AwsStack:
    """ECS services and what is around them; ``known`` is AwsOutputs, by the names of its fields."""

    name: str
    program: Path
    config: AwsConfig
    known: dict[str, Any]

    @classmethod
    def find(cls, program: Path, stack: str, config: AwsConfig) -> AwsStack:
        """Raises OperationError as `outputs` does. AWS is not asked."""
        return cls(stack, program, config, outputs(program, stack))

    def roles(self) -> tuple[str, ...]:
        return tuple(sorted(self.known["services"]))

    def urls(self) -> dict[str, str]:
        return {"Airflow": self.known["url"]}

    def status(self) -> list[RoleStatus]:
        with self._plain_errors():
            return [*self._services.status(self.roles()), *aws_servers.status(self._plan)]

    def work(self) -> Work | None:
        with self._plain_errors():
            found = aws_servers.work(self._plan, self.known["cluster"], self.known["services"][self._workers.name])
            return replace(found, kills=self.kills()) if found else None

    def kills(self) -> tuple[Kill, ...]:
        """Tasks that the kernel has killed for memory, as the workers' log has them; none where that log is in S3."""
        if self._plan.logs.firelens:
            return ()
        size, slots, now = self.config.target.worker, self.config.worker.concurrency, datetime.now(UTC)
        role = self._workers.name
        group = {role: self.known["log_groups"][role]}
        lines = aws_logs.search(self.known["region"], group, kills.MARKER, now - kills.WITHIN, now)
        found = [kill for line in lines for kill in kills.of_line(line.text, line.time, size.memory, slots, self._more)]
        return tuple(sorted(found, key=lambda kill: kill.time, reverse=True))

    def kills_of_facts(self, facts: Mapping[str, Any]) -> tuple[Kill, ...]:
        """The same, as `facts` has them."""
        return kills.of_facts(facts, self.config.target.worker.memory, self.config.worker.concurrency, self._more)

    @cached_property
    def _plan(self) -> AwsPlan:
        return aws_plan(self.config, describe(self.config))

    @cached_property
    def _workers(self) -> RoleSpec:
        return describe(self.config).one(elastic=True).spec

    @property
    def _more(self) -> Advice:
        return advice(self.config, self._workers)

    def logs(self, roles: Sequence[str], since: datetime | None, tail: int | None, follow: bool) -> Iterator[LogLine]:
        groups: dict[str, str] = self.known["log_groups"]
        wanted = [known_role(role, sorted(groups), self.name) for role in roles] or list(groups)
        routed = {family.role.name for family in self._plan.families if family.log_route == "Firehose"}
        elsewhere = [role for role in wanted if role in routed]
        if elsewhere and roles:
            raise OperationError(
                f"with target.logs.firelens the logs of {', '.join(elsewhere)} are in S3, and five minutes late.\n"
                f"Query them with Athena, in the workgroup {self._plan.logs.workgroup}, which has examples."
            )
        with self._plain_errors():
            shown = {role: groups[role] for role in wanted if role not in elsewhere}
            yield from aws_logs.read(self.known["region"], shown, since, tail, follow)

    def shell(self, role: str, command: Sequence[str]) -> int:
        known_role(role, self.roles(), self.name)
        if not self._plan.cluster.exec:
            raise OperationError(
                "a shell on AWS is off.\nAllow it with airflow-stack:target.exec: true in"
                f" Pulumi.{self.name}.yaml, and: pulumi up --stack {self.name}"
            )
        with self._plain_errors():
            return aws_shell.open_shell(self._services, role, command)

    def execute(
        self, command: Sequence[str], *, stdin: bytes = b"", output: Callable[[str], None] | None = None
    ) -> Completed:
        if stdin:
            raise OperationError("a task on AWS has no standard input.\nNothing was started.")
        lines: list[str] = []

        def out(line: str) -> None:
            lines.append(line)
            if output:
                output(line)

        code = run_task(self._one_off(command), lambda _: None, out)
        return Completed(code, "".join(f"{line}\n" for line in lines))

    def relay(self, command: Sequence[str], say: Say) -> int:
        return run_task(self._one_off(command), say, typer.echo)

    def run(self, command: Sequence[str], cpu: int | None, memory: int | None, say: Say) -> int:
        return run_task(self._one_off(command, cpu, memory), say, typer.echo)

    def ask(self, command: Sequence[str], *, stdin: bytes = b"") -> Any:
        printed: list[str] = []
        return answer(command, self.execute(command_line(command), stdin=stdin, output=printed.append), printed)

    def check_scale(self, role: str, count: int) -> None:
        known_role(role, self.roles(), self.name)
        most = MOST_WORKERS if role == self._workers.name else MOST
        if count > most:
            raise OperationError(f"{role} can be {most} at most, and not {count}.\nNothing was changed.")

    def scale(self, role: str, count: int, say: Say) -> None:
        """Where the autoscaler has bounds, ``count`` is the new lower one, and the upper one goes up to it at least."""
        self.check_scale(role, count)
        with self._plain_errors():
            autoscaling = Autoscaling(self._services)
            bounds = autoscaling.bounds().get(role)
            if bounds is not None:
                most = max(bounds.most, count)
                autoscaling.set_range(role, count, most)
                if role == self._workers.name:
                    say(f"the autoscaler keeps {role} between {count} and {most}, and adds when tasks wait")
            self._services.count({role: count})
            self._services.wait_for_counts([role], say)
        key = f"target.{role}.{'min' if role == self._workers.name else 'count'}"
        say(
            f"until the next `pulumi up --refresh --stack {self.name}`, which brings back what the config says;"
            f" airflow-stack:{key} makes it last"
        )

    def restart(self, role: str, say: Say) -> None:
        known_role(role, self.roles(), self.name)
        with self._plain_errors():
            self._services.restart(role, say)

    @contextmanager
    def stop_airflow(self, say: Say) -> Iterator[None]:
        with self._plain_errors():
            autoscaling = Autoscaling(self._services)
            before = {role: one["desiredCount"] for role, one in self._services.describe(self.roles()).items()}
            bounds = autoscaling.bounds()
        try:
            with self._plain_errors():
                # Else it would put workers back.
                for role in bounds:
                    autoscaling.suspend(role)
                self._services.count(dict.fromkeys(before, 0))
                self._services.wait_for_counts(before, say)
            yield
        finally:
            with self._plain_errors():
                self._services.count(before)
                for role, one in bounds.items():
                    autoscaling.suspend(role, one.suspended)
                self._services.wait_for_counts(before, say)

    @property
    def _services(self) -> Services:
        return Services(self.known["region"], self.known["cluster"], self.known["services"])

    def _plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self.known["region"])

    def _one_off(self, command: Sequence[str], cpu: int | None = None, memory: int | None = None) -> OneOff:
        return OneOff(
            region=self.known["region"],
            cluster=self.known["cluster"],
            task_definition=self.known["task_definitions"][ONE_OFF],
            container=ONE_OFF,
            command=list(command),
            subnets=self.known["subnets"],
            security_groups=[self.known["security_groups"][ONE_OFF]],
            assign_public_ip=self.known["assign_public_ip"],
            cpu=cpu,
            memory=memory,
        )
