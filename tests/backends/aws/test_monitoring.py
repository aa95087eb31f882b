"""Which alarms there are, when they go off and when not, and whom they tell; and the dashboard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import parliament
import pulumi
import pytest

from airflow_stack.backends.aws.dashboard import Watched, dashboard
from airflow_stack.backends.aws.monitoring import Monitoring
from airflow_stack.backends.aws.notifications import key_policy, topic_policy
from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.metrics import agent_name, is_sent
from airflow_stack.backends.aws.service_events import pattern, permission_of
from airflow_stack.config.aws.data import RdsDatabase
from backends.aws.recorded import ACCOUNT, REGION, Recorded, config, planned, record

GOLDEN = Path(__file__).parent / "golden"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/airflow"
SCHEDULE = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *"}
SQS = {"queue-stuck", "dead-letters"}
ALWAYS = {"scheduler-heartbeat", "services", "queue-stuck", "ui-errors", "ui-unhealthy"}
RDS = {"database-storage", "database-connections"}


def monitoring(target: dict[str, Any] | None = None, sections: dict[str, Any] | None = None) -> Recorded:
    stack = config(target, **(sections or {}))
    names = {
        refs.CLUSTER_NAME: "airflow",
        refs.LOAD_BALANCER: "app/airflow/0123456789abcdef",
        refs.TARGET_GROUP: "targetgroup/airflow/0123456789abcdef",
    }
    if stack.database.kind == "rds":
        names[refs.DATABASE] = "airflow-db"
    if stack.broker.kind == "sqs":
        names |= {refs.QUEUE_NAME: "airflow-tasks", refs.DEAD_LETTER_NAME: "airflow-dead"}
    if stack.broker.kind == "elasticache":
        names[refs.CACHE_ID] = f"{stack.target.name}-broker"

    def build() -> Monitoring:
        return Monitoring(
            "monitoring",
            stack.target.name,
            stack.target.region,
            planned(stack).watching,
            cluster_arn=pulumi.Output.from_input(CLUSTER),
            service_names={
                role: pulumi.Output.from_input(f"airflow-{role}")
                for role in ("webserver", "scheduler", "triggerer", "worker")
            },
            known={ref: pulumi.Output.from_input(name) for ref, name in names.items()},
        )

    return record(build)


def alarms(recorded: Recorded) -> dict[str, dict[str, Any]]:
    return {name.removeprefix("monitoring-"): alarm.inputs for name, alarm in recorded.of(ALARM).items()}


@pytest.fixture(scope="module")
def default() -> Recorded:
    """The stack that says no more than it has to."""
    return monitoring()


@pytest.fixture(scope="module")
def told() -> Recorded:
    """With an address."""
    return monitoring({"metrics": {"alarm_email": "ops@example.com"}})


def test_the_alarms_of_a_stack(default: Recorded) -> None:
    """Rule: alarms are there whether somebody is told or not; each says what to do, and its name starts with ours."""
    found = alarms(default)
    assert set(found) == ALWAYS | RDS | SQS
    for purpose, alarm in found.items():
        assert alarm["name"] == f"airflow-{purpose}"
        assert len(alarm["alarmDescription"]) > 50
        assert alarm["treatMissingData"] in ("breaching", "notBreaching", "ignore", "missing")
        assert alarm["evaluationPeriods"] >= 1


def test_without_an_address_nobody_is_told(default: Recorded) -> None:
    """Rule: no topic, no key, no subscription that nobody has asked for; the alarms act on nothing."""
    assert not [r.type for r in default.resources if r.type.startswith(("aws:sns", "aws:kms"))]
    assert default.result.topic_arn is None
    assert not [name for name, alarm in alarms(default).items() if alarm.get("alarmActions")]


def test_every_alarm_tells_the_address_when_it_goes_off_and_when_it_is_over(told: Recorded) -> None:
    """Rule: an alarm without an action is one that nobody hears."""
    topic = told.one("aws:sns/topic:Topic")
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic.name}"
    for purpose, alarm in alarms(told).items():
        assert alarm["alarmActions"] == alarm["okActions"] == [arn], purpose
    subscription = told.one("aws:sns/topicSubscription:TopicSubscription").inputs
    assert (subscription["topic"], subscription["protocol"]) == (arn, "email")
    assert subscription["endpoint"] == "ops@example.com"


def test_the_topic_is_encrypted_by_a_key_that_alarms_may_use(told: Recorded) -> None:
    """Rule: with AWS's own key alias/aws/sns no alarm would ever arrive; ours is rotated."""
    key = told.one("aws:kms/key:Key")
    assert told.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:{key.name}"
    assert key.inputs["enableKeyRotation"] is True
    assert json.loads(key.inputs["policy"]) == json.loads(key_policy(CLUSTER, "airflow"))
    alarms_ = json.loads(key_policy(CLUSTER, "airflow"))["Statement"][1]
    assert alarms_["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms_["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


@pytest.mark.parametrize(
    "text",
    [
        key_policy(CLUSTER, "airflow"),
        topic_policy(f"arn:aws:sns:{REGION}:{ACCOUNT}:airflow-alarms", CLUSTER, "airflow"),
        permission_of(
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/airflow-services", "arn:aws:events:x:1:rule/r"
        ),
    ],
    ids=["key", "topic", "log-group"],
)
def test_policies_name_actions_and_services(text: str) -> None:
    """Rule: no action with *; parliament finds nothing wrong; what a service does, it does for this stack alone."""
    found = {finding.issue for finding in parliament.analyze_policy_string(text).findings}
    # A key's policy knows no other resource than *, which is that key.
    assert found <= ({"RESOURCE_STAR"} if "kms:" in text else set())
    for statement in json.loads(text)["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        service = statement["Principal"] != "*" and "cloudwatch.amazonaws.com" in statement["Principal"].get(
            "Service", ""
        )
        if service:
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":alarm:airflow-*")


