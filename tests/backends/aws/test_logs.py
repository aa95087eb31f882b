"""Where the services' logs go, how long they stay, and who may write and read them."""

from __future__ import annotations

import json
from typing import Any

import parliament
import pytest

from airflow_stack.backends.aws import log_queries
from airflow_stack.backends.aws.logs import Logs, delivery, trust
from backends.aws.recorded import ACCOUNT, REGION, Recorded, config, planned, record

GROUP = "aws:cloudwatch/logGroup:LogGroup"
STREAM = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
SERVICES = {"webserver", "scheduler", "triggerer", "worker", "one-off"}
BUCKET = "arn:aws:s3:::airflow-logs-1"
ERRORS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/airflow-stack/airflow/firehose"


def logs(target: dict[str, Any] | None = None) -> Recorded:
    stack = config(target)
    return record(lambda: Logs("logs", planned(stack).logs, "airflow-logs-1", BUCKET))


@pytest.fixture(scope="module")
def firelens() -> Recorded:
    """The stack that sends its logs to S3."""
    return logs({"logs": {"firelens": True, "retention_days": 14}, "name": "team-a"})


def test_each_service_has_a_log_group() -> None:
    """Rule: no service makes a group of its own, which would have no retention."""
    recorded = logs()
    assert {name: resource.inputs["name"] for name, resource in recorded.of(GROUP).items()} == {
        f"logs-{service}": f"/airflow-stack/airflow/{service}" for service in SERVICES
    }
    assert set(recorded.result.groups) == set(recorded.result.group_arns) == SERVICES


@pytest.mark.parametrize(
    "target", [{"logs": {"retention_days": 365}}, {"logs": {"retention_days": 365, "firelens": True}}]
)
def test_every_log_group_forgets(target: dict[str, Any]) -> None:
    """Rule: retention is set everywhere, on Firehose's own group too; destroying the stack deletes the groups."""
    for group in logs(target).of(GROUP).values():
        assert group.inputs["retentionInDays"] == 365
        assert not group.retained
        assert not group.inputs.get("skipDestroy")


def test_without_firelens_there_is_nothing_of_it() -> None:
    """Rule: what config does not ask for is not there, and its outputs are None."""
    recorded = logs()
    assert {resource.type for resource in recorded.resources} == {GROUP, "airflow-stack:aws:Logs"}
    result = recorded.result
    assert (result.firehose_name, result.firehose_arn, result.workgroup_name) == (None, None, None)


def test_firehose_writes_compressed_below_the_prefix_that_is_deleted(firelens: Recorded) -> None:
    """Rule: records and failures lie below service-logs/, apart from each other; encrypted on their way."""
    stream = firelens.one(STREAM)
    to = stream.inputs["extendedS3Configuration"]
    assert stream.inputs["destination"] == "extended_s3"
    assert stream.inputs["serverSideEncryption"] == {"enabled": True, "keyType": "AWS_OWNED_CMK"}
    assert to["bucketArn"] == BUCKET
    assert to["compressionFormat"] == "GZIP"
    assert to["prefix"] == "service-logs/records/!{timestamp:yyyy/MM/dd}/"
    assert to["errorOutputPrefix"].startswith("service-logs/failed/!{firehose:error-output-type}/")
    assert to["roleArn"].endswith(f":{firelens.one('aws:iam/role:Role').name}")
    assert "logs-firehose-delivery" in stream.depends_on, "Firehose would be made before it may write"


def test_firehose_says_where_it_fails(firelens: Recorded) -> None:
    """Rule: a delivery that fails is seen: the log stream is there, since Firehose makes none."""
    said = firelens.one(STREAM).inputs["extendedS3Configuration"]["cloudwatchLoggingOptions"]
    assert said == {"enabled": True, "logGroupName": "/airflow-stack/team-a/firehose", "logStreamName": "delivery"}
    stream = firelens.one("aws:cloudwatch/logStream:LogStream").inputs
    assert (stream["logGroupName"], stream["name"]) == (said["logGroupName"], said["logStreamName"])


