"""The health of every role, judged: the same on every target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_stack.operations.doctor.finding import Finding, missing, ok
from airflow_stack.operations.running import RoleStatus
from airflow_stack.releases import Release

# What does not work while a server beside Airflow's roles is away.
COSTS = {
    "proxy": "neither UI nor API is reached",
    "postgres": "nothing is scheduled, and nothing runs",
    "redis": "no task reaches a worker",
    "database": "nothing is scheduled, and nothing runs",
    "broker": "no task reaches a worker",
    "docker-socket-proxy": "DockerOperator fails; all other tasks run",
}

MANAGED = ("database", "broker")
"""Roles that are services of AWS."""
SERVERS = ("postgres", "redis", "proxy", "docker-socket-proxy")
"""Roles beside Airflow's on a machine, which are not scaled."""


def judge(status: Sequence[RoleStatus], release: Release, stack: str) -> Iterator[Finding]:
    """One line for those that are well, one for each that is not."""
    well = [one for one in status if one.good]
    if well:
        number = sum(one.healthy for one in well)
        yield ok("Roles", f"healthy: {', '.join(one.role for one in well)} ({number} in all)")
    costs = COSTS | {role.name: role.without for role in release.roles}
    for one in status:
        if not one.good:
            seen = f"{one.healthy} of {one.desired} healthy"
            yield missing(
                one.role.capitalize(), f"{seen}: {one.detail}" if one.detail else seen,
                costs.get(one.role, "its part of the stack does not work"),
                _mend(one, stack),
            )  # fmt: skip


def _mend(one: RoleStatus, stack: str) -> str:
    """What runs is restarted, what was stopped is brought back; AWS's own servers are Pulumi's to bring back.

    What ends again and again would end once more: its log says why.
    """
    if one.role in MANAGED:
        return f"pulumi up --refresh --stack {stack}"
    if one.crashes:
        return f"airflow-stack logs -s {stack} {one.role}"
    if one.running == 0 and one.role in SERVERS:
        return f"airflow-stack up -s {stack}"
    if one.running == 0:
        return f"airflow-stack scale -s {stack} {one.role}={max(1, one.desired)}"
    return f"airflow-stack restart -s {stack} {one.role}"
