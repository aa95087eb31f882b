"""What a preview tells a reviewer, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import total_ordering


@total_ordering
class Operation(StrEnum):
    """In the order in which a reader wants to see them."""

    DELETE = "delete"
    REPLACE = "replace"
    CHANGE = "update or replace"
    """Which of the two is known only where the deployed state is."""
    UPDATE = "update"
    CREATE = "create"

    def __lt__(self, other: object) -> bool:
        return list(Operation).index(self) < list(Operation).index(Operation(str(other)))


# What is lost where one of these is deleted or made anew.
DATA = {
    "aws:rds/instance:Instance": "the metadata database",
    "aws:s3/bucket:Bucket": "the objects of the bucket",
    "aws:s3/bucketV2:BucketV2": "the objects of the bucket",
    "aws:ecr/repository:Repository": "the images of the repository",
    "aws:secretsmanager/secret:Secret": "a secret",
    "aws:sqs/queue:Queue": "queued tasks",
    "aws:elasticache/replicationGroup:ReplicationGroup": "queued tasks",
    "docker:index/volume:Volume": "the data of the volume",
    "random:index/randomPassword:RandomPassword": "a generated secret",
}


@dataclass(frozen=True, order=True)
class Change:
    """What happens to one resource. ``properties`` are names, never values."""

    operation: Operation
    type: str
    name: str
    properties: tuple[str, ...] = ()

    @property
    def loses(self) -> str:
        """The data that the change would lose; empty where it loses none."""
        lost = self.operation in (Operation.DELETE, Operation.REPLACE, Operation.CHANGE)
        if self.operation is Operation.CHANGE and not self.properties:
            lost = False
        return DATA.get(self.type, "") if lost else ""


@dataclass(frozen=True)
class Finding:
    """What the policy pack says of a resource."""

    rule: str
    mandatory: bool
    resource: str
    message: str


@dataclass(frozen=True)
class Line:
    """One item of the bill, USD a month; 0 where a side has no such item."""

    service: str
    what: str
    before: float
    after: float


@dataclass(frozen=True)
class Cost:
    """USD a month: of the base, and of what is previewed. ``before`` is None where the base has no such stack."""

    idle_before: float | None
    idle_after: float
    load_before: float | None
    load_after: float
    load: str
    lines: tuple[Line, ...] = ()
    """Of the idle stack, those that differ."""


class Against(StrEnum):
    """What a preview compares with."""

    STATE = "the deployed stack"
    BASE = "the base"
    NOTHING = "nothing"


@dataclass(frozen=True)
class StackPreview:
    """What would happen to one stack."""

    stack: str
    against: Against
    changes: tuple[Change, ...] = ()
    same: int = 0
    findings: tuple[Finding, ...] = ()
    policies: bool = False
    """Whether the policy pack was asked."""
    errors: tuple[str, ...] = ()
    cost: Cost | None = None
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether this must not be merged as it is."""
        return bool(self.errors) or any(finding.mandatory for finding in self.findings)

    def count(self, operation: Operation) -> int:
        return sum(change.operation is operation for change in self.changes)


@dataclass(frozen=True)
class Report:
    """The previews of all stacks."""

    base: str
    """The commit that the changes are measured from, short; empty where there is none."""
    stacks: tuple[StackPreview, ...] = field(default=())

    @property
    def failed(self) -> bool:
        return any(stack.failed for stack in self.stacks)