def test_the_role_of_firehose_is_as_small_as_it_can_be() -> None:
    """Rule: no action with *, no resource without a name; two prefixes of one bucket; parliament finds nothing."""
    text = delivery(BUCKET, ERRORS)
    assert not [str(finding) for finding in parliament.analyze_policy_string(text).findings]
    for statement in json.loads(text)["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        assert statement["Resource"] != "*"
    writes = json.loads(text)["Statement"][0]
    assert writes["Resource"] == [f"{BUCKET}/service-logs/records/*", f"{BUCKET}/service-logs/failed/*"]
    assert "task-logs" not in text


def test_only_this_stream_takes_the_role(firelens: Recorded) -> None:
    """Rule: Firehose serves everybody; without account and ARN in the condition, it could do it for somebody else."""
    statement = json.loads(trust(ERRORS, "team-a-service-logs"))["Statement"][0]
    assert statement["Principal"] == {"Service": "firehose.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    assert source == f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{firelens.one(STREAM).inputs['name']}"


def test_the_role_is_in_the_partition_of_its_resources() -> None:
    """Rule: China's ARNs are arn:aws-cn; a written arn:aws would match nothing there."""
    text = trust("arn:aws-cn:logs:cn-north-1:1:log-group:x", "s")
    assert "arn:aws-cn:firehose:cn-north-1:1:deliverystream/s" in text


def test_the_table_is_over_what_firehose_writes(firelens: Recorded) -> None:
    """Rule: location and day of the table are the stream's prefix; days older than the retention are not looked for."""
    table = firelens.one("aws:glue/catalogTable:CatalogTable").inputs
    prefix = firelens.one(STREAM).inputs["extendedS3Configuration"]["prefix"]
    location = prefix.split("!")[0]
    assert table["storageDescriptor"]["location"] == f"s3://airflow-logs-1/{location}"
    projection = table["parameters"]
    assert projection["storage.location.template"] == f"s3://airflow-logs-1/{location}${{day}}/"
    assert f"{{timestamp:{projection['projection.day.format']}}}" in prefix
    assert projection["projection.enabled"] == "true"
    assert projection["projection.day.range"] == "NOW-14DAYS,NOW"
    assert [key["name"] for key in table["partitionKeys"]] == ["day"]
    assert [column["name"] for column in table["storageDescriptor"]["columns"]] == list(log_queries.COLUMNS)
    assert firelens.one("aws:glue/catalogDatabase:CatalogDatabase").inputs["name"] == "team_a_logs"


def test_results_of_queries_are_encrypted_whatever_a_client_says(firelens: Recorded) -> None:
    """Rule: the workgroup's settings are enforced, results are deleted as logs are, a query can't cost a fortune."""
    workgroup = firelens.one("aws:athena/workgroup:Workgroup").inputs
    settings = workgroup["configuration"]
    assert settings["enforceWorkgroupConfiguration"] is True
    result = settings["resultConfiguration"]
    assert result["encryptionConfiguration"] == {"encryptionOption": "SSE_S3"}
    assert result["outputLocation"] == "s3://airflow-logs-1/service-logs/queries/"
    assert settings["bytesScannedCutoffPerQuery"] == 10_000_000_000
    assert workgroup["forceDestroy"] is True


def test_examples_of_queries_are_there_and_name_what_is_there(firelens: Recorded) -> None:
    """Rule: every example reads the table, only columns that it has, and no more than a part of its days."""
    queries = firelens.of("aws:athena/namedQuery:NamedQuery")
    assert {resource.inputs["name"] for resource in queries.values()} == set(log_queries.QUERIES)
    for resource in queries.values():
        assert resource.inputs["database"] == "team_a_logs"
        assert resource.inputs["workgroup"] == "team-a-logs"
        assert "logs-queries-table" in resource.depends_on
        query = resource.inputs["query"]
        assert f"FROM {log_queries.TABLE}\n" in query
        assert "WHERE day " in query
        assert "$" not in query
        words = set(query.replace('"', " ").replace("(", " ").replace(",", " ").replace(")", " ").split())
        assert words & set(log_queries.COLUMNS)
        assert not {word for word in words if word.startswith(("ecs_", "container"))} - set(log_queries.COLUMNS)
    assert "LIKE 'team-a-scheduler:%'" in queries["logs-queries-last-lines-of-a-service"].inputs["query"]


def test_parts_have_the_stack_as_their_beginning(firelens: Recorded) -> None:
    """Rule: what AWS shows starts with the target's name, so that two stacks share an account."""
    inside = ("NamedQuery", "LogStream", "CatalogTable", "RolePolicy")  # of something that has the name
    named = [
        resource.inputs.get("name") or resource.inputs["namePrefix"]
        for resource in firelens.resources
        if resource.type.startswith("aws:") and not resource.type.endswith(inside)
    ]
    assert named
    assert not [name for name in named if not name.startswith(("team-a", "team_a", "/airflow-stack/team-a/"))]
