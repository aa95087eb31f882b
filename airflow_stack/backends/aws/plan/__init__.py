"""The stack on AWS as a pure plan: what there is, before anything is asked of AWS or of Pulumi.

Pulumi's components render it; cost, graph, diff, rehearsal and doctor read it. What only AWS knows stands in it as a
`refs.Ref`. Whatever here knows the config, nobody outside does.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.plan.alarms import Watching, watching
from airflow_stack.backends.aws.plan.cluster import EXEC, FIREHOSE, ClusterPlan, LogsPlan, cluster, logs
from airflow_stack.backends.aws.plan.entry import Entry, entry
from airflow_stack.backends.aws.plan.network import NetworkPlan, network
from airflow_stack.backends.aws.plan.rights import Rights, rights
from airflow_stack.backends.aws.plan.rules import Rules, rules
from airflow_stack.backends.aws.plan.scaling import Scaling, scaling
from airflow_stack.backends.aws.plan.secrets import SecretsPlan, secrets
from airflow_stack.backends.aws.plan.servers import BrokerPlan, DatabasePlan, broker, database
from airflow_stack.backends.aws.plan.services import PLATFORMS, Family, Service, families, services
from airflow_stack.backends.aws.plan.stores import Bucket, Repository, bucket, repository
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.github import GithubConfig


@dataclass(frozen=True)
class AwsPlan:
    """A stack on AWS, ready to be created."""

    name: str
    """What every name in AWS begins with."""
    region: str
    architecture: str
    """Of the processors of all tasks, in ECS's word."""
    slots: int
    """Tasks that one worker runs at a time."""
    network: NetworkPlan
    rules: Rules
    entry: Entry
    cluster: ClusterPlan
    families: tuple[Family, ...]
    """Of the services, and of single commands."""
    services: tuple[Service, ...]
    scaling: tuple[Scaling, ...]
    logs: LogsPlan
    bucket: Bucket
    repository: Repository
    database: DatabasePlan | None
    """None for a server that is not ours; likewise the broker."""
    broker: BrokerPlan | None
    secrets: SecretsPlan
    rights: tuple[Rights, ...]
    watching: Watching
    github: GithubConfig | None
    """Whose workflows deploy the stack; what they may do, `github.workflows` makes of the rest."""

    @property
    def platform(self) -> str:
        """The processor, as Docker calls it."""
        return PLATFORMS[self.architecture]

    @property
    def log_groups(self) -> tuple[str, ...]:
        """Names of those of what runs in the cluster."""
        sessions = [self.logs.group(EXEC)] if self.cluster.exec else []
        stream = [self.logs.group(FIREHOSE)] if self.logs.firelens else []
        return (*map(self.logs.group, self.logs.roles), *sessions, *stream)


def aws_plan(config: AwsConfig, deployment: Deployment) -> AwsPlan:
    """Everything that the stack consists of on AWS."""
    made = families(config, deployment)
    running = services(config, deployment, made)
    allowed = rights(config, made)
    logged = logs(config, made)
    return AwsPlan(
        name=config.target.name,
        region=config.target.region,
        architecture=config.target.architecture,
        slots=config.worker.concurrency,
        network=network(config, allowed),
        rules=rules(config, made),
        entry=entry(config, running),
        cluster=cluster(config, logged),
        families=made,
        services=running,
        scaling=scaling(config, running),
        logs=logged,
        bucket=bucket(config),
        repository=repository(config),
        database=database(config),
        broker=broker(config),
        secrets=secrets(config, made),
        rights=allowed,
        watching=watching(config, running),
        github=config.target.github,
    )
