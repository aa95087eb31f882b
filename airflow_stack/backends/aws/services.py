"""The long-running ECS services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import ecs

from airflow_stack.backends.aws.rollout import Rollout
from airflow_stack.config import StackConfig
from airflow_stack.config.aws.services import Capacity
from airflow_stack.config.aws.types import FARGATE_PLATFORM

if TYPE_CHECKING:
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.load_balancer import LoadBalancer
    from airflow_stack.backends.aws.migration import Migration
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups
    from airflow_stack.backends.aws.task_definitions import TaskDefinitions

SERVICES = ("webserver", "scheduler", "triggerer", "worker")

# Percent of the desired tasks that stay, and that there may be, while new ones replace them. An old and a new scheduler
# side by side would write the DAGs of two images in turn: runs would be created that the new workers can't run. Tasks
# go on without a scheduler for the minute that its replacement takes.
DEPLOYMENT = {"webserver": (100, 200), "scheduler": (0, 100), "triggerer": (100, 200), "worker": (100, 200)}

# ECS balances over the zones only where it may run more tasks than desired. A worker is left alone: the autoscaler
# replaces workers often enough, and moving one waits for its tasks.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
BALANCED = ("webserver", "triggerer")

# An old worker stays until its tasks have ended, which may take hours: nobody waits for that.
UNWAITED = ("worker",)

# Seconds in which a failing health check does not count: with a quarter of a vCPU the webserver loads for minutes.
GRACE = 300


class Services(pulumi.ComponentResource):
    """One service for each long-running role; started after the migration."""

    service_names: dict[str, pulumi.Output[str]]
    """By role. Known as soon as the service is there: what has ids made of them does not look replaced in a preview."""
    rolled_out: dict[str, pulumi.Output[str]]
    """The same, once the services run what they were told to run; a rollback fails the update before."""

    def __init__(
        self,
        name: str,
        config: StackConfig,
        cluster: Cluster,
        definitions: TaskDefinitions,
        network: Network,
        groups: SecurityGroups,
        *,
        load_balancer: LoadBalancer,
        migration: Migration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Services", name, None, opts)
        target = config.aws
        self.service_names = {}
        asked: dict[str, dict[str, Any]] = {}
        for role in SERVICES:
            settings = getattr(target, role)
            least, most = DEPLOYMENT[role]
            served = role == "webserver"
            elastic = role == "worker"
            # ECS refuses a service whose target group no listener uses yet; the migration comes before any new code.
            before: list[pulumi.Resource] = [migration, *(load_balancer.listeners if served else ())]
            service = ecs.Service(
                f"{name}-{role}",
                name=f"{target.name}-{role}",
                cluster=cluster.arn,
                task_definition=definitions.arns[role],
                desired_count=target.worker.min if elastic else settings.count,
                capacity_provider_strategies=strategy(settings.capacity),
                # Without it the provider replaces a service whose capacity changes, and the name is taken meanwhile.
                force_new_deployment=True,
                platform_version=FARGATE_PLATFORM,
                network_configuration=ecs.ServiceNetworkConfigurationArgs(
                    subnets=network.task_subnet_ids,
                    security_groups=[groups.services[role]],
                    assign_public_ip=network.assign_public_ip,
                ),
                load_balancers=[
                    ecs.ServiceLoadBalancerArgs(
                        target_group_arn=load_balancer.target_group_arn, container_name=role, container_port=8080
                    )
                ]
                if served
                else None,
                health_check_grace_period_seconds=GRACE if served else None,
                deployment_minimum_healthy_percent=least,
                deployment_maximum_percent=most,
                deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
                availability_zone_rebalancing="ENABLED" if role in BALANCED else "DISABLED",
                enable_execute_command=target.exec,
                enable_ecs_managed_tags=True,
                propagate_tags="SERVICE",
                # Else a deletion asks for no tasks first, and ECS keeps a worker that is protected for up to two days.
                force_delete=elastic,
                wait_for_steady_state=False,  # Rollout waits
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=before,
                    # Once the autoscaler owns the count, an update would undo what it has set.
                    ignore_changes=["desiredCount"] if elastic or settings.schedule else None,
                ),
            )
            self.service_names[role] = service.name
            counted = {} if elastic or settings.schedule else {"desiredCount": settings.count}
            asked[role] = counted | {
                "service": service.name,
                "taskDefinition": definitions.arns[role],
                "capacityProviderStrategy": [_share(one) for one in strategy(settings.capacity)],
                "platformVersion": FARGATE_PLATFORM,
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "subnets": network.task_subnet_ids,
                        "securityGroups": [groups.services[role]],
                        "assignPublicIp": "ENABLED" if network.assign_public_ip else "DISABLED",
                    }
                },
                "enableExecuteCommand": target.exec,
            }
        rollout = Rollout(
            f"{name}-rollout", target.region, cluster.arn, asked, UNWAITED, opts=pulumi.ResourceOptions(parent=self)
        )
        self.rolled_out = {
            role: pulumi.Output.all(service_name, rollout.id).apply(lambda known: str(known[0]))
            for role, service_name in self.service_names.items()
        }
        self.register_outputs({})


def strategy(capacity: Capacity) -> list[ecs.ServiceCapacityProviderStrategyArgs]:
    """The shares of Fargate's two providers; one that gets no task is left out."""
    shares = [
        ecs.ServiceCapacityProviderStrategyArgs(
            capacity_provider="FARGATE", base=capacity.on_demand_base, weight=capacity.on_demand_weight
        )
    ]
    if capacity.on_demand_base + capacity.on_demand_weight == 0:
        shares = []
    if capacity.spot_weight:
        shares.append(
            ecs.ServiceCapacityProviderStrategyArgs(
                capacity_provider="FARGATE_SPOT", base=0, weight=capacity.spot_weight
            )
        )
    return shares


def _share(one: ecs.ServiceCapacityProviderStrategyArgs) -> dict[str, Any]:
    """In the words of UpdateService."""
    return {"capacityProvider": one.capacity_provider, "base": one.base, "weight": one.weight}
