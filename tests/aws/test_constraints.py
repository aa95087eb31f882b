"""Values that AWS refuses and moto takes: the stand-in holds each call against botocore's description of it."""

from __future__ import annotations

from typing import Any

import pytest

from aws.behind_mocks import in_moto
from aws.constraints import violations
from aws.engine import CREDENTIALS
from aws.standin import StandIn
from aws.translate.kind import Aws, RefusedError

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.mark.parametrize(
    ("type_", "inputs", "said"),
    [
        ("aws:cloudwatch/logGroup:LogGroup", {"name": "has spaces"}, "logGroupName: 'has spaces' is not as"),
        ("aws:secretsmanager/secret:Secret", {"name": "n" * 513}, "Name: 513 characters are more than 512"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", {
            "name": "a", "comparisonOperator": "MoreThan", "evaluationPeriods": 1, "metricName": "m",
            "namespace": "n", "period": 60, "statistic": "Sum", "threshold": 1,
        }, "ComparisonOperator: 'MoreThan' is none of"),
        ("aws:iam/role:Role", {"name": "has spaces", "assumeRolePolicy": "{}"}, "RoleName: 'has spaces' is not as"),
    ],
)  # fmt: skip
def test_a_value_that_aws_does_not_take(type_: str, inputs: dict[str, Any], said: str) -> None:
    """Rule: pattern, enum and size are AWS's; what breaks one is refused with the parameter and the constraint."""
    with in_moto(REGION), pytest.raises(RefusedError) as caught:
        StandIn(REGION).create(type_, "test", inputs)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("service", "operation", "given", "broken"),
    [
        ("ecs", "create_service", {"networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-1"], "assignPublicIp": "YES"}}},
            ["networkConfiguration.awsvpcConfiguration.assignPublicIp"]),
        ("kms", "schedule_key_deletion", {"KeyId": "1", "PendingWindowInDays": 400}, ["PendingWindowInDays"]),
        ("iam", "create_role", {"RoleName": "ok", "Tags": [{"Key": "k" * 129, "Value": ""}]}, ["Tags.Key"]),
        ("logs", "create_log_group", {"logGroupName": "/airflow", "tags": {"team": "Käse 1"}}, []),
    ],
)  # fmt: skip
def test_values_within_values(service: str, operation: str, given: dict[str, Any], broken: list[str]) -> None:
    """Rule: the whole of a call is looked at, as deep as it is; letters of any language are letters."""
    shape = Aws(REGION).shape(service, operation)
    found = [text.partition(":")[0] for name in given for text in violations(shape.members[name], given[name], name)]
    assert found == broken
