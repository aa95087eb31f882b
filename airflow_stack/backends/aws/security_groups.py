"""Who reaches whom: one security group a part, and standalone rules between them.

Rules are never inline: Pulumi would take standalone rules away again that it does not find among the inline ones.
Groups admit groups; the load balancer's alone admits addresses, those of ``target.load_balancer.allowed_cidrs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ec2, vpc

from airflow_stack.backends.aws.network import ANYWHERE, after
from airflow_stack.config import StackConfig

if TYPE_CHECKING:
    from airflow_stack.backends.aws.network import Network

ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")
# Webserver and triggerer know of tasks from the database alone.
BROKER_ROLES = ("scheduler", "worker", "one-off")
# They run the users' own code, which talks to whatever it talks to.
UNBOUND_ROLES = ("worker", "one-off")

WEBSERVER_PORT = 8080
DATABASE_PORT = 5432
BROKER_PORT = 6379
# Where the webserver reads the log of a task or a trigger that still runs.
LOG_PORTS = {"worker": 8793, "triggerer": 8794}


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
        self, name: str, config: StackConfig, network: Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-stack:aws:SecurityGroups", name, None, opts)
        self._name, self._prefix, self._vpc_id = name, config.aws.name, network.vpc_id
        self._child = pulumi.ResourceOptions(parent=self)
        self._rules: dict[str, list[pulumi.Resource]] = {}
        self._groups: dict[str, ec2.SecurityGroup] = {}
        self._group("load-balancer", "Load balancer: the only way in")
        for role in ROLES:
            self._group(role, f"Airflow {role} tasks")
        if config.database.kind == "rds":
            self._group("database", "Metadata database")
        if config.broker.kind == "elasticache":
            self._group("broker", "Celery broker")

        self._load_balancer(config)
        for role, port in LOG_PORTS.items():
            self._between("webserver", role, port, f"live logs of the {role}")
        if "database" in self._groups:
            for role in ROLES:
                self._between(role, "database", DATABASE_PORT, "PostgreSQL")
        if "broker" in self._groups:
            for role in BROKER_ROLES:
                self._between(role, "broker", BROKER_PORT, "Celery broker")
        self._egress(config)

        self.load_balancer_id = self._ready("load-balancer")
        self.services = {role: self._ready(role) for role in ROLES}
        self.database_id = self._ready("database") if "database" in self._groups else None
        self.broker_id = self._ready("broker") if "broker" in self._groups else None
        self.register_outputs({})

    def _load_balancer(self, config: StackConfig) -> None:
        settings = config.aws.load_balancer
        ports = {443: "HTTPS", 80: "HTTP, which is redirected to HTTPS"} if settings.https else {80: "HTTP"}
        for cidr in settings.allowed_cidrs:
            for port, what in ports.items():
                self._ingress(
                    "load-balancer",
                    # Named by what it says: another order of the list changes nothing.
                    f"{port}-from-{cidr.replace('/', '-')}",
                    f"{what}, from {cidr}",
                    cidr_ipv4=cidr,
                    port=port,
                )
        self._between("load-balancer", "webserver", WEBSERVER_PORT, "UI and API")
        if settings.oidc is not None:
            # It fetches tokens and claims from the provider, which may be anywhere.
            self._out("load-balancer", "oidc", "HTTPS to the OpenID provider", 443)

    def _egress(self, config: StackConfig) -> None:
        """The host of an external database or broker is part of a secret, its port too: neither can be in a rule."""
        external = set(ROLES) if config.database.kind == "external" else set()
        if config.broker.kind == "external":
            external |= set(BROKER_ROLES)
        for role in ROLES:
            if role in UNBOUND_ROLES:
                self._out(role, "anywhere", "Anything: tasks and commands reach systems that the stack does not know")
            elif role in external:
                self._out(role, "external", "TCP to the external database or broker, and HTTPS to AWS", 0, 65535)
            else:
                self._out(role, "https", "HTTPS to AWS and to remote systems", 443)

    def _group(self, key: str, description: str) -> None:
        self._groups[key] = ec2.SecurityGroup(
            f"{self._name}-{key}",
            # A description can't be changed: a new one makes a new group beside the old one, under another name.
            name_prefix=f"{self._prefix}-{key}-",
            description=description,
            vpc_id=self._vpc_id,
            tags={"Name": f"{self._prefix}-{key}"},
            opts=self._child,
        )
        self._rules[key] = []

    def _between(self, source: str, target: str, port: int, what: str) -> None:
        """Opens both ends. A group that lets everything out has that one rule."""
        self._ingress(
            target,
            f"from-{source}",
            f"{what}, from the {source}",
            referenced_security_group_id=self._groups[source].id,
            port=port,
        )
        if source in UNBOUND_ROLES:
            return
        self._rules[source].append(
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{source}-to-{target}",
                security_group_id=self._groups[source].id,
                description=f"{what}, to the {target}",
                referenced_security_group_id=self._groups[target].id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=self._child,
            )
        )

    def _ingress(
        self,
        key: str,
        purpose: str,
        description: str,
        *,
        port: int,
        cidr_ipv4: str | None = None,
        referenced_security_group_id: pulumi.Output[str] | None = None,
    ) -> None:
        self._rules[key].append(
            vpc.SecurityGroupIngressRule(
                f"{self._name}-{key}-{purpose}",
                security_group_id=self._groups[key].id,
                description=description,
                cidr_ipv4=cidr_ipv4,
                referenced_security_group_id=referenced_security_group_id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=self._child,
            )
        )

    def _out(
        self, key: str, purpose: str, description: str, from_port: int | None = None, to_port: int | None = None
    ) -> None:
        """Lets a group reach any address: by TCP on one port or a range, or without ports on every protocol."""
        self._rules[key].append(
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{key}-to-{purpose}",
                security_group_id=self._groups[key].id,
                description=description,
                cidr_ipv4=ANYWHERE,
                # -1 is every protocol, and then ports are refused.
                ip_protocol="-1" if from_port is None else "tcp",
                from_port=from_port,
                to_port=from_port if to_port is None else to_port,
                opts=self._child,
            )
        )

    def _ready(self, key: str) -> pulumi.Output[str]:
        return after(self._groups[key].id, self._rules[key])
