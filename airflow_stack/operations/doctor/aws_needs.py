"""What a stack on AWS takes of an account at its most. Pure."""

from __future__ import annotations

import ipaddress
import math

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.config.aws.services import Capacity

# Addresses of a subnet that AWS keeps for itself.
RESERVED = 5


def tasks_at_most(plan: AwsPlan) -> int:
    """All workers, and a migration. A rollout takes more for a while."""
    return sum(service.most for service in plan.services) + 1


def addresses(cidr: str) -> int:
    """Those that a subnet has for tasks."""
    return ipaddress.ip_network(cidr).num_addresses - RESERVED


def vcpus(plan: AwsPlan) -> tuple[float, float]:
    """vCPUs at their most, on demand and on Spot: all workers, and a migration. A rollout takes more for a while."""
    running = {service.role.name for service in plan.services}
    on_demand, spot = sum(one.cpu for one in plan.families if one.role.name not in running) / 1024, 0.0
    for service in plan.services:
        there, vcpus_each = on_demand_tasks(service.capacity, service.most), service.family.cpu / 1024
        on_demand += there * vcpus_each
        spot += (service.most - there) * vcpus_each
    return on_demand, spot


def on_demand_tasks(capacity: Capacity, count: int) -> int:
    """Of so many tasks, those that ECS starts on demand."""
    base = min(count, capacity.on_demand_base)
    weights = capacity.on_demand_weight + capacity.spot_weight
    return base + (math.ceil((count - base) * capacity.on_demand_weight / weights) if weights else count - base)
