"""``airflow-stack:target`` of kind ``aws``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from airflow_stack.config.aws.github import GithubConfig
from airflow_stack.config.aws.network import LoadBalancerConfig, NetworkConfig, OwnNetwork
from airflow_stack.config.aws.services import ServiceConfig, TaskSize, TriggererService, WebserverService, WorkersConfig
from airflow_stack.config.aws.types import AwsName, Region, RetentionDays
from airflow_stack.config.errors import RuleError
from airflow_stack.config.target import TargetConfig
from airflow_stack.config.types import Directory, Email, RegistryHost, Section, matches
from airflow_stack.releases import RoleSpec

_TAG_KEY = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,128}")
_TAG = re.compile(r"[A-Za-z0-9 _.:/=+@-]{0,256}")


def _lookup(value: str) -> str:
    try:
        re.compile(value)
    except re.error:
        raise ValueError("must be a regular expression") from None
    return value


Lookup = Annotated[str, AfterValidator(_lookup)]

MetricName = Annotated[
    str,
    matches(
        r"[a-z][a-z0-9_.]{0,99}", "must be the beginning of a metric's name: lower-case letters, digits, _ and dots"
    ),
]


class AwsLogs(Section):
    """``target.logs``: what is kept, and how long."""

    retention_days: RetentionDays = Field(30, description="Days for which CloudWatch keeps the services' logs.")
    task_log_days: int = Field(90, ge=1, le=3650, description="Days for which S3 keeps the tasks' logs.")
    firelens: bool = Field(
        False,
        description="Send the services' logs by Fluent Bit and Firehose to S3, where Athena queries them, instead of"
        " CloudWatch.",
    )


class AwsMetrics(Section):
    """``target.metrics``: CloudWatch's metrics, dashboard and alarms."""

    statsd: bool = Field(
        True,
        description="An agent beside every service sends Airflow's own metrics to CloudWatch. Each costs money.",
    )
    allow: list[MetricName] = Field(
        default_factory=lambda: ["scheduler_heartbeat", "executor", "dag_processing.import_errors"],
        description="Beginnings of the names of the Airflow metrics that are sent.",
        examples=[["scheduler_heartbeat"]],
    )
    container_insights: bool = Field(False, description="Container Insights of the cluster: metrics of each task.")
    alarm_email: Email | None = Field(None, description="Who is told when an alarm goes off. Nobody by default.")

    @field_validator("allow")
    @classmethod
    def _some(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("must name a metric at least: to Airflow an empty list is all of them")
        return value


class SecretsLookup(Section):
    """``target.secrets_lookup``: which names Airflow asks Secrets Manager for, before its own database.

    Each question is a call that takes time and costs money; a name that does not match is not asked for.
    """

    connections: Lookup = Field(
        ".*", description="Regular expression of connection ids that are kept in Secrets Manager.", examples=["^aws_"]
    )
    variables: Lookup = Field(
        ".*", description="Regular expression of variables that are kept in Secrets Manager.", examples=["^secret_"]
    )
    cache_seconds: int = Field(900, ge=0, le=86_400, description="Seconds for which DAG parsing remembers an answer.")


class AwsTarget(TargetConfig):
    """ECS on Fargate, in one region of one account."""

    kind: Literal["aws"]
    region: Region = Field(description="AWS region.")
    name: AwsName = Field("airflow", description="What the name of every resource starts with.")
    network: NetworkConfig = Field(default_factory=OwnNetwork, description="VPC and subnets.")
    egress: Literal["public_ip", "nat", "nat_per_zone", "vpc_endpoints"] = Field(
        "public_ip",
        description="How tasks reach AWS and the internet. public_ip: from public subnets, by an address of their own"
        " that no security group opens. nat, nat_per_zone: from private subnets, by one gateway or one a zone."
        " vpc_endpoints: from private subnets, to AWS alone.",
    )
    load_balancer: LoadBalancerConfig = Field(
        description="Who reaches the UI, and how.",
        examples=[{"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True}],
    )
    project_dir: Directory = Field(
        ".",
        description="Directory that holds dags, config and plugins, which go into the image. Relative paths start at"
        " Pulumi.yaml's.",
        examples=["../my-dags"],
    )
    architecture: Literal["ARM64", "X86_64"] = Field(
        "ARM64", description="Processor of the tasks. ARM64 costs a fifth less; the image is built for it."
    )
    image_origin: Literal["registry", "debian"] = Field(
        "registry",
        description="What the image is built on: the published upstream image (registry), or Debian's packages and"
        " PyPI alone (debian).",
    )
    registry: RegistryHost = Field(
        "",
        description="Registry that serves the upstream image instead of its own: a mirror or a pull-through cache.",
        examples=["registry.example.com:5000/mirror"],
    )
    side_images: RegistryHost = Field(
        "",
        description="Registry that serves the images of CloudWatch's agent and of Fluent Bit instead of public.ecr.aws,"
        " under the same paths. Private subnets with egress vpc_endpoints reach ECR of their own region alone.",
        examples=["123456789012.dkr.ecr.eu-central-1.amazonaws.com/public"],
    )
    webserver: WebserverService = Field(default_factory=WebserverService, description="The webserver's tasks.")
    scheduler: ServiceConfig = Field(default_factory=ServiceConfig, description="The scheduler's tasks.")
    triggerer: TriggererService = Field(
        default_factory=TriggererService,
        description="The triggerer's tasks; on Spot by default, since another one takes its triggers over.",
    )
    worker: WorkersConfig = Field(default_factory=WorkersConfig, description="The workers.")
    one_off: TaskSize = Field(
        default_factory=lambda: TaskSize(cpu=512, memory=1024),
        description="Size of the migration and of single Airflow commands.",
    )
    exec: bool = Field(False, description="Allow shells in containers by ECS exec. Sessions are logged.")
    logs: AwsLogs = Field(default_factory=AwsLogs, description="What is kept, and how long.")
    metrics: AwsMetrics = Field(default_factory=AwsMetrics, description="Metrics, dashboard, alarms.")
    secrets_lookup: SecretsLookup = Field(
        default_factory=SecretsLookup, description="What Airflow looks up in Secrets Manager."
    )
    github: GithubConfig | None = Field(
        None, description="Roles for previews in pull requests and deployment after a merge. None by default."
    )
    tags: dict[str, str] = Field(
        default_factory=dict, description="Tags of every resource.", examples=[{"team": "data"}], max_length=40
    )
    delete_data: bool = Field(
        False,
        description="Let `pulumi destroy` delete database, bucket, images and secrets. Needs confirm_delete_data.",
    )
    confirm_delete_data: str = Field(
        "", description="The stack's target.name again, for delete_data: what it deletes is gone.", examples=["airflow"]
    )

    def service(self, role: RoleSpec) -> ServiceConfig | WorkersConfig:
        """Of a long-running role; what is the default for one that has no section of its own."""
        found = getattr(self, role.section, None)
        if isinstance(found, ServiceConfig | WorkersConfig):
            return found
        return WorkersConfig() if role.elastic else ServiceConfig()

    def size(self, role: RoleSpec) -> TaskSize:
        """Of a role's tasks, those that run once too."""
        found = getattr(self, role.section, None)
        return found if isinstance(found, TaskSize) else self.service(role)

    @field_validator("tags")
    @classmethod
    def _tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for key, value in tags.items():
            if not _TAG_KEY.fullmatch(key) or not _TAG.fullmatch(value):
                raise ValueError("keys and values must be letters, digits, spaces and _.:/=+@-, 128 and 256 at most")
            if key.lower().startswith(("aws:", "airflow-stack")):
                raise ValueError("keys must not start with aws: or airflow-stack, which are taken")
        return tags

    @model_validator(mode="after")
    def _side_images_are_reached(self) -> AwsTarget:
        """A task whose images can't be pulled never starts."""
        if self.egress == "vpc_endpoints" and not self.side_images and (self.metrics.statsd or self.logs.firelens):
            raise RuleError(
                "side_images",
                "is needed with egress vpc_endpoints, since no endpoint leads to public.ecr.aws: name an ECR registry"
                " with copies of the images, or switch metrics.statsd and logs.firelens off",
                put=("side_images", f"123456789012.dkr.ecr.{self.region}.amazonaws.com/public"),
            )
        return self

    @model_validator(mode="after")
    def _workers_go_with_the_scheduler(self) -> AwsTarget:
        """Nobody scales workers while no scheduler runs: idle ones would stay, and be paid for, until it is back."""
        hours = self.scheduler.schedule
        if hours is not None and self.worker.schedule is None:
            raise RuleError(
                "worker.schedule",
                "is needed with scheduler.schedule: the number of workers follows a metric that the scheduler's tasks"
                " publish, and without them it stays what it was; give the workers hours too, the same or longer ones",
                put=("worker.schedule", hours.model_dump()),
            )
        return self

    @model_validator(mode="after")
    def _deletion_is_meant(self) -> AwsTarget:
        """One slip of a key must not cost a database."""
        if self.delete_data and self.confirm_delete_data != self.name:
            raise RuleError(
                "delete_data",
                "lets a destroy delete database, bucket, images and secrets, which has to be said twice:"
                " confirm_delete_data must be the target's name",
                put=("confirm_delete_data", self.name),
            )
        if self.confirm_delete_data and not self.delete_data:
            raise RuleError("confirm_delete_data", "has no effect without delete_data", remove="confirm_delete_data")
        return self

    @model_validator(mode="after")
    def _egress_is_ours(self) -> AwsTarget:
        """Gateways and endpoints of a VPC that is there are its owner's."""
        if self.network.kind == "existing" and self.egress not in ("public_ip", "nat"):
            raise RuleError(
                "egress",
                f"{self.egress} is for a network of the stack's own; with an existing one say nat, where its private"
                " subnets lead out by themselves, or public_ip",
                put=("egress", "nat"),
            )
        return self

    @model_validator(mode="after")
    def _certificate_is_here(self) -> AwsTarget:
        """A load balancer takes certificates of its own region alone."""
        arn = self.load_balancer.certificate_arn
        if arn is not None and arn.split(":")[3] != self.region:
            raise RuleError(
                "load_balancer.certificate_arn",
                f"is of another region than the stack: the load balancer needs one of {self.region}",
                put=(
                    "load_balancer.certificate_arn",
                    f"arn:aws:acm:{self.region}:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
                ),
            )
        return self
