"""The ECS services of a stack: how they are, to how many, and anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client
from airflow_stack.operations.running.interface import RoleStatus, Say

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

# Seconds between two looks.
INTERVAL = 3.0
# Seconds. A task starts within two minutes; a failing one is given up by ECS after three to ten attempts.
TIMEOUT = 1800.0
# Tasks that one call of describe_tasks takes.
PAGE = 100


@dataclass(frozen=True)
class Services:
    """Services by role, in one cluster."""

    region: str
    cluster: str
    names: Mapping[str, str]

    @property
    def ecs(self) -> ECSClient:
        found: ECSClient = client("ecs", self.region)
        return found

    def describe(self, roles: Sequence[str]) -> dict[str, ServiceTypeDef]:
        """By role. Raises OperationError for one that is gone."""
        answer = self.ecs.describe_services(cluster=self.cluster, services=[self.names[role] for role in roles])
        found = {one["serviceName"]: one for one in answer["services"] if one.get("status") != "INACTIVE"}
        missing = [role for role in roles if self.names[role] not in found]
        if missing:
            raise OperationError(
                f"{', '.join(missing)}: there is no such service in {self.cluster}.\nBring it back: pulumi up --refresh"
            )
        return {role: found[self.names[role]] for role in roles}

    def tasks(self, role: str) -> list[TaskTypeDef]:
        """Those of the role that are not stopping."""
        pages = self.ecs.get_paginator("list_tasks").paginate(cluster=self.cluster, serviceName=self.names[role])
        arns = [arn for page in pages for arn in page["taskArns"]]
        found: list[TaskTypeDef] = []
        for start in range(0, len(arns), PAGE):
            found += self.ecs.describe_tasks(cluster=self.cluster, tasks=arns[start : start + PAGE])["tasks"]
        return found

    def status(self, roles: Sequence[str]) -> list[RoleStatus]:
        """One entry a role."""
        services = self.describe(roles)
        return [_status(role, services[role], self.tasks(role)) for role in roles]

    def restart(self, role: str, say: Say) -> None:
        """New tasks for all; returns when the old ones are gone. Raises OperationError where ECS gives up."""
        answer = self.ecs.update_service(cluster=self.cluster, service=self.names[role], forceNewDeployment=True)
        ours = primary(answer["service"])["id"]

        def done(service: ServiceTypeDef) -> bool:
            deployment = next((one for one in service["deployments"] if one["id"] == ours), None)
            state = deployment.get("rolloutState", "COMPLETED") if deployment else "FAILED"
            if state == "FAILED":
                reason = (deployment or {}).get("rolloutStateReason") or last_event(service)
                raise OperationError(
                    f"the new {role} did not start: {reason}\nWhat ran before runs on. See why: "
                    f"airflow-stack logs {role}"
                )
            return state == "COMPLETED"

        self._wait(role, done, say)

    def count(self, counts: Mapping[str, int]) -> None:
        """Ask for so many tasks of each role; does not wait."""
        for role, count in counts.items():
            self.ecs.update_service(cluster=self.cluster, service=self.names[role], desiredCount=count)

    def wait_for_counts(self, roles: Iterable[str], say: Say) -> None:
        """Until each runs as many tasks as are asked for, and those are healthy."""
        for role in roles:
            self._wait(role, lambda service, role=role: self._is_settled(role, service), say)  # type: ignore[misc]

    def _is_settled(self, role: str, service: ServiceTypeDef) -> bool:
        wanted = service["desiredCount"]
        if service["runningCount"] != wanted:
            return False
        return sum(map(_is_healthy, self.tasks(role))) >= wanted

    def _wait(self, role: str, done: Callable[[ServiceTypeDef], bool], say: Say) -> None:
        begin, said = time.monotonic(), ""
        while True:
            service = self.describe([role])[role]
            now = f"{role}: {service['runningCount']} of {service['desiredCount']} run"
            if now != said:
                say(said := now)
            if done(service):
                return
            if time.monotonic() - begin > TIMEOUT:
                raise OperationError(
                    f"{role} has not settled after {TIMEOUT / 60:.0f} min: {last_event(service)}\n"
                    "A worker with tasks stays until they have ended; everything else: airflow-stack status"
                )
            time.sleep(INTERVAL)


def _status(role: str, service: ServiceTypeDef, tasks: Sequence[TaskTypeDef]) -> RoleStatus:
    desired, running = service["desiredCount"], service["runningCount"]
    healthy = sum(map(_is_healthy, tasks))
    deployment = primary(service)
    version = deployment["taskDefinition"].rpartition("/")[2]
    state = deployment.get("rolloutState", "COMPLETED")
    detail = ""
    if state == "FAILED":
        detail = f"rolling out {version} failed: {deployment.get('rolloutStateReason', '')}"
    elif len(service["deployments"]) > 1:
        detail = f"rolling out {version}: {deployment['runningCount']} of {desired}"
    elif running < desired:
        detail = last_event(service)
    elif healthy < desired:
        detail = "its health check has not passed"
    started = [task["startedAt"] for task in tasks if "startedAt" in task]
    return RoleStatus(role, desired, running, healthy, version, max(started, default=None), detail.strip())


def primary(service: ServiceTypeDef) -> DeploymentTypeDef:
    """The deployment that ECS goes for."""
    return next(one for one in service["deployments"] if one["status"] == "PRIMARY")


def last_event(service: ServiceTypeDef) -> str:
    events = service.get("events", [])
    return events[0]["message"] if events else "ECS gives no reason"


def _is_healthy(task: TaskTypeDef) -> bool:
    return task.get("lastStatus") == "RUNNING" and task.get("healthStatus") == "HEALTHY"


@dataclass(frozen=True)
class Bounds:
    """Between how many tasks Application Auto Scaling keeps a service, and whether it does so now."""

    least: int
    most: int
    suspended: dict[str, bool]


class Autoscaling:
    """The bounds of the services that have some: the workers', and those with hours."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._client: Any = client("application-autoscaling", services.region)

    def bounds(self) -> dict[str, Bounds]:
        """By role."""
        ids = {self._id(role): role for role in self._services.names}
        pages = self._client.get_paginator("describe_scalable_targets").paginate(
            ServiceNamespace="ecs", ResourceIds=sorted(ids), ScalableDimension="ecs:service:DesiredCount"
        )
        return {
            ids[one["ResourceId"]]: Bounds(one["MinCapacity"], one["MaxCapacity"], one.get("SuspendedState", {}))
            for page in pages
            for one in page["ScalableTargets"]
        }

    def set_range(self, role: str, least: int, most: int) -> None:
        self._register(role, MinCapacity=least, MaxCapacity=most)

    def suspend(self, role: str, state: Mapping[str, bool] | None = None) -> None:
        """Let it do nothing for a while; with ``state``, what it did before."""
        kinds = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
        self._register(role, SuspendedState={kind: True if state is None else state.get(kind, False) for kind in kinds})

    def _register(self, role: str, **change: Any) -> None:
        self._client.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=self._id(role),
            ScalableDimension="ecs:service:DesiredCount",
            **change,
        )

    def _id(self, role: str) -> str:
        cluster = self._services.cluster.rpartition("/")[2]
        return f"service/{cluster}/{self._services.names[role]}"
