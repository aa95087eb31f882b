"""The topology of a stack on AWS, from its plan and the containers of its tasks."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.environment import LOOKUPS, ONE_OFF, TASK_LOGS
from airflow_stack.backends.aws.plan.network import OwnVpc
from airflow_stack.backends.aws.plan.servers import Cache, Queues
from airflow_stack.operations.graph.topology import (
    TIMES,
    Edge,
    Group,
    Kind,
    Line,
    Node,
    Topology,
    from_all,
    listed,
    topology,
)
from airflow_stack.operations.task_containers import Containers


def aws_topology(plan: AwsPlan, containers: Containers, version: str, stack: str) -> Topology:
    """Services and their sizes, what they stand in, and what they use; ``version`` is Airflow's."""
    return _Picture(plan, containers, version, stack).topology()


class _Picture:
    def __init__(self, plan: AwsPlan, containers: Containers, version: str, stack: str) -> None:
        self._plan, self._containers, self._version, self._stack = plan, containers, version, stack
        self._network = plan.network

    def topology(self) -> Topology:
        plan = self._plan
        return topology(
            f"Airflow stack {self._stack}",
            f"Topology of the Airflow stack {self._stack} ({plan.name}) on AWS, region {plan.region}:"
            f" {len(plan.services)} ECS services on Fargate.",
            [*self._outside(), *self._entry(), *self._tasks(), *self._data(), *self._regional()],
            self._groups(),
            [*self._ways_in(), *self._uses(), *self._ways_out()],
        )

    # Boxes

    def _groups(self) -> Iterator[Group]:
        plan, vpc = self._plan, self._network.vpc
        yield Group("region", "AWS", (plan.region,))
        if isinstance(vpc, OwnVpc):
            yield Group("vpc", "VPC", (vpc.cidr, f"zones {', '.join(vpc.letters)}"), "region")
        else:
            yield Group("vpc", "VPC", (vpc.vpc_id, "which was there"), "region")
        yield Group("public", "Public subnets", listed(vpc.public), "vpc")
        yield Group("private", "Private subnets", listed(vpc.private), "vpc")
        yield Group(
            "cluster",
            f"ECS cluster {plan.cluster.name}",
            (f"Fargate, {plan.architecture}", f"image airflow {self._version}"),
            "public" if self._network.public_ip else "private",
        )

    def _outside(self) -> Iterator[Node]:
        asked = self._plan.entry.asked
        allowed = asked.allowed_cidrs
        yield Node(
            "user", "You", Kind.OUTSIDE, 0, 1, (f"from {allowed[0]}", *allowed[1:3], *["…"][: bool(allowed[3:])])
        )
        if asked.oidc is not None:
            issuer = asked.oidc.issuer.removeprefix("https://")
            yield Node("oidc", "OpenID provider", Kind.OUTSIDE, 0, 2, (issuer,))
        if self._network.way_out != "vpc_endpoints":
            yield Node("internet", "Internet", Kind.OUTSIDE, 0, 3, ("and AWS's public endpoints",))
        if self._plan.database is None:
            yield Node("database", "External database", Kind.DATA, 6, 1, ("secret database_url",))
        if self._plan.broker is None:
            yield Node("broker", "External broker", Kind.DATA, 6, 2, ("secret broker_url",))

    def _entry(self) -> Iterator[Node]:
        balancer = self._plan.entry.asked
        details = ["application load balancer", balancer.domain or "its own name of AWS"]
        if balancer.hosted_zone_id is not None:
            details.append("Route 53, certificate of ACM")
        yield Node("load_balancer", "Load balancer", Kind.ENTRY, 1, 1, tuple(details), "public")
        vpc = self._network.vpc
        if isinstance(vpc, OwnVpc) and vpc.nat_zones:
            count = len(vpc.nat_zones)
            title = f"NAT gateway {TIMES} {count}" if count > 1 else "NAT gateway"
            where = "one a zone" if count > 1 else f"zone {vpc.nat_zones[0]}"
            yield Node("nat", title, Kind.PLATFORM, 1, 3, (where,), "public", many=count > 1)
        if self._network.endpoints:
            services = listed([*self._network.endpoints, "s3"])
            yield Node("endpoints", "VPC endpoints", Kind.PLATFORM, 4, 3, services, "private")

    def _tasks(self) -> Iterator[Node]:
        services = {service.role.name: service for service in self._plan.services}
        for family in self._plan.families:
            role, spec = family.role.name, family.role.spec
            service = services.get(role)
            many, title = service is not None and service.most > 1, role
            if service is not None and (many or service.elastic):
                title = f"{role} {TIMES} {_range(service.least, service.most)}"
            details = [f"{'each ' if many else ''}{family.cpu / 1024:g} vCPU, {family.memory} MiB"]
            if service is None:
                details.append("migration, single commands")
            else:
                details.append(service.mix)
                if service.schedule is not None:
                    details.append(f"{service.schedule.time_zone}: by the hour")
                if service.role.spec.broker == "takes":
                    details.append(f"each {self._plan.slots} tasks at a time")
            if beside := [container["name"] for container in self._containers[role][1:]]:
                details += [f"with {line}" if not number else line for number, line in enumerate(listed(beside, 22))]
            tier = 2 if spec.serves == "ui" else 3
            yield Node(_id(role), title, Kind.AIRFLOW, tier, spec.column, tuple(details), "cluster", (role,), many)

    def _data(self) -> Iterator[Node]:
        broker = self._plan.broker
        if self._plan.database is not None:
            database = self._plan.database.asked
            facts = (
                f"PostgreSQL {database.version}",
                database.instance_class,
                f"{_range(database.storage, database.max_storage)} GB",
                "standby in another zone" if database.multi_az else "one zone",
                f"backups of {database.backup_days} days",
            )
            yield Node("database", "RDS", Kind.DATA, 4, 1, facts, "private", many=database.multi_az)
        if isinstance(broker, Cache):
            nodes = broker.nodes
            engine = (broker.asked.engine, broker.asked.node_type, f"{nodes} node{'s' if nodes > 1 else ''}")
            yield Node("broker", "ElastiCache", Kind.DATA, 4, 2, engine, "private", many=nodes > 1)
        if isinstance(broker, Queues):
            queue = ("queue of tasks", f"dead letters after {broker.asked.max_receives} tries")
            yield Node("broker", "SQS", Kind.DATA, 5, 2, queue, "region")

    def _regional(self) -> Iterator[Node]:
        plan = self._plan
        stored = listed([secret.name for secret in plan.secrets.files])
        looked_up = [f"{plan.name}/{kind}/…" for kind in LOOKUPS]
        yield Node("secrets", "Secrets Manager", Kind.SECRET, 5, 0, (*stored, "and yours:", *looked_up), "region")
        yield Node(
            "registry",
            "ECR",
            Kind.STORE,
            5,
            1,
            ("image with dags, plugins,", f"config; for {plan.architecture}"),
            "region",
        )
        logs = [f"{TASK_LOGS}: {plan.bucket.days[TASK_LOGS]} days"]
        if plan.logs.firelens:
            logs.append(f"service logs: {plan.logs.days} days")
            yield Node("firehose", "Firehose", Kind.PLATFORM, 4, 4, ("service logs", "queries: Athena"), "region")
        yield Node("bucket", "S3", Kind.STORE, 5, 3, ("private bucket", *logs), "region")
        watch = [f"{len(plan.log_groups)} log groups, {plan.logs.days} days", "dashboard, alarms"]
        if plan.watching.email is not None:
            watch.append("alarms by mail: SNS")
        watch.append(f"metrics {plan.watching.namespace}")
        if plan.cluster.insights:
            watch.append("Container Insights")
        yield Node("cloudwatch", "CloudWatch", Kind.PLATFORM, 5, 4, tuple(watch), "region")

    # Edges

    def _ways_in(self) -> Iterator[Edge]:
        balancer = self._plan.entry.asked
        yield Edge("user", "load_balancer", "HTTPS" if balancer.https else "HTTP, unencrypted")
        yield Edge("load_balancer", "oidc", "login")
        for service in self._plan.services:
            if service.served:
                yield Edge("load_balancer", _id(service.role.name), f"port {service.role.port}")
        yield from self._live_logs()
        for service in self._plan.services:
            yield Edge(_id(ONE_OFF), _id(service.role.name), "migrates first", Line.ORDER)

    def _live_logs(self) -> Iterator[Edge]:
        """From who serves the UI, by the rules that let it in."""
        shown = [(family.role.spec.log_port, family.role.name) for family in self._plan.families]
        for port, role in sorted((port, role) for port, role in shown if port):
            for rule in self._plan.rules.rules:
                if (rule.group, rule.direction, rule.ports) == (role, "in", (port, port)):
                    yield Edge(_id(rule.peer), _id(role), "live logs")

    def _uses(self) -> Iterator[Edge]:
        families = self._plan.families
        names = [family.role.name for family in families]
        secrets = {role: {one["valueFrom"] for one in self._containers[role][0].get("secrets", [])} for role in names}
        yield from self._from([role for role in names if "sql_alchemy_conn" in secrets[role]], "database", "SQL")
        for family in families:
            if family.role.spec.broker is not None:
                yield Edge(_id(family.role.name), "broker", "Celery")
        yield from self._from([role for role in names if secrets[role]], "secrets", "at start")
        yield from self._from(names, "registry", "pulls")
        # Who serves the UI reads what the others write.
        logs = [one.role.name for one in families if one.role.spec.writes_task_logs or one.role.spec.serves == "ui"]
        yield from self._from(logs, "bucket", "task logs")
        yield from self._from(names, "cloudwatch", "logs, metrics")
        if self._plan.logs.firelens:
            yield Edge("cluster", "firehose", "of the services")
        yield Edge("firehose", "bucket", "")

    def _ways_out(self) -> Iterator[Edge]:
        network = self._network
        if network.endpoints:
            yield Edge("cluster", "endpoints", "to AWS alone")
        elif isinstance(network.vpc, OwnVpc) and network.vpc.nat_zones:
            yield Edge("cluster", "nat", "out")
            yield Edge("nat", "internet")
        else:
            yield Edge("cluster", "internet", "out, by public addresses" if network.public_ip else "out")

    def _from(self, found: list[str], target: str, label: str) -> list[Edge]:
        return from_all("cluster", map(_id, found), target, label, self._tasks())


def _id(role: str) -> str:
    return role.replace("-", "_")


def _range(least: int, most: int) -> str:
    return str(most) if least == most else f"{least} to {most}"
