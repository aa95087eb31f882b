"""ECS's deployments in moto: each is under way, and then complete, or given up as the circuit breaker does.

moto makes one deployment for a service, which never moves on and never learns of another task definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.moto_api._internal import mock_random

REASON = "tasks failed to start."

failing: set[str] = set()
"""Names of services whose new tasks do not start."""
deployed: list[str] = []
"""Names of services, in the order of their deployments."""
_ends: dict[str, Callable[[], None]] = {}
"""What becomes of a deployment at the next look at its service, by the deployment's id."""

_create = EC2ContainerServiceBackend.create_service
_update = EC2ContainerServiceBackend.update_service
_describe = EC2ContainerServiceBackend.describe_services
KEPT = ("task_definition", "network_configuration", "platform_version")


def reset() -> None:
    """All tasks start again, and no deployment is known any more."""
    failing.clear()
    deployed.clear()
    _ends.clear()


def create_service(self: Any, *arguments: Any, **named: Any) -> Service:
    service = _create(self, *arguments, **named)
    _deploy(service, None)
    return service


def update_service(self: Any, service_properties: dict[str, Any]) -> Service:
    forced = service_properties.get("force_new_deployment") or service_properties.get("task_definition")
    found, _ = _describe(self, service_properties["cluster"], [service_properties["service"]])
    before = {key: getattr(found[0], key) for key in KEPT} if found else {}
    service = _update(self, service_properties)
    if forced:
        # Where nothing has ever started, there is nothing to go back to.
        had_tasks = any(one["rolloutState"] == "COMPLETED" for one in service.deployments)
        _deploy(service, before if had_tasks else None)
    return service


def describe_services(self: Any, cluster_str: str, service_names_or_arns: list[str]) -> Any:
    found, failures = _describe(self, cluster_str, service_names_or_arns)
    for service in found:
        for one in service.deployments:
            if end := _ends.pop(str(one["id"]), None):
                end()
    return found, failures


def _deploy(service: Service, before: dict[str, Any] | None) -> None:
    """A new deployment; ``before`` is what the circuit breaker goes back to, None where it can't."""
    deployed.append(service.name)
    ours = _deployment(service, "IN_PROGRESS", "in progress")
    service.deployments = [ours]

    def end() -> None:
        if service.name not in failing:
            ours.update(rolloutState="COMPLETED", rolloutStateReason="completed", runningCount=service.desired_count)
            service.running_count, service.pending_count = service.desired_count, 0
        elif before is None:
            ours.update(rolloutState="FAILED", rolloutStateReason=REASON, failedTasks=3)
        else:
            for key, value in before.items():
                setattr(service, key, value)
            service.deployments = [_deployment(service, "COMPLETED", "completed")]
            service.events = [{"id": "1", "createdAt": utcnow(), "message": f"(service {service.name}) {REASON}"}]

    _ends[ours["id"]] = end


def _deployment(service: Service, state: str, reason: str) -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{mock_random.randint(0, 32**12)}",
        "status": "PRIMARY",
        "taskDefinition": service.task_definition,
        "networkConfiguration": service.network_configuration,
        "platformVersion": service.platform_version,
        "desiredCount": service.desired_count,
        "runningCount": service.desired_count if state == "COMPLETED" else 0,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": state,
        "rolloutStateReason": f"ECS deployment {reason}.",
        "createdAt": utcnow(),
        "updatedAt": utcnow(),
    }


FILLED = tuple(
    (EC2ContainerServiceBackend, operation.__name__, operation)
    for operation in (create_service, update_service, describe_services)
)
