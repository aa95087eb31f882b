"""The plan's security groups, and standalone rules between them.

Rules are never inline: Pulumi would take standalone rules away again that it does not find among the inline ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ec2, vpc

from airflow_stack.backends.aws.network import after
from airflow_stack.backends.aws.plan.rules import BROKER, DATABASE, LOAD_BALANCER, Rule, Rules

if TYPE_CHECKING:
    from airflow_stack.backends.aws.network import Network

PARTS = (LOAD_BALANCER, DATABASE, BROKER)


class SecurityGroups(pulumi.ComponentResource):
    """A group for the load balancer, each service, database and broker, with the rules between them.

    Each id waits for the rules of its group: what is started with it can reach what it needs at once.
    """

    load_balancer_id: pulumi.Output[str]
    services: dict[str, pulumi.Output[str]]
    """By service; ``one-off`` is that of the migration and of single commands."""
    database_id: pulumi.Output[str] | None
    """None for an external database."""
    broker_id: pulumi.Output[str] | None
    """None for SQS and for an external broker."""

    def __init__(
        self, name: str, prefix: str, plan: Rules, network: Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-stack:aws:SecurityGroups", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._groups = {
            group.key: ec2.SecurityGroup(
                f"{name}-{group.key}",
                # A description can't be changed: a new one makes a new group beside the old one, under another name.
                name_prefix=f"{prefix}-{group.key}-",
                description=group.description,
                vpc_id=network.vpc_id,
                tags={"Name": f"{prefix}-{group.key}"},
                opts=self._child,
            )
            for group in plan.groups
        }
        made: dict[str, list[pulumi.Resource]] = {key: [] for key in self._groups}
        for rule in plan.rules:
            made[rule.group].append(self._rule(rule))
        ids = {key: after(group.id, made[key]) for key, group in self._groups.items()}
        self.load_balancer_id = ids[LOAD_BALANCER]
        self.services = {key: id_ for key, id_ in ids.items() if key not in PARTS}
        self.database_id = ids.get(DATABASE)
        self.broker_id = ids.get(BROKER)
        self.register_outputs({})

    def _rule(self, rule: Rule) -> pulumi.Resource:
        kind = vpc.SecurityGroupIngressRule if rule.direction == "in" else vpc.SecurityGroupEgressRule
        # -1 is every protocol, and then ports are refused.
        first, last = rule.ports or (None, None)
        return kind(
            f"{self._name}-{rule.group}-{rule.purpose}",
            security_group_id=self._groups[rule.group].id,
            description=rule.description,
            cidr_ipv4=rule.peer if rule.is_cidr else None,
            referenced_security_group_id=None if rule.is_cidr else self._groups[rule.peer].id,
            ip_protocol="tcp" if rule.ports else "-1",
            from_port=first,
            to_port=last,
            opts=self._child,
        )
