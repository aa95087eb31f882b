"""A stack on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from airflow_stack.config.airflow import AirflowConfig
from airflow_stack.config.aws.connections import connections, larger, pool
from airflow_stack.config.aws.data import AwsBroker, AwsDatabase, RdsDatabase, SqsBroker
from airflow_stack.config.aws.options import refused
from airflow_stack.config.aws.services import LONGEST_STOP, AwsWorker
from airflow_stack.config.aws.target import AwsTarget
from airflow_stack.config.errors import RuleError
from airflow_stack.config.stack import StackConfig


class AwsAirflow(AirflowConfig):
    """Version and options of Airflow, whose tasks run on the workers."""

    executor: Literal["CeleryExecutor"] = Field("CeleryExecutor", description="Tasks run on the workers.")


class AwsConfig(StackConfig):
    """Services of one region of one account."""

    STACKS: ClassVar[str] = "stacks on AWS, of target.kind: aws"
    INSTEAD: ClassVar[Mapping[str, str]] = {
        "airflow.executor": "on AWS tasks run on the workers",
        "docker_socket_proxy": "Fargate has no Docker socket; EcsRunTaskOperator runs containers there",
        "flower": "SQS has no events for it to show, and CloudWatch shows the workers",
        "proxy": "the load balancer stands in front",
        "scheduler": "target.scheduler.memory is its task's",
        "secrets_backend": "it is Secrets Manager; target.secrets_lookup says what is looked up there",
        "target.bind_address": "load_balancer.allowed_cidrs says who reaches the UI",
        "target.gid": "the image's own user runs Airflow",
        "target.prefix": "name is what every resource's name starts with",
        "target.throw_away": "delete_data, with confirm_delete_data, lets a destroy delete the data",
        "target.uid": "the image's own user runs Airflow",
        "triggerer.memory": "target.triggerer.memory is its task's",
        "webserver.memory": "target.webserver.memory is its task's",
        "webserver.port": "the load balancer is the only way in",
        "worker.count": "target.worker.min and target.worker.max are its bounds",
        "worker.memory": "target.worker.memory is its task's",
    }

    target: AwsTarget = Field(description="Where the stack runs.")
    airflow: AwsAirflow = Field(default_factory=AwsAirflow, description="Airflow itself.")
    worker: AwsWorker = Field(default_factory=AwsWorker, description="Celery workers.")
    database: AwsDatabase = Field(default_factory=RdsDatabase, description="Metadata database.")
    broker: AwsBroker = Field(default_factory=SqsBroker, description="Celery broker.")

    @model_validator(mode="after")
    def _options_of_the_stack(self) -> AwsConfig:
        """On AWS the stack sets more of Airflow's options itself than elsewhere."""
        sqs, statsd = isinstance(self.broker, SqsBroker), self.target.metrics.statsd
        found = refused(self.airflow.options, self.airflow.release, sqs=sqs, statsd=statsd)
        if found:
            key = f"airflow.options.{found[0]}"
            raise RuleError(key, f"belongs to the stack on AWS; {found[1]}", remove=key)
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> AwsConfig:
        """A database that refuses connections fails tasks and heartbeats, and only when everything is busy."""
        if not isinstance(self.database, RdsDatabase):
            return self
        each, key = pool(self), "database.instance_class"
        if each.limit is None:
            raise RuleError(
                "airflow.options.database",
                "sql_alchemy_pool_size 0 and a negative sql_alchemy_max_overflow are no limit, and"
                f" {self.database.instance_class} takes {self.database.max_connections} connections; remove them, and"
                " the stack sets what fits",
            )
        needed = connections(self, each)
        if needed > self.database.max_connections:
            fitting = larger(self.database, needed)
            raise RuleError(
                key,
                f"{self.database.instance_class} takes {self.database.max_connections} connections, and"
                f" target.worker.max {self.target.worker.max} with worker.concurrency {self.worker.concurrency} and the"
                f" services open up to {needed}: lower one of them, or take a larger class",
                put=(key, fitting) if fitting else None,
            )
        return self

    @property
    def most_workers(self) -> int:
        return self.target.worker.max

    @property
    def longest_stop(self) -> int:
        return LONGEST_STOP

    def required_secrets(self) -> dict[str, str]:
        found = super().required_secrets()
        if self.target.load_balancer.oidc is not None:
            found["oidc_client_secret"] = "target.load_balancer.oidc"  # noqa: S105 - a key
        return found

    def unread_secrets(self) -> dict[str, str]:
        found = super().unread_secrets() | {
            "flower_password": "flower is for local stacks",
            "secrets_backend_kwargs": "secrets_backend is for local stacks",
        }
        if self.target.load_balancer.oidc is None:
            found["oidc_client_secret"] = "target.load_balancer.oidc is not set"  # noqa: S105 - a cause
        return found
