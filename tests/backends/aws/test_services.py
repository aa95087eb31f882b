"""The services: how many, on what capacity, how they are replaced, and what they wait for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from airflow_stack.backends.aws.called import Called
from airflow_stack.backends.aws.plan.services import Service
from airflow_stack.backends.aws.services import Services, strategy
from airflow_stack.operations import rollout as operation
from airflow_stack.operations.target.aws import FORGET, SETTLE
from backends.aws.recorded import AwsRecorder, Recorded, config, planned, record
from backends.recorder import RecordingMonitor

SERVICE = "aws:ecs/service:Service"
ROLES = ("webserver", "scheduler", "triggerer", "worker")
# Large enough for every count below: config refuses more connections than the instance takes.
DATABASE = {"database": {"instance_class": "db.t4g.large"}}
NIGHTS = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *", "time_zone": "Europe/Berlin"}


def output(value: Any) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(value)


def build(public: bool = False, **target: Any) -> Services:
    """The services beside stand-ins for what the other parts make."""
    return Services(
        "airflow",
        planned(config(target, **DATABASE)),
        SimpleNamespace(arn=output("arn:cluster")),  # type: ignore[arg-type]
        SimpleNamespace(arns={role: output(f"arn:definition/{role}:1") for role in ROLES}),  # type: ignore[arg-type]
        SimpleNamespace(task_subnet_ids=[output("subnet-a"), output("subnet-b")], assign_public_ip=public),  # type: ignore[arg-type]
        SimpleNamespace(services={role: output(f"sg-{role}") for role in ROLES}),  # type: ignore[arg-type]
        load_balancer=SimpleNamespace(  # type: ignore[arg-type]
            target_group_arn=output("arn:target-group"),
            listeners=[pulumi.CustomResource("test:index:Listener", "listener", {})],
        ),
        migration=pulumi.CustomResource("test:index:Migration", "migration", {}),  # type: ignore[arg-type]
        called=Called(attach="", push="", run="", settle=SETTLE, forget=FORGET),
    )


def services(public: bool = False, **target: Any) -> dict[str, dict[str, Any]]:
    """Inputs by role."""
    made = record(lambda: build(public, **target)).of(SERVICE)
    return {name.removeprefix("airflow-"): resource.inputs for name, resource in made.items()}


def ignored(monkeypatch: pytest.MonkeyPatch, **target: Any) -> dict[str, list[str]]:
    """Properties whose changes are ignored, by role."""
    found = {}
    register = RecordingMonitor.RegisterResource

    def spy(self: Any, request: Any) -> Any:
        if request.type == SERVICE:
            found[request.name.removeprefix("airflow-")] = list(request.ignoreChanges)
        return register(self, request)

    monkeypatch.setattr(RecordingMonitor, "RegisterResource", spy)
    record(lambda: build(**target))
    monkeypatch.undo()
    return found


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    """The smallest stack's services."""
    return record(build)


def test_there_is_a_service_for_each_long_running_role(smallest: Recorded) -> None:
    """Rule: webserver, scheduler, triggerer, worker; each with its own definition and group."""
    made = smallest.of(SERVICE)
    assert set(made) == {f"airflow-{role}" for role in ROLES}
    for role in ROLES:
        inputs = made[f"airflow-{role}"].inputs
        assert inputs["name"] == f"airflow-{role}"
        assert inputs["cluster"] == "arn:cluster"
        assert inputs["taskDefinition"] == f"arn:definition/{role}:1"
        assert inputs["networkConfiguration"]["securityGroups"] == [f"sg-{role}"]
        assert inputs["networkConfiguration"]["subnets"] == ["subnet-a", "subnet-b"]


def test_counts_are_those_of_config() -> None:
    """Rule: as many tasks as config says; workers start at their minimum."""
    found = services(webserver={"count": 2, "cpu": 512}, worker={"min": 3, "max": 7})
    assert {role: inputs["desiredCount"] for role, inputs in found.items()} == {
        "webserver": 2, "scheduler": 1, "triggerer": 1, "worker": 3,
    }  # fmt: skip


