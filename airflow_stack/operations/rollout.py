"""Wait until the services of a stack on AWS run what they were told to run, and deploy again where they don't."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.running.aws_services import last_event, primary

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

# Seconds between two looks.
INTERVAL = 3.0
# Seconds. A task starts within two minutes; a failing one is given up by ECS after three to ten attempts.
TIMEOUT = 1800.0
# Revisions of a role that nobody waits for, the newest among them. The circuit breaker goes back to the last deployment
# that was complete: one whose workers are busy is not, so that may be some deployments ago.
KEPT = 10


def settle(inputs: Mapping[str, Any]) -> None:
    """Wait for what the update has deployed.

    ``services`` is JSON: by role, in the words of UpdateService. Of those that ``unwaited`` names, only the failed ones
    are deployed again, and their oldest task definitions are deregistered. Raises OperationError where a rollout fails,
    is rolled back, or takes longer than half an hour.
    """
    with plain_errors(inputs["region"]):
        ecs: ECSClient = client("ecs", inputs["region"])
        rollout = _Rollout(ecs, inputs)
        rollout.start()
        rollout.wait()
        _deregister(ecs, inputs, KEPT)


def forget(inputs: Mapping[str, Any]) -> None:
    """Deregister the task definitions that Pulumi leaves alone; a service that still runs one goes on until its end."""
    with plain_errors(inputs["region"]):
        ecs: ECSClient = client("ecs", inputs["region"])
        _deregister(ecs, inputs, 0)


class _Rollout:
    """The deployments of one update, by role."""

    def __init__(self, ecs: ECSClient, inputs: Mapping[str, Any]) -> None:
        self._ecs, self._cluster, self._stack = ecs, inputs["cluster"], inputs["stack"]
        self._asked: dict[str, dict[str, Any]] = json.loads(inputs["services"])
        self._unwaited = inputs["unwaited"]
        self._ours: dict[str, str] = {}
        """Ids of the deployments that are waited for."""

    def start(self) -> None:
        """Find the deployments, and make new ones where a former update has failed: Pulumi has nothing to change."""
        for role, service in self._look(list(self._asked)).items():
            found = primary(service)
            if found.get("rolloutState") == "FAILED" or not _is(found, self._asked[role]):
                print(f"{role} does not run what it should: it is deployed again", flush=True)
                answer = self._ecs.update_service(cluster=self._cluster, forceNewDeployment=True, **self._asked[role])
                found = primary(answer["service"])
            if role not in self._unwaited:
                self._ours[role] = found.get("id", "")

    def wait(self) -> None:
        """Until all are complete."""
        begin, left = time.monotonic(), set(self._ours)
        while left:
            for role, service in self._look(sorted(left)).items():
                if self._is_complete(role, service):
                    print(f"{role} runs {self._asked[role]['taskDefinition'].rpartition('/')[2]}", flush=True)
                    left.discard(role)
                elif time.monotonic() - begin > TIMEOUT:
                    self._fail(role, f"it is still under way after {TIMEOUT / 60:.0f} min: {last_event(service)}")
            if left:
                time.sleep(INTERVAL)

    def _is_complete(self, role: str, service: ServiceTypeDef) -> bool:
        ours = next((one for one in service["deployments"] if one.get("id") == self._ours[role]), None)
        if ours is None:
            self._fail(role, f"ECS has rolled it back: {last_event(service)}")
            return False
        state = ours.get("rolloutState", "COMPLETED")
        if state == "FAILED":
            self._fail(role, ours.get("rolloutStateReason") or last_event(service))
        return state == "COMPLETED"

    def _look(self, roles: list[str]) -> dict[str, ServiceTypeDef]:
        names = {role: self._asked[role]["service"] for role in roles}
        found = self._ecs.describe_services(cluster=self._cluster, services=list(names.values()))["services"]
        by_name = {one["serviceName"]: one for one in found if one.get("status") != "INACTIVE"}
        if gone := [role for role, name in names.items() if name not in by_name]:
            raise OperationError(
                f"{', '.join(gone)}: there is no such service in {self._cluster}.\n"
                f"Bring it back: pulumi up --refresh --stack {self._stack}"
            )
        return {role: by_name[name] for role, name in names.items()}

    def _fail(self, role: str, reason: str) -> None:
        raise OperationError(
            f"the new {role} did not start: {reason}\nWhat ran before runs on, if there was anything. See why:"
            f" airflow-stack logs -s {self._stack} {role}\n"
            f"Then deploy again, even where nothing has to change here: pulumi up --stack {self._stack}"
        )


def _is(found: DeploymentTypeDef, asked: Mapping[str, Any]) -> bool:
    """Whether a deployment runs what was asked for: a rollback brings back the network and the capacity too."""
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration")
    capacity = found.get("capacityProviderStrategy")
    wanted = asked["networkConfiguration"]["awsvpcConfiguration"]
    return (
        found.get("taskDefinition") == asked["taskDefinition"]
        and (not network or _same(network, wanted))
        and (not capacity or sorted(map(_share, capacity)) == sorted(map(_share, asked["capacityProviderStrategy"])))
    )


def _same(network: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return network.get("assignPublicIp") == wanted["assignPublicIp"] and all(
        set(network.get(key, [])) == set(wanted[key]) for key in ("subnets", "securityGroups")
    )


def _share(one: Mapping[str, Any]) -> tuple[str, int, int]:
    return one["capacityProvider"], int(one.get("base", 0)), int(one.get("weight", 0))


def _deregister(ecs: ECSClient, inputs: Mapping[str, Any], kept: int) -> None:
    """Of the roles that nobody waits for, all active revisions but the newest ``kept``."""
    services = json.loads(inputs["services"])
    for role in inputs["unwaited"]:
        family = services[role]["taskDefinition"].rpartition("/")[2].partition(":")[0]
        pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE", sort="DESC")
        for arn in [one for page in pages for one in page["taskDefinitionArns"]][kept:]:
            ecs.deregister_task_definition(taskDefinition=arn)
