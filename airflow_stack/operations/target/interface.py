"""What every target can be asked, and what every verb may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_stack.config import Secrets, StackConfig

if TYPE_CHECKING:
    from airflow_stack.airflow import Role
    from airflow_stack.cost import Estimate, Load
    from airflow_stack.operations.backup.target import Target as BackupTarget
    from airflow_stack.operations.dags.subject import Memory, Source
    from airflow_stack.operations.diff.facts import Fact
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.places import Place
    from airflow_stack.operations.graph.topology import Topology
    from airflow_stack.operations.running.interface import RunningStack, Say
    from airflow_stack.outputs import StackOutputs


Running = TypeVar("Running", bound="RunningStack")


class Target(ABC, Generic[Running]):
    """Of one stack."""

    def __init__(self, config: StackConfig, program: Path, stack: str) -> None:
        """``program`` is the directory of Pulumi.yaml."""
        self.config, self.program, self.stack = config, program, stack

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
    def refuse_elsewhere(self, why: str, instead: str = "pulumi up") -> None:
        """Of a verb for stacks of this machine alone: raises OperationError for any other one, with Pulumi's verb."""

    @abstractmethod
    def without_effect(self) -> dict[str, Any] | None:
        """Keys of the config that mean nothing there, as Pydantic's ``exclude``; None: all mean something."""

    @abstractmethod
    def explained(self, config: str) -> str:
        """The whole config as YAML, with what is in force where it gives no value."""

    @abstractmethod
    def bill(self, load: Load | None = None) -> Estimate | None:
        """What it costs a month, idle or with a load; None: nothing. Raises PriceError."""

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
