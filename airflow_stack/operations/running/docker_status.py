"""How the containers of a stack are, by role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from docker.models.containers import Container

from airflow_stack.backends.containers import Plan
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running.docker_logs import moment
from airflow_stack.operations.running.interface import RoleStatus


def status(found: Sequence[Container], plan: Plan, scaled: Mapping[str, int]) -> list[RoleStatus]:
    """One entry a role: as many as the config says are desired, or as `scale` was told.

    A container that runs to its end is left out where it has ended well.
    """
    planned: dict[str, int] = {}
    for container in plan.long_running:
        role = containers.role_of(container.service)
        planned[role] = planned.get(role, 0) + 1
    planned |= {role: count for role, count in scaled.items() if role in planned}
    by_role: dict[str, list[Container]] = {role: [] for role in planned}
    for one in found:
        by_role.setdefault(containers.role(one), []).append(one)
    entries = [_status(role, planned.get(role, 0), by_role[role]) for role in sorted(by_role)]
    once = {container.service for container in plan.containers if container.one_shot}
    return [entry for entry in entries if entry.role not in once or entry.detail]


def _status(role: str, desired: int, found: Sequence[Container]) -> RoleStatus:
    running = [one for one in found if containers.is_running(one)]
    healthy = [one for one in running if containers.is_healthy(one)]
    problems = []
    if len(healthy) < desired:
        problems = [said for one in found if not containers.is_healthy(one) and (said := _problem(one))]
        if len(found) < desired:
            problems.append(f"{desired - len(found)} not there: airflow-stack up")
    elif desired == 0:  # init, or what a changed config has no more
        problems = [said for one in found if (said := _failure(one))]
    images = dict.fromkeys(_tag(one) for one in found)
    started = [moment(one.attrs["State"]["StartedAt"]) for one in running]
    youngest: datetime | None = max(started, default=None)
    crashes = len(healthy) < desired and any(map(containers.crashes, found))
    detail = "; ".join(problems)
    return RoleStatus(role, desired, len(running), len(healthy), ", ".join(images), youngest, detail, crashes)


def _tag(container: Container) -> str:
    return str(container.attrs["Config"]["Image"]).rpartition(":")[2]


def _problem(container: Container) -> str:
    state: dict[str, Any] = container.attrs["State"]
    name = containers.service(container)
    if state["Status"] == "running" and not containers.crashes(container):
        health = state.get("Health", {})
        if health.get("Status") == "starting":
            return f"{name} is starting"
        last = (health.get("Log") or [{}])[-1].get("Output", "").strip().splitlines()
        return f"{name} is unhealthy{': ' + last[-1] if last else ''}"
    if containers.crashes(container):
        why = _memory(state) or _error(container)
        return f"{name} ends again and again, with exit code {state['ExitCode']}{why}"
    return f"{name} is {state['Status']}, with exit code {state['ExitCode']}{_memory(state)}"


def _failure(container: Container) -> str:
    state = container.attrs["State"]
    if state["Status"] == "exited" and state["ExitCode"] == 0:
        return ""
    return "" if containers.is_healthy(container) else _problem(container)


def _error(container: Container) -> str:
    error, place = containers.last_error(container)
    return (f" ({error})" if error else "") + (f"; correct {place}, then restart it" if place else "")


def _memory(state: Mapping[str, Any]) -> str:
    return ": out of memory" if state.get("OOMKilled") else ""
