"""The long-running ECS services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import ecs

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.services import Share
from airflow_stack.backends.aws.rollout import Rollout
from airflow_stack.config.aws.types import FARGATE_PLATFORM

if TYPE_CHECKING:
    from airflow_stack.backends.aws.called import Called
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.load_balancer import LoadBalancer
    from airflow_stack.backends.aws.migration import Migration
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups
    from airflow_stack.backends.aws.task_definitions import TaskDefinitions

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
        plan: AwsPlan,
        cluster: Cluster,
        definitions: TaskDefinitions,
        network: Network,
        groups: SecurityGroups,
        *,
        load_balancer: LoadBalancer,
        migration: Migration,
        called: Called,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Services", name, None, opts)
        self.service_names = {}
        asked: dict[str, dict[str, Any]] = {}
        for planned in plan.services:
            role = planned.role.name
            least, most = planned.rollout
            # ECS refuses a service whose target group no listener uses yet; the migration comes before any new code.
            before: list[pulumi.Resource] = [migration, *(load_balancer.listeners if planned.served else ())]
            service = ecs.Service(
                f"{name}-{role}",
                name=planned.name,
                cluster=cluster.arn,
                task_definition=definitions.arns[role],
                desired_count=planned.least,
                capacity_provider_strategies=strategy(planned.shares),
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
                        target_group_arn=load_balancer.target_group_arn,
                        container_name=role,
                        container_port=plan.entry.port,
                    )
                ]
                if planned.served
                else None,
                health_check_grace_period_seconds=GRACE if planned.served else None,
                deployment_minimum_healthy_percent=least,
                deployment_maximum_percent=most,
                deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
                availability_zone_rebalancing="ENABLED" if planned.balanced else "DISABLED",
                enable_execute_command=plan.cluster.exec,
                enable_ecs_managed_tags=True,
                propagate_tags="SERVICE",
                # Else a deletion asks for no tasks first, and ECS keeps a worker that is protected for up to two days.
                force_delete=planned.elastic,
                wait_for_steady_state=False,  # Rollout waits
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=before,
                    # Once the autoscaler owns the count, an update would undo what it has set.
                    ignore_changes=["desiredCount"] if planned.counted else None,
                ),
            )
            self.service_names[role] = service.name
            counted = {} if planned.counted else {"desiredCount": planned.least}
            asked[role] = counted | {
                "service": service.name,
                "taskDefinition": definitions.arns[role],
                "capacityProviderStrategy": [
                    {"capacityProvider": one.provider, "base": one.base, "weight": one.weight} for one in planned.shares
                ],
                "platformVersion": FARGATE_PLATFORM,
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "subnets": network.task_subnet_ids,
                        "securityGroups": [groups.services[role]],
                        "assignPublicIp": "ENABLED" if network.assign_public_ip else "DISABLED",
                    }
                },
                "enableExecuteCommand": plan.cluster.exec,
            }
        unwaited = tuple(planned.role.name for planned in plan.services if not planned.waited)
        rollout = Rollout(
            f"{name}-rollout", plan.region, cluster.arn, asked, unwaited, called=called,
            opts=pulumi.ResourceOptions(parent=self),
        )  # fmt: skip
        self.rolled_out = {
            role: pulumi.Output.all(service_name, rollout.id).apply(lambda known: str(known[0]))
            for role, service_name in self.service_names.items()
        }
        self.register_outputs({})


def strategy(shares: Sequence[Share]) -> list[ecs.ServiceCapacityProviderStrategyArgs]:
    """What Fargate's two providers run."""
    return [
        ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=share.provider, base=share.base, weight=share.weight)
        for share in shares
    ]
