"""A stack of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING

from airflow_stack.config import AwsConfig, LocalConfig, Secrets
from airflow_stack.errors import OperationError
from airflow_stack.operations.target.interface import Target

if TYPE_CHECKING:
    from airflow_stack.airflow import Role
    from airflow_stack.cost import Load
    from airflow_stack.operations.backup.docker_target import DockerTarget
    from airflow_stack.operations.dags.subject import Memory, Source
    from airflow_stack.operations.diff.facts import Fact
    from airflow_stack.operations.doctor.finding import Group, Look
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.metadata import MetadataDatabase
    from airflow_stack.operations.graph.topology import Topology
    from airflow_stack.operations.running.docker_stack import DockerStack
    from airflow_stack.operations.running.interface import Say
    from airflow_stack.outputs import StackOutputs


class OnDocker(Target[LocalConfig, "DockerStack"]):
    """Its containers belong to the engine here."""

    @property
    def place(self) -> str:
        return "this machine"

    @property
    def policed(self) -> bool:
        return False

    @property
    def by_pulumi_alone(self) -> bool:
        return False

    @property
    def image_origin(self) -> str:
        from airflow_stack.backends.machine import image_origin

        return image_origin(self.config, self.program)

    @property
    def next_command(self) -> str:
        return f"make up STACK={shlex.quote(self.stack)}"

    def on_this_machine(self, why: str, instead: str = "pulumi up") -> LocalConfig:  # noqa: ARG002 - of another target
        return self.config

    def on_aws(self) -> AwsConfig:
        raise OperationError("this stack runs on this machine; this is for stacks on AWS.\nNothing was changed.")

    def explained(self, config: str) -> str:
        from airflow_stack.operations.docker_limits import with_limits

        return with_limits(config, self.config, self.program, self.stack)

    def bill(self, load: Load | None = None) -> None:
        """Nobody sends one."""

    def topology(self) -> Topology:
        from airflow_stack.airflow import describe
        from airflow_stack.backends.containers import plan
        from airflow_stack.backends.machine import Machine
        from airflow_stack.operations.graph.docker import docker_topology

        machine = Machine.of(self.config, self.program, self.stack)
        return docker_topology(self.config, plan(self.config, describe(self.config), machine), self.stack)

    def facts(self) -> tuple[Fact, ...]:
        from airflow_stack.airflow import describe
        from airflow_stack.backends.containers import plan
        from airflow_stack.backends.machine import Machine
        from airflow_stack.operations.diff.docker import docker_facts

        machine, deployment = Machine.of(self.config, self.program, self.stack), describe(self.config)
        return tuple(docker_facts(self.config, deployment, plan(self.config, deployment, machine), machine))

    def dags(self, say: Say) -> Source:
        """As the container that imports DAGs."""
        from airflow_stack.airflow import describe
        from airflow_stack.backends.containers import plan
        from airflow_stack.backends.machine import Machine
        from airflow_stack.operations import origin
        from airflow_stack.operations.dags.subject import Source

        origin.settle(self.config, self.program, say)
        machine = Machine.of(self.config, self.program, self.stack)
        planned = plan(self.config, describe(self.config), machine)
        container = next(each for each in planned.containers if each.role and each.role.parses)
        return Source(machine.project, container.image, container.environment, container.user)

    def memory(self, role: Role) -> Memory:
        from airflow_stack.backends.machine import Machine
        from airflow_stack.backends.memory import limits
        from airflow_stack.operations.dags.subject import Memory

        limit = limits(self.config, Machine.of(self.config, self.program, self.stack).memory)[role.name]
        return Memory(limit.mib, limit.key)

    def deploy(self, secrets: Secrets) -> StackOutputs:
        from airflow_stack.operations import docker_deploy

        return docker_deploy.deploy(self.config, secrets, self.program, self.stack)

    def running(self) -> DockerStack:
        from airflow_stack.operations.running.docker_stack import DockerStack

        return DockerStack.find(self.program, self.stack, self.config)

    def backups(self, running: DockerStack) -> DockerTarget:
        from airflow_stack.operations.backup.docker_target import DockerTarget

        return DockerTarget(running)

    def entries(self, kind: Kind) -> MetadataDatabase:
        from airflow_stack.operations.entries.metadata import MetadataDatabase

        return MetadataDatabase(self.running(), kind, by_argument=False)

    def looks_around(self, given: Collection[str] | None) -> list[Look]:
        from airflow_stack.operations.doctor import engine

        return engine.looks(self.config, self.program, self.stack, given)

    def refuse_undeployed(self) -> None:
        """To look for containers leaves no trace."""

    def before_first_deployment(self, say: Say) -> list[Group]:  # noqa: ARG002 - there is nothing to ask
        return []

    def looks_into(self, running: DockerStack, *, deep: bool) -> tuple[list[Look], str]:  # noqa: ARG002 - always is
        from airflow_stack.operations.doctor import docker_stack

        return docker_stack.looks(running), ""