def test_a_message_in_clear_is_refused(told: Recorded) -> None:
    """Rule: TLS only."""
    statement = json.loads(told.one("aws:sns/topicPolicy:TopicPolicy").inputs["policy"])["Statement"][-1]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_silent_scheduler_is_an_alarm(default: Recorded) -> None:
    """Rule: the counter of the scheduler's own loop, as the CloudWatch agent names it; silence is the fault."""
    alarm = alarms(default)["scheduler-heartbeat"]
    assert alarm["namespace"] == "airflow-stack/airflow"
    assert alarm["metricName"] == "airflow_scheduler_heartbeat"
    assert alarm["dimensions"] == {"metric_type": "counter"}
    assert (alarm["statistic"], alarm["comparisonOperator"], alarm["threshold"]) == ("Sum", "LessThanThreshold", 1)
    assert (alarm["period"], alarm["evaluationPeriods"]) == (60, 5)
    assert alarm["treatMissingData"] == "breaching"


@pytest.mark.parametrize("metrics", [{"statsd": False}, {"allow": ["executor"]}])
def test_without_airflow_s_counter_the_publisher_s_metric_stands_in(metrics: dict[str, Any]) -> None:
    """Rule: an alarm on a metric that nobody sends would go off for ever; that of the publisher is always sent."""
    alarm = alarms(monitoring({"metrics": metrics}))["scheduler-heartbeat"]
    assert alarm["metricName"] == "DesiredToRunningRatio"
    assert alarm["dimensions"] == {"ClusterName": "airflow", "ServiceName": "airflow-worker"}
    assert (alarm["statistic"], alarm["treatMissingData"]) == ("SampleCount", "breaching")


def test_a_scheduler_that_sleeps_by_its_schedule_is_no_alarm() -> None:
    """Rule: at night nobody is told; by day a task that runs and is silent is told, after a quarter of an hour."""
    target = {"scheduler": {"cpu": 512, "memory": 1024, "schedule": SCHEDULE}, "worker": {"schedule": SCHEDULE}}
    recorded = monitoring(target | {"metrics": {"alarm_email": "ops@example.com"}})
    found = alarms(recorded)
    for quiet in ("scheduler-heartbeat", "scheduler-off"):
        assert not found[quiet].get("alarmActions")
    assert found["scheduler-heartbeat"]["treatMissingData"] == "breaching", "a dead scheduler would be good by day"
    off = found["scheduler-off"]
    assert (off["namespace"], off["metricName"], off["statistic"]) == ("AWS/ECS", "CPUUtilization", "SampleCount")
    assert off["dimensions"] == {"ClusterName": "airflow", "ServiceName": "airflow-scheduler"}
    assert off["treatMissingData"] == "breaching"
    silent = recorded.one(COMPOSITE).inputs
    assert silent["alarmRule"] == 'ALARM("airflow-scheduler-heartbeat")'
    assert silent["actionsSuppressor"] == {"alarm": "airflow-scheduler-off", "waitPeriod": 600, "extensionPeriod": 900}
    assert silent["alarmActions"] == silent["okActions"] == found["services"]["alarmActions"]


