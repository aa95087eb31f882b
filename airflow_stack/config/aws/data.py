"""Database and broker that AWS runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from airflow_stack.config.aws.types import RDS_MEMORY, InstanceClass
from airflow_stack.config.data import BrokerConfig, DatabaseConfig, ExternalBroker, ExternalDatabase
from airflow_stack.config.errors import RuleError
from airflow_stack.config.types import RedisVisibilityTimeout, RoleName, kind_by_default, matches

RESERVED_USERS = ("admin", "rdsadmin", "rds_superuser")


class RdsDatabase(DatabaseConfig):
    """RDS for PostgreSQL: encrypted, backed up, protected from deletion. Its password is generated."""

    kind: Literal["rds"] = "rds"
    version: Literal["14", "15", "16", "17"] = Field(
        "16",
        description="PostgreSQL's major version, of those that RDS supports without a surcharge. AWS picks the minor"
        " one. A higher one is an upgrade at the next update, which takes the database away for some minutes.",
    )
    instance_class: InstanceClass = Field(
        "db.t4g.micro",
        description="Size of the instance. Another one is put in at once, which takes the database away for some"
        " minutes, or for one with multi_az.",
    )
    storage: int = Field(20, ge=20, le=65_536, description="GB of storage at first.")
    max_storage: int = Field(100, ge=22, le=65_536, description="GB that the storage may grow to.")
    multi_az: bool = Field(False, description="A standby in another zone, which takes over; twice the price.")
    backup_days: int = Field(7, ge=1, le=35, description="Days for which daily backups are kept.")
    user: RoleName = Field("airflow", description="Airflow's role, which owns the instance.")

    @field_validator("user")
    @classmethod
    def _may_own(cls, value: str) -> str:
        """Names that CreateDBInstance refuses as a master user of PostgreSQL.

        https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
        """
        if value in RESERVED_USERS or value.startswith("pg_"):
            raise ValueError(f"is a name that RDS keeps for itself, as it does pg_... and {', '.join(RESERVED_USERS)}")
        return value

    @field_validator("user", "name")
    @classmethod
    def _begins(cls, value: str) -> str:
        if value.startswith("_"):
            raise ValueError("must start with a letter: RDS takes no other name")
        return value

    @field_validator("instance_class")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in RDS_MEMORY:
            families = sorted({name.rsplit(".", 1)[0] for name in RDS_MEMORY})
            raise ValueError(f"must be an instance class of {', '.join(families)}")
        return value

    @model_validator(mode="after")
    def _grows(self) -> RdsDatabase:
        """RDS wants the limit a tenth above the storage."""
        if self.max_storage < self.storage * 1.1:
            raise RuleError(
                "max_storage",
                f"{self.max_storage} must be at least a tenth more than storage, {self.storage}",
                put=("max_storage", min(self.storage * 2, 65_536)),
            )
        return self

    @property
    def max_connections(self) -> int:
        """PostgreSQL's own setting on RDS: the instance's memory by 9,531,392, up to 5,000, less a reserve.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
        """
        usable = RDS_MEMORY[self.instance_class] * 1024**3 * 0.9
        return min(int(usable / 9_531_392), 5000) - 5


AwsDatabase = Annotated[RdsDatabase | ExternalDatabase, Field(discriminator="kind"), kind_by_default("rds")]


class SqsBroker(BrokerConfig):
    """Amazon SQS: nothing runs and nothing is paid while nothing is queued. Without events: no Flower."""

    ONE_QUEUE: ClassVar[str] = (
        "needs a broker with more than one queue, and SQS has one here; broker.kind: elasticache has as many as tasks"
        " ask for"
    )

    kind: Literal["sqs"] = "sqs"
    visibility_timeout: int = Field(
        43_200,
        ge=3600,
        le=43_200,
        description="Seconds after which a task that no worker has acknowledged is delivered again. Must exceed the"
        " longest task; SQS allows twelve hours.",
    )
    max_receives: int = Field(
        5, ge=2, le=1000, description="Deliveries of a task before it goes to the dead-letter queue."
    )


class ElastiCacheBroker(BrokerConfig):
    """Valkey or Redis by ElastiCache: encrypted, with a password that is generated."""

    kind: Literal["elasticache"]
    engine: Literal["valkey", "redis"] = Field("valkey", description="Valkey costs a fifth less.")
    node_type: Annotated[
        str,
        matches(
            r"cache\.(t4g\.(micro|small|medium)|(m7g|r7g)\.(large|xlarge|2xlarge|4xlarge))",
            "must be a node type of cache.t4g, cache.m7g or cache.r7g",
        ),
        Field(examples=["cache.t4g.micro"]),
    ] = Field("cache.t4g.micro", description="Size of a node.")
    replicas: int = Field(0, ge=0, le=5, description="Copies in other zones, of which one takes over.")
    visibility_timeout: RedisVisibilityTimeout = 86_400


AwsBroker = Annotated[
    SqsBroker | ElastiCacheBroker | ExternalBroker, Field(discriminator="kind"), kind_by_default("sqs")
]
