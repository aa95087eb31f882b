"""The stack on AWS as a pure plan: what there is, before anything is asked of AWS or of Pulumi.

Pulumi's components render it; cost, graph, diff, rehearsal and doctor read it. What only AWS knows stands in it as a
`refs.Ref`.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.plan.alarms import Watching, watching
from airflow_stack.backends.aws.plan.network import NetworkPlan, network
from airflow_stack.backends.aws.plan.rights import Rights, rights
from airflow_stack.backends.aws.plan.rules import Rules, rules
from airflow_stack.backends.aws.plan.scaling import Scaling, scaling
from airflow_stack.backends.aws.plan.secrets import SecretFile, secret_files
from airflow_stack.backends.aws.plan.services import Family, Service, families, services
from airflow_stack.config import AwsConfig


@dataclass(frozen=True)
class AwsPlan:
    """A stack on AWS, ready to be created."""

    name: str
    """What every name in AWS begins with."""
    region: str
    architecture: str
    """Of the processors of all tasks, in ECS's word."""
    exec: bool
    """Whether shells may be opened in the tasks."""
    network: NetworkPlan
    families: tuple[Family, ...]
    """Of the services, and of single commands."""
    services: tuple[Service, ...]
    scaling: tuple[Scaling, ...]
    rules: Rules
    rights: tuple[Rights, ...]
    secrets: tuple[SecretFile, ...]
    watching: Watching

    @property
    def ui_port(self) -> int:
        """Port of the tasks that the load balancer leads to."""
        return next(port for service in self.services if service.served and (port := service.role.port))


def aws_plan(config: AwsConfig, deployment: Deployment) -> AwsPlan:
    """Everything that the stack consists of on AWS."""
    made = families(config, deployment)
    running = services(config, deployment, made)
    allowed = rights(config, made)
    return AwsPlan(
        name=config.target.name,
        region=config.target.region,
        architecture=config.target.architecture,
        exec=config.target.exec,
        network=network(config, allowed),
        families=made,
        services=running,
        scaling=scaling(config, running),
        rules=rules(config, made),
        rights=allowed,
        secrets=secret_files(made),
        watching=watching(config, running),
    )
