"""Scaling by load and by the hour."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from airflow_stack.backends.aws.autoscaling import Autoscaling
from airflow_stack.backends.aws.plan.metrics import RATIO
from backends.aws.recorded import Recorded, config, planned, record

TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLES = ("webserver", "scheduler", "triggerer", "worker")
# Large enough for every count below: config refuses more connections than the instance takes.
DATABASE = {"database": {"instance_class": "db.t4g.large"}}
NIGHTS = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *", "time_zone": "Europe/Berlin"}
# A scheduler with hours takes its workers along.
WORKERS = {"worker": {"schedule": NIGHTS}}


def recorded(**target: Any) -> Recorded:
    names = {role: f"etl-{role}" for role in ROLES}

    def build() -> Autoscaling:
        return Autoscaling(
            "airflow",
            planned(config({"name": "etl"} | target, **DATABASE)).scaling,
            pulumi.Output.from_input("etl"),
            {role: pulumi.Output.from_input(name) for role, name in names.items()},
        )

    return record(build)


def test_workers_scale_between_their_bounds() -> None:
    """Rule: from min, which may be zero, to max; the other services are not scaled."""
    inputs = recorded(worker={"min": 0, "max": 5}).one(TARGET).inputs
    assert inputs == {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/etl/etl-worker",
        "minCapacity": 0,
        "maxCapacity": 5,
    }


def test_workers_follow_the_desired_to_running_ratio() -> None:
    """Rule: target tracking at 100 on the stack's own metric, with the cooldowns of config, in both directions."""
    made = recorded(worker={"scale_out_cooldown": 45, "scale_in_cooldown": 600})
    inputs = made.one(POLICY).inputs
    assert inputs["policyType"] == "TargetTrackingScaling"
    assert inputs["resourceId"] == "service/etl/etl-worker"
    tracking = inputs["targetTrackingScalingPolicyConfiguration"]
    assert (tracking["targetValue"], tracking["disableScaleIn"]) == (100.0, False)
    assert (tracking["scaleOutCooldown"], tracking["scaleInCooldown"]) == (45, 600)
    metric = tracking["customizedMetricSpecification"]
    assert (metric["namespace"], metric["metricName"], metric["statistic"]) == ("airflow-stack/etl", RATIO, "Average")
    assert {one["name"]: one["value"] for one in metric["dimensions"]} == {
        "ClusterName": "etl", "ServiceName": "etl-worker",
    }  # fmt: skip


def test_nothing_but_target_tracking_scales_the_workers() -> None:
    """Rule: AWS makes the alarms; target tracking leaves zero by itself, so no second policy fights with it."""
    made = recorded()
    assert len(made.of(POLICY)) == 1
    assert not made.of(ALARM)
    assert not made.of(ACTION)


@pytest.mark.parametrize("role", ["webserver", "scheduler", "triggerer"])
def test_a_scheduled_service_goes_to_zero_and_comes_back(role: str) -> None:
    """Rule: at stop no task, at start as many as config says, in the time zone of config."""
    sizes = {"cpu": 512, "memory": 1024, "count": 2, "schedule": NIGHTS}
    made = recorded(**WORKERS | {role: sizes})
    target = made.of(TARGET)[f"airflow-{role}"].inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 2)
    assert target["resourceId"] == f"service/etl/etl-{role}"
    actions = {resource.inputs["name"]: resource.inputs for resource in made.of(ACTION).values()}
    assert set(actions) == {f"etl-{one}-{moment}" for one in (role, "worker") for moment in ("stop", "start")}
    stop, start = actions[f"etl-{role}-stop"], actions[f"etl-{role}-start"]
    assert stop["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
    assert start["scalableTargetAction"] == {"minCapacity": 2, "maxCapacity": 2}
    assert stop["schedule"] == "cron(0 20 ? * MON-FRI *)"
    assert start["schedule"] == "cron(0 7 ? * MON-FRI *)"
    assert {stop["timezone"], start["timezone"]} == {"Europe/Berlin"}
    assert {stop["resourceId"], start["resourceId"]} == {f"service/etl/etl-{role}"}


def test_scheduled_workers_get_their_range_back() -> None:
    """Rule: workers that are stopped at night have min and max again in the morning, on the one target they have."""
    made = recorded(worker={"min": 1, "max": 8, "schedule": NIGHTS})
    assert len(made.of(TARGET)) == 1
    actions = {name: resource.inputs["scalableTargetAction"] for name, resource in made.of(ACTION).items()}
    assert actions == {
        "airflow-worker-stop": {"minCapacity": 0, "maxCapacity": 0},
        "airflow-worker-start": {"minCapacity": 1, "maxCapacity": 8},
    }


def test_the_actions_of_a_target_come_one_after_the_other() -> None:
    """Rule: Application Auto Scaling refuses two changes of one target at a time."""
    made = recorded(scheduler={"schedule": NIGHTS}, **WORKERS)
    assert "airflow-scheduler-stop" in made.of(ACTION)["airflow-scheduler-start"].depends_on
    assert "airflow-worker-tracking" in made.of(ACTION)["airflow-worker-stop"].depends_on
    assert "airflow-worker-stop" in made.of(ACTION)["airflow-worker-start"].depends_on