def test_another_service_s_schedule_leaves_the_heartbeat_alone(default: Recorded) -> None:
    """Rule: only the scheduler's own schedule excuses its silence."""
    recorded = monitoring({"worker": {"cpu": 1024, "memory": 2048, "schedule": SCHEDULE}})
    assert not recorded.of(COMPOSITE)
    assert "scheduler-off" not in alarms(recorded)
    assert not default.of(COMPOSITE)


def test_tasks_that_do_not_come_up_are_an_alarm(default: Recorded) -> None:
    """Rule: ECS's events are kept with their reasons and watched, at any hour; those of this cluster alone."""
    rule = default.one("aws:cloudwatch/eventRule:EventRule").inputs
    assert rule["eventPattern"] == pattern(CLUSTER)
    asked = json.loads(pattern(CLUSTER))
    assert asked["resources"] == [{"prefix": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/airflow/"}]
    assert "SERVICE_TASK_START_IMPAIRED" in asked["detail"]["eventName"]
    assert alarms(default)["services"]["dimensions"] == {"RuleName": rule["name"]}
    one = {"comparisonOperator": "GreaterThanThreshold", "threshold": 0, "evaluationPeriods": 1}
    assert one.items() <= alarms(default)["services"].items(), "the first event tells"
    group = default.one("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["retentionInDays"] == 30
    target = default.one("aws:cloudwatch/eventTarget:EventTarget")
    assert target.inputs["rule"] == rule["name"]
    assert target.inputs["arn"].endswith(f":{group.name}")
    assert "monitoring-services-permission" in target.depends_on


def test_a_stuck_queue_is_one_from_which_nobody_takes(default: Recorded) -> None:
    """Rule: tasks wait for a quarter of an hour and none is received. A task that runs for hours is no stuck queue."""
    alarm = alarms(default)["queue-stuck"]
    queries = {query["id"]: query for query in alarm["metricQueries"]}
    assert queries["waiting"]["metric"]["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert queries["waiting"]["metric"]["stat"] == "Minimum"
    assert queries["taken"]["metric"]["metricName"] == "NumberOfMessagesReceived"
    assert {queries[name]["metric"]["dimensions"]["QueueName"] for name in ("waiting", "taken")} == {"airflow-tasks"}
    assert queries["stuck"]["expression"] == "IF(waiting > 0 AND taken < 1, waiting, 0)"
    assert [query["id"] for query in alarm["metricQueries"] if query["returnData"]] == ["stuck"]
    assert alarm["evaluationPeriods"] * queries["waiting"]["metric"]["period"] == 900
    assert "metricName" not in alarm, "CloudWatch refuses both"


def test_a_dead_letter_stays_an_alarm_until_it_is_gone(default: Recorded) -> None:
    """Rule: SQS falls silent about a queue that nobody touches; that must not end the alarm."""
    alarm = alarms(default)["dead-letters"]
    assert alarm["dimensions"] == {"QueueName": "airflow-dead"}
    assert (alarm["threshold"], alarm["treatMissingData"]) == (0, "ignore")


def test_with_elasticache_the_workers_and_its_memory_are_watched() -> None:
    """Rule: no alarm on a queue that is not there; workers that don't come are seen in the stack's own metric."""
    sections = {"broker": {"kind": "elasticache"}}
    found = alarms(monitoring(None, sections))
    assert set(found) == ALWAYS | RDS | {"broker-memory"}
    assert found["broker-memory"]["dimensions"] == {"CacheClusterId": "airflow-broker-001"}
    stuck = found["queue-stuck"]
    assert (stuck["metricName"], stuck["threshold"], stuck["statistic"]) == ("DesiredToRunningRatio", 200, "Minimum")
    assert stuck["treatMissingData"] == "notBreaching"


def test_a_database_is_watched_by_its_size() -> None:
    """Rule: a tenth of the storage, four fifths of the connections that this instance class has."""
    sections = {"database": {"kind": "rds", "instance_class": "db.t4g.small", "storage": 50}}
    found = alarms(monitoring(None, sections))
    assert found["database-storage"]["threshold"] == 5 * 1024**3
    database = config(**sections).database
    assert isinstance(database, RdsDatabase)
    assert database.max_connections == 197
    assert found["database-connections"]["threshold"] == 157
    for purpose in RDS:
        assert found[purpose]["dimensions"] == {"DBInstanceIdentifier": "airflow-db"}


def test_an_external_database_is_somebody_else_s_to_watch() -> None:
    """Rule: no alarm on what is not there."""
    recorded = monitoring(None, {"database": {"kind": "external"}})
    assert not RDS & set(alarms(recorded))
    assert "AWS/RDS" not in recorded.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"]


def test_the_ui_is_watched_at_the_load_balancer(default: Recorded) -> None:
    """Rule: errors and failed health checks; no visitor, and no webserver by its schedule, is no fault."""
    for purpose, metric in (("ui-errors", "HTTPCode_Target_5XX_Count"), ("ui-unhealthy", "UnHealthyHostCount")):
        alarm = alarms(default)[purpose]
        assert alarm["metricName"] == metric
        assert alarm["dimensions"] == {
            "LoadBalancer": "app/airflow/0123456789abcdef",
            "TargetGroup": "targetgroup/airflow/0123456789abcdef",
        }
        assert alarm["treatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("golden", "target", "sections"),
    [
        ("dashboard-default", None, None),
        (
            "dashboard-elasticache-no-statsd",
            {"metrics": {"statsd": False}, "name": "team-a"},
            {"broker": {"kind": "elasticache"}, "database": {"kind": "external"}},
        ),
    ],
)
def test_the_dashboard_is_the_one_that_was_read(
    golden: str, target: dict[str, Any] | None, sections: dict[str, Any] | None
) -> None:
    """Rule: a change of it is a change that somebody has seen. UPDATE_GOLDEN=1 after a wanted one."""
    body = monitoring(target, sections).one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"]
    text = json.dumps(json.loads(body), indent=2, sort_keys=True) + "\n"
    file = GOLDEN / f"{golden}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_the_dashboard_s_widgets_stand_side_by_side() -> None:
    """Rule: none outside the 24 columns, none over another one, and the same text each time."""
    watched = Watched(
        region=REGION, namespace="airflow-stack/airflow", cluster="airflow", services={"worker": "w", "scheduler": "s"},
        elastic="worker",
        load_balancer="app/x", target_group="targetgroup/x", database="db", max_connections=100, queue="q",
        dead_letters="d", cache="c", airflow_metrics=("scheduler_heartbeat", "executor"), alarms=("arn:1",),
    )  # fmt: skip
    body = dashboard(watched)
    assert body == dashboard(watched)
    taken: set[tuple[int, int]] = set()
    for widget in json.loads(body)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_shows_every_alarm_and_every_metric_that_one_watches(default: Recorded) -> None:
    """Rule: who is told something finds it on the dashboard."""
    body = json.loads(default.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])
    assert len(body["widgets"][0]["properties"]["alarms"]) == len(default.of(ALARM))
    shown = {metric[1] for widget in body["widgets"][1:] for metric in widget["properties"]["metrics"]}
    watched = {alarm["metricName"] for alarm in alarms(default).values() if "metricName" in alarm}
    assert watched - shown == {"TriggeredRules"}


def test_a_metric_is_sent_where_the_beginning_of_its_name_is_allowed() -> None:
    """Rule: as Airflow's own allow list does it."""
    assert is_sent("executor.open_slots", ["executor"])
    assert not is_sent("executor.open_slots", ["scheduler", "open_slots"])
    assert agent_name("pool.open_slots") == "airflow_pool_open_slots"
