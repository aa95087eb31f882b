"""What every target can be asked, and what every verb may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_stack.config import AwsConfig, LocalConfig, Secrets

if TYPE_CHECKING:
    from airflow_stack.airflow import Role
    from airflow_stack.cost import Estimate, Load
    from airflow_stack.operations.backup.target import Target as BackupTarget
    from airflow_stack.operations.dags.subject import Memory, Source
    from airflow_stack.operations.diff.facts import Fact
    from airflow_stack.operations.doctor.finding import Group, Look
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.places import Place
    from airflow_stack.operations.graph.topology import Topology
    from airflow_stack.operations.running.interface import RunningStack, Say
    from airflow_stack.outputs import StackOutputs


Config = TypeVar("Config", LocalConfig, AwsConfig)
Running = TypeVar("Running", bound="RunningStack")


class Target(ABC, Generic[Config, Running]):
    """Of one stack."""

    def __init__(self, config: Config, program: Path, stack: str) -> None:
        """``program`` is the directory of Pulumi.yaml."""
        self.config: Config = config
        self.program, self.stack = program, stack

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def place(self) -> str:
        """In words."""

    @property
    @abstractmethod
    def next_command(self) -> str:
        """What one runs after the stack file has changed."""

    @property
    @abstractmethod
    def policed(self) -> bool:
        """Whether the policy pack has rules for its resources."""

    @abstractmethod
    def on_this_machine(self, why: str, instead: str = "pulumi up") -> LocalConfig:
        """For a verb for stacks of this machine alone. Raises OperationError for any other one, with Pulumi's verb."""

    @abstractmethod
    def on_aws(self) -> AwsConfig:
        """For a verb for stacks on AWS alone. Raises OperationError for any other one."""

    @abstractmethod
    def explained(self, config: str) -> str:
        """The whole config as YAML, with what is in force where it gives no value."""

    @abstractmethod
    def bill(self, load: Load | None = None) -> Estimate | None:
        """What it costs a month, idle or with a load; None: nothing. Raises PriceError."""

    @property
    @abstractmethod
    def by_pulumi_alone(self) -> bool:
        """Whether nothing else deploys it."""

    @property
    @abstractmethod
    def image_origin(self) -> str:
        """What its images are built on, as far as that is known here: see `config.target`."""

    # --- what is deployed, from the config alone ---------------------------------------------------------------------

    @abstractmethod
    def topology(self) -> Topology:
        """What the stack consists of."""

    @abstractmethod
    def facts(self) -> tuple[Fact, ...]:
        """What `diff` compares."""

    @abstractmethod
    def dags(self, say: Say) -> Source:
        """What its DAGs are tried in, without the stack. Asks Docker which images it builds on."""

    @abstractmethod
    def memory(self, role: Role) -> Memory:
        """The limit of a role's container."""

    # --- what runs ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def deploy(self, secrets: Secrets) -> StackOutputs:
        """Register all resources, in a program of Pulumi. Raises StackError."""

    @abstractmethod
    def running(self) -> Running:
        """The stack as it runs. Raises OperationError where it is not up."""

    @abstractmethod
    def backups(self, running: Running) -> BackupTarget:
        """Of its own running stack: where the image's programs run, and how a file comes there."""

    @abstractmethod
    def entries(self, kind: Kind) -> Place:
        """Where the stack keeps connections, variables or pools. Raises OperationError where it has to be up."""

    # --- what doctor looks at ----------------------------------------------------------------------------------------

    @abstractmethod
    def looks_around(self, given: Collection[str] | None) -> list[Look]:
        """Whether it could be deployed from here. ``given``: keys of the secrets, where this stack was asked for."""

    @abstractmethod
    def refuse_undeployed(self) -> None:
        """Raise OperationError where it is known without a trace that nothing is deployed."""

    @abstractmethod
    def before_first_deployment(self, say: Say) -> list[Group]:
        """What its first deployment needs, of which nothing here can tell."""

    @abstractmethod
    def looks_into(self, running: Running, *, deep: bool) -> tuple[list[Look], str]:
        """Of its own running stack, and a word on how long that takes. ``deep``: ask the database at any rate."""