def test_the_autoscalers_count_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: desiredCount is ignored where an autoscaler or a schedule owns it, and nowhere else."""
    assert ignored(monkeypatch) == {"webserver": [], "scheduler": [], "triggerer": [], "worker": ["desiredCount"]}
    assert ignored(monkeypatch, webserver={"schedule": NIGHTS}) == {
        "webserver": ["desiredCount"], "scheduler": [], "triggerer": [], "worker": ["desiredCount"],
    }  # fmt: skip


def test_a_bad_deployment_is_rolled_back_and_waited_for(smallest: Recorded) -> None:
    """Rule: circuit breaker with rollback everywhere. Rollout waits, which forgets no failure."""
    for role in ROLES:
        inputs = smallest.of(SERVICE)[f"airflow-{role}"].inputs
        assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert inputs["waitForSteadyState"] is False


def test_workers_do_not_keep_a_deletion(smallest: Recorded) -> None:
    """Rule: a worker that is protected would hold a destroy, or a replacement, for two days; others do not."""
    assert [role for role in ROLES if smallest.of(SERVICE)[f"airflow-{role}"].inputs["forceDelete"]] == ["worker"]


def test_only_the_scheduler_goes_before_its_successor_comes(smallest: Recorded) -> None:
    """Rule: no two schedulers of different images side by side; of the others none is missing meanwhile."""
    percents = {
        role: (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"])
        for role in ROLES
        if (inputs := smallest.of(SERVICE)[f"airflow-{role}"].inputs)
    }
    assert percents == {
        "webserver": (100, 200), "scheduler": (0, 100), "triggerer": (100, 200), "worker": (100, 200),
    }  # fmt: skip


def test_zones_are_balanced_where_ecs_can(smallest: Recorded) -> None:
    """Rule: ECS refuses to balance a service of at most 100 %, and workers are not moved about."""
    found = {role: smallest.of(SERVICE)[f"airflow-{role}"].inputs["availabilityZoneRebalancing"] for role in ROLES}
    assert found == {"webserver": "ENABLED", "scheduler": "DISABLED", "triggerer": "ENABLED", "worker": "DISABLED"}


def test_only_the_webserver_is_behind_the_load_balancer(smallest: Recorded) -> None:
    """Rule: it waits for the listeners ("target group has no load balancer") and has time to load."""
    made = smallest.of(SERVICE)
    for role in ROLES:
        resource = made[f"airflow-{role}"]
        assert "migration" in resource.depends_on
        if role == "webserver":
            assert "listener" in resource.depends_on
            assert resource.inputs["loadBalancers"] == [
                {"targetGroupArn": "arn:target-group", "containerName": "webserver", "containerPort": 8080}
            ]
            assert resource.inputs["healthCheckGracePeriodSeconds"] == 300
        else:
            assert "listener" not in resource.depends_on
            assert "loadBalancers" not in resource.inputs
            assert "healthCheckGracePeriodSeconds" not in resource.inputs


def test_capacity_is_a_mix_with_a_base_on_demand() -> None:
    """Rule: on-demand base, weights of on-demand and Spot; a provider that gets nothing is not named."""

    def webserver(capacity: dict[str, int]) -> Service:
        services = planned(config({"webserver": {"capacity": capacity}})).services
        return next(one for one in services if one.served)

    def shares(**capacity: int) -> list[tuple[Any, ...]]:
        return [(one.capacity_provider, one.base, one.weight) for one in strategy(webserver(capacity).shares)]

    assert shares() == [("FARGATE", 0, 1)]
    assert shares(on_demand_base=2, on_demand_weight=1, spot_weight=3) == [("FARGATE", 2, 1), ("FARGATE_SPOT", 0, 3)]
    assert shares(on_demand_weight=0, spot_weight=1) == [("FARGATE_SPOT", 0, 1)]
    assert shares(on_demand_base=1, on_demand_weight=0, spot_weight=1) == [("FARGATE", 1, 0), ("FARGATE_SPOT", 0, 1)]


def test_each_service_has_the_capacity_of_its_config(smallest: Recorded) -> None:
    """Rule: the triggerer is on Spot by default, the others on demand; never a launch type beside a strategy."""
    for role in ROLES:
        inputs = smallest.of(SERVICE)[f"airflow-{role}"].inputs
        names = [one["capacityProvider"] for one in inputs["capacityProviderStrategies"]]
        assert names == (["FARGATE_SPOT"] if role in ("triggerer", "webserver") else ["FARGATE"])
        assert "launchType" not in inputs
        # Else the provider replaces the service when these change.
        assert inputs["forceNewDeployment"] is True


def test_shells_are_off_unless_config_says_so() -> None:
    """Rule: ECS exec follows target.exec."""
    assert {one["enableExecuteCommand"] for one in services().values()} == {False}
    assert {one["enableExecuteCommand"] for one in services(exec=True).values()} == {True}


def test_public_addresses_follow_the_network() -> None:
    """Rule: a public address only where the network says that tasks leave by one."""
    for public in (False, True):
        found = services(public)
        assert {one["networkConfiguration"]["assignPublicIp"] for one in found.values()} == {public}


def test_platform_and_tags_are_pinned(smallest: Recorded) -> None:
    """Rule: the platform version is pinned; tasks carry the tags of their service."""
    for resource in smallest.of(SERVICE).values():
        assert resource.inputs["platformVersion"] == "1.4.0"
        assert resource.inputs["propagateTags"] == "SERVICE"
        assert resource.inputs["enableEcsManagedTags"] is True


def rollout(public: bool = False, **target: Any) -> tuple[Any, dict[str, Any]]:
    """The rollout, and what it is asked for by role."""
    found = record(lambda: build(public, **target)).one("pulumi-python:dynamic/airflow-stack:Rollout")
    return found, json.loads(found.inputs["services"])


def test_the_rollout_is_told_what_the_services_are_told() -> None:
    """Rule: what it deploys again is what Pulumi has deployed: definition, place, capacity, count."""
    made = record(lambda: build(True, exec=True))
    asked = json.loads(made.one("pulumi-python:dynamic/airflow-stack:Rollout").inputs["services"])
    for role in ROLES:
        inputs = made.of(SERVICE)[f"airflow-{role}"].inputs
        network = inputs["networkConfiguration"]
        assert asked[role] == ({} if role == "worker" else {"desiredCount": inputs["desiredCount"]}) | {
            "service": f"airflow-{role}",
            "taskDefinition": inputs["taskDefinition"],
            "platformVersion": inputs["platformVersion"],
            "capacityProviderStrategy": inputs["capacityProviderStrategies"],
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": network["subnets"],
                    "securityGroups": network["securityGroups"],
                    "assignPublicIp": "ENABLED",
                }
            },
            "enableExecuteCommand": True,
        }


def test_the_rollout_leaves_counts_to_who_owns_them() -> None:
    """Rule: what the autoscaler or a schedule has set is not undone by a deployment."""
    _, asked = rollout(webserver={"schedule": NIGHTS})
    assert [role for role in ROLES if "desiredCount" in asked[role]] == ["scheduler", "triggerer"]


def test_what_the_rollout_calls_is_there() -> None:
    """Rule: functions are found by their paths, and nobody waits for workers, which finish their tasks first."""
    found, _ = rollout()
    assert found.inputs["unwaited"] == ["worker"]
    for path, function in (("function", operation.settle), ("undo", operation.forget)):
        module, _, name = found.inputs[path].partition(":")
        assert (module, getattr(operation, name)) == (operation.__name__, function)


def test_the_name_of_a_service_comes_after_the_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: no output of a stack names services that do not run what they should."""
    monkeypatch.setattr("backends.aws.recorded.AwsRecorder", NotRolledOut)
    with pytest.raises(Exception, match="did not start"):
        record(lambda: pulumi.Output.all(**build().rolled_out))


class NotRolledOut(AwsRecorder):
    """An AWS in which the rollout fails."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.name == "airflow-rollout":
            raise RuntimeError("the new scheduler did not start")
        return super().new_resource(args)
