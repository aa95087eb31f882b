"""What one month costs, item by item: idle, and with a load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.environment import TASK_LOGS
from airflow_stack.backends.aws.plan.network import OwnVpc
from airflow_stack.backends.aws.plan.servers import Cache, Queues
from airflow_stack.backends.aws.plan.services import Mix, Service
from airflow_stack.config.aws.services import Capacity
from airflow_stack.cost import assumptions as assume
from airflow_stack.cost.hours import HOURS_PER_MONTH, share
from airflow_stack.cost.prices import SPOT_SHARE, Prices


@dataclass(frozen=True)
class Load:
    """What the stack has to do, every day."""

    tasks_per_day: int = 0
    minutes_per_task: float = 0.0

    @property
    def tasks(self) -> float:
        """In a month."""
        return self.tasks_per_day * HOURS_PER_MONTH / 24


IDLE = Load()

_WHERE: dict[Mix, str] = {"on demand": "", "on demand and Spot": " (partly Spot)", "Spot": " (Spot)"}


@dataclass(frozen=True)
class Item:
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    unit: str
    unit_usd: float
    derived: bool = False
    """Whether the price was made of another region's."""

    @property
    def usd(self) -> float:
        """A month."""
        return self.quantity * self.unit_usd


@dataclass(frozen=True)
class Estimate:
    """All lines of one month."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def usd(self) -> float:
        """A month."""
        return sum(item.usd for item in self.items)


def estimate(plan: AwsPlan, load: Load = IDLE) -> Estimate:
    """The bill of a month. Raises PriceError for a region or a size that the table lacks."""
    month = _Month(plan, load)
    return Estimate(tuple(item for item in month.items() if item.quantity > 0), tuple(month.warnings))


class _Month:
    def __init__(self, plan: AwsPlan, load: Load) -> None:
        self._plan = plan
        self._load = load
        self._prices = Prices(plan.region)
        self.warnings: list[str] = []
        # Of all tasks of a service together, by role.
        self._hours = {service.role.name: self._hours_of(service) for service in self._plan.services}

    def items(self) -> Iterator[Item]:
        yield from self._fargate()
        yield from self._load_balancer()
        yield from self._network()
        yield from self._data()
        yield from self._secrets()
        yield from self._watching()
        yield from self._stored()

    def _item(self, service: str, what: str, quantity: float, unit: str, key: str, times: float = 1.0) -> Item:
        usd = self._prices.usd(key) * times
        return Item(service, what, quantity, unit, usd, self._prices.is_derived(key))

    def _hours_of(self, service: Service) -> float:
        open_hours = HOURS_PER_MONTH * share(service.schedule)
        if not service.elastic:
            return service.least * open_hours
        # The least that always run, or what the tasks need, up to the most that may.
        slot_hours = self._load.tasks * self._load.minutes_per_task / 60
        needed = slot_hours / (self._plan.slots * assume.SLOTS_BUSY)
        if needed > service.most * open_hours:
            self.warnings.append(
                f"the load needs {needed / open_hours if open_hours else needed:.1f} workers on average,"
                f" and {service.family.section}.max is {service.most}"
            )
        return min(max(service.least * open_hours, needed), service.most * open_hours)

    def _fargate(self) -> Iterator[Item]:
        processor = self._plan.architecture
        for service in self._plan.services:
            family, role, hours = service.family, service.role.name, self._hours[service.role.name]
            spot = spot_share(service.capacity, max(1, service.least, round(hours / HOURS_PER_MONTH)))
            times = 1 - spot * (1 - SPOT_SHARE)
            how = _WHERE[service.mix]
            vcpus, gb = family.cpu / 1024, family.memory / 1024
            yield self._item(
                "Fargate", f"{role}: {vcpus:g} vCPU{how}", hours * vcpus, "vCPU-h", f"fargate.{processor}.vcpu", times
            )
            yield self._item("Fargate", f"{role}: {gb:g} GB{how}", hours * gb, "GB-h", f"fargate.{processor}.gb", times)
        for service in self._plan.services:
            disk = (service.family.disk or assume.FREE_DISK_GB) - assume.FREE_DISK_GB
            hours = self._hours[service.role.name]
            yield self._item("Fargate", f"{service.role.name}: disk beyond 20 GB", hours * disk, "GB-h", "fargate.disk")

    def _load_balancer(self) -> Iterator[Item]:
        yield self._item("Load balancer", "hours", HOURS_PER_MONTH, "h", "alb.hour")
        yield self._item("Load balancer", "capacity units", HOURS_PER_MONTH * assume.LCU, "LCU-h", "alb.lcu")
        yield self._item(
            "Load balancer",
            "public IPv4 addresses",
            HOURS_PER_MONTH * self._plan.network.zones,
            "address-h",
            "vpc.address",
        )

    def _network(self) -> Iterator[Item]:
        network = self._plan.network
        task_hours = sum(self._hours.values())
        gb = assume.EGRESS_GB_PER_TASK_HOUR * task_hours + assume.EGRESS_GB_PER_TASK * self._load.tasks
        if network.public_ip:
            yield self._item("Network", "public IPv4 addresses of tasks", task_hours, "address-h", "vpc.address")
        if network.endpoints:
            hours = len(network.endpoints) * network.zones * HOURS_PER_MONTH
            yield self._item("Network", "interface endpoints", hours, "endpoint-h", "vpc.endpoint.hour")
            yield self._item("Network", "endpoints' data", gb, "GB", "vpc.endpoint.gb")
        if isinstance(network.vpc, OwnVpc) and network.vpc.nat_zones:
            hours = len(network.vpc.nat_zones) * HOURS_PER_MONTH
            yield self._item("Network", "NAT gateways", hours, "h", "vpc.nat.hour")
            yield self._item("Network", "NAT gateways' data", gb, "GB", "vpc.nat.gb")
            yield self._item("Network", "NAT gateways' addresses", hours, "address-h", "vpc.address")
        yield self._item("Network", "data out to the internet", assume.UI_GB, "GB", "transfer.out")
        yield self._item("Network", "data between zones", gb * assume.OTHER_ZONE, "GB", "transfer.zones")

    def _data(self) -> Iterator[Item]:
        broker = self._plan.broker
        if self._plan.database is not None:
            database = self._plan.database.asked
            copies = 2 if database.multi_az else 1
            what = f"{database.instance_class}{', in two zones' if database.multi_az else ''}"
            yield self._item("RDS", what, copies * HOURS_PER_MONTH, "h", f"rds.{database.instance_class}")
            yield self._item("RDS", "gp3 storage", copies * database.storage, "GB", "rds.gp3")
        if isinstance(broker, Queues):
            takers = [one.role.name for one in self._plan.services if one.role.spec.broker == "takes"]
            polls = sum(self._hours[role] for role in takers) * 3600 / assume.POLL_SECONDS
            requests = polls + self._load.tasks * assume.REQUESTS_PER_TASK
            yield self._item("SQS", "requests", requests, "request", "sqs.request")
        elif isinstance(broker, Cache):
            key, usd = self._prices.cache(broker.asked.engine, broker.asked.node_type)
            hours = broker.nodes * HOURS_PER_MONTH
            what = f"{broker.asked.engine} on {broker.asked.node_type}"
            yield Item("ElastiCache", what, hours, "node-h", usd, self._prices.is_derived(key))

    def _secrets(self) -> Iterator[Item]:
        yield self._item("Secrets Manager", "secrets", len(self._plan.secrets.files), "secret", "secrets.secret")
        calls = self._load.tasks * assume.LOOKUPS_PER_TASK
        yield self._item("Secrets Manager", "calls", calls, "call", "secrets.call")

    def _watching(self) -> Iterator[Item]:
        watching = self._plan.watching
        yield self._item("CloudWatch", "alarms, by metric", watching.alarm_metrics, "alarm", "cloudwatch.alarm")
        yield self._item("CloudWatch", "alarms of the autoscaler", assume.TRACKING_ALARMS, "alarm", "cloudwatch.alarm")
        if watching.composites:
            yield self._item("CloudWatch", "composite alarm", len(watching.composites), "alarm", "cloudwatch.composite")
        yield self._item("CloudWatch", "dashboard", 1, "dashboard", "cloudwatch.dashboard")
        sent = assume.metrics(watching.airflow_metrics)
        yield self._item("CloudWatch", "metrics of the stack", assume.PUBLISHED + sent, "metric", "cloudwatch.metric")
        if self._plan.cluster.insights:
            yield self._item("CloudWatch", "Container Insights", assume.INSIGHTS, "metric", "cloudwatch.metric")
        scheduling = sum(self._hours[one.role.name] for one in self._plan.services if one.role.spec.schedules)
        agents = scheduling * 60 if watching.airflow_metrics else 0
        published = scheduling * 3600 / assume.PUBLISH_SECONDS
        yield self._item(
            "CloudWatch", "requests that send metrics", agents + published, "request", "cloudwatch.request"
        )
        gb = sum(self._hours.values()) * assume.LOG_GB_PER_HOUR + self._load.tasks * assume.LOG_GB_PER_TASK
        if self._plan.logs.firelens:
            yield self._item("Firehose", "service logs", gb, "GB", "firehose.gb")
            yield self._item("Athena", "queries", assume.ATHENA_TB, "TB", "athena.tb")
        else:
            kept = gb * assume.LOGS_COMPRESSED * self._plan.logs.days / 30.4
            yield self._item("CloudWatch", "service logs, taken in", gb, "GB", "cloudwatch.logs.gb")
            yield self._item("CloudWatch", "service logs, kept", kept, "GB", "cloudwatch.logs.kept")
        if watching.email is not None:
            yield self._item("KMS", "key of the alarms' topic", 1, "key", "kms.key")

    def _stored(self) -> Iterator[Item]:
        logs = self._load.tasks * assume.TASK_LOG_GB * self._plan.bucket.days[TASK_LOGS] / 30.4
        yield self._item("S3", "task logs", logs, "GB", "s3.gb")
        yield self._item("S3", "writes", self._load.tasks, "request", "s3.put")
        yield self._item("S3", "reads", self._load.tasks * assume.READS_PER_TASK, "request", "s3.get")
        yield self._item("ECR", "images", assume.IMAGES_GB, "GB", "ecr.gb")


def spot_share(capacity: Capacity, tasks: int) -> float:
    """The part of so many tasks that is on Spot."""
    weights = capacity.on_demand_weight + capacity.spot_weight
    return max(0, tasks - capacity.on_demand_base) / tasks * capacity.spot_weight / weights
