"""A stack on AWS."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_stack.config import AwsConfig, LocalConfig, Secrets
from airflow_stack.errors import OperationError
from airflow_stack.operations.target.interface import Target

if TYPE_CHECKING:
    from airflow_stack.airflow import Deployment, Role
    from airflow_stack.backends.aws.plan import AwsPlan
    from airflow_stack.cost import Estimate, Load
    from airflow_stack.operations.backup.aws_target import AwsTarget
    from airflow_stack.operations.dags.subject import Memory, Source
    from airflow_stack.operations.diff.facts import Fact
    from airflow_stack.operations.doctor.finding import Group, Look
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.places import Place
    from airflow_stack.operations.graph.topology import Topology
    from airflow_stack.operations.running.aws_stack import AwsStack
    from airflow_stack.operations.running.interface import Say
    from airflow_stack.operations.task_containers import Containers
    from airflow_stack.outputs import StackOutputs

# Handed to Pulumi by name: to import them here would cost every preview two SDKs.
ATTACH = "airflow_stack.operations.first_capacity:attach"
PUSH = "airflow_stack.operations.registry_push:push"
RUN = "airflow_stack.operations.run_task:run_or_fail"
SETTLE = "airflow_stack.operations.rollout:settle"
FORGET = "airflow_stack.operations.rollout:forget"


class OnAws(Target[AwsConfig, "AwsStack"]):
    """Its services belong to an account, which is asked by the AWS SDK alone."""

    @property
    def place(self) -> str:
        return f"AWS, {self.config.target.region}"

    @property
    def policed(self) -> bool:
        return True

    @property
    def by_pulumi_alone(self) -> bool:
        return True

    @property
    def image_origin(self) -> str:
        return self.config.target.image_origin

    @property
    def next_command(self) -> str:
        return f"pulumi preview --stack {shlex.quote(self.stack)}"

    def on_this_machine(self, why: str, instead: str = "pulumi up") -> LocalConfig:
        raise OperationError(
            f"stack {self.stack!r} runs on AWS: {why}.\n"
            f"Nothing was changed. Use: {instead} --stack {shlex.quote(self.stack)}"
        )

    def on_aws(self) -> AwsConfig:
        return self.config

    def explained(self, config: str) -> str:
        return config

    @cached_property
    def _deployment(self) -> Deployment:
        from airflow_stack.airflow import describe

        return describe(self.config)

    @cached_property
    def _plan(self) -> AwsPlan:
        from airflow_stack.backends.aws.plan import aws_plan

        return aws_plan(self.config, self._deployment)

    def _containers(self) -> Containers:
        from airflow_stack.operations.task_containers import task_containers

        return task_containers(self.config, self._deployment, self._plan)

    def bill(self, load: Load | None = None) -> Estimate:
        from airflow_stack.cost import estimate

        return estimate(self._plan) if load is None else estimate(self._plan, load)

    def topology(self) -> Topology:
        from airflow_stack.operations.graph.aws import aws_topology

        return aws_topology(self._plan, self._containers(), self._deployment.version, self.stack)

    def facts(self) -> tuple[Fact, ...]:
        from airflow_stack.backends.images import image
        from airflow_stack.operations.diff.aws import aws_facts

        airflow = image("airflow", self.config, self.program, self.config.target.image_origin)
        return tuple(aws_facts(self.config, self._deployment, self._plan, self._containers(), airflow))

    def dags(self, say: Say) -> Source:
        """The image below the project's, for this machine's processor, with the folders that the project's copies.

        The options that AWS adds are about servers, logs and metrics: no import and no task depends on them here.
        """
        from airflow_stack.backends.images import image
        from airflow_stack.operations import origin
        from airflow_stack.operations.dags.subject import Source

        target, deployment = self.config.target, self._deployment
        project = (self.program / Path(target.project_dir).expanduser()).resolve()
        settled = target.image_origin == "debian"
        of = target.image_origin if settled else origin.recorded(self.config, self.program, say)
        own = deployment.one(parses=True).environment
        environment = deployment.environment | own | {"AWS_DEFAULT_REGION": target.region}
        return Source(project, image("airflow", self.config, self.program, of), environment)

    def memory(self, role: Role) -> Memory:
        from airflow_stack.operations.dags.subject import Memory

        return Memory(self.config.target.size(role.spec).memory, f"target.{role.spec.section}.memory")

    def deploy(self, secrets: Secrets) -> StackOutputs:
        from airflow_stack.backends.aws import stack
        from airflow_stack.backends.aws.called import Called

        called = Called(attach=ATTACH, push=PUSH, run=RUN, settle=SETTLE, forget=FORGET)
        return stack.deploy(self.config, secrets, self.program, self.stack, called)

    def running(self) -> AwsStack:
        from airflow_stack.operations.running.aws_stack import AwsStack

        return AwsStack.find(self.program, self.stack, self.config)

    def backups(self, running: AwsStack) -> AwsTarget:
        from airflow_stack.operations.backup.aws_target import AwsTarget

        return AwsTarget(running)

    def entries(self, kind: Kind) -> Place:
        """Secrets Manager is there before the stack is up; pools are in its database."""
        from airflow_stack.operations.entries.kinds import Kind
        from airflow_stack.operations.entries.metadata import MetadataDatabase
        from airflow_stack.operations.entries.secrets_manager import SecretsManager

        if kind is Kind.POOLS:
            return MetadataDatabase(self.running(), kind, by_argument=True)
        return SecretsManager(self.config, self.stack, kind)

    def looks_around(self, given: Collection[str] | None) -> list[Look]:
        from airflow_stack.operations.doctor import aws_account

        return aws_account.looks(self.config, self.program, required=given is not None)

    def refuse_undeployed(self) -> None:
        """As Pulumi would say; to ask it would make its state directory."""
        from airflow_stack.operations.pulumi_cli import STATE, uses_own_backend

        if not uses_own_backend() and not (self.program / STATE).exists():
            raise OperationError(
                f"stack {self.stack!r} is not up: nothing of it is deployed yet.\n"
                f"Bring it up: pulumi up --stack {self.stack}"
            )

    def before_first_deployment(self, say: Say) -> list[Group]:
        from airflow_stack.operations.doctor import aws_before

        return aws_before.examine(self.stack, self._plan, say)

    def looks_into(self, running: AwsStack, *, deep: bool) -> tuple[list[Look], str]:
        from airflow_stack.operations.doctor import aws_stack

        return aws_stack.looks(running, deep=deep), ": a task of its own, which takes a minute" if deep else ""
