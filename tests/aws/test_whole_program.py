"""The whole program on the stack file that the project comes with: its life in moto, under Pulumi's engine.

With the stand-in for AWS's provider, and where pulumi-aws's own plugin is installed, all of it again with that.

The tests are the life of one stack, in their order. `aws.whole` says what is a fake here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from aws.engine import CREDENTIALS
from aws.inventory import inventory, more
from aws.translate import KINDS
from aws.translate.kind import Aws
from aws.whole import Config, Whole, prod, short, whole, with_target

pytestmark = pytest.mark.engine
ROLES = ("webserver", "scheduler", "triggerer", "worker")
BALANCER = prod()["target"]["load_balancer"]
ROLL = (
    {f"TaskDefinition {role}": "replace" for role in (*ROLES, "one-off")}
    | {f"Service {role}": "update" for role in ROLES}
    | {"Migration migration": "update", "Rollout rollout": "update"}
)
LARGER = with_target(prod(), logs={"retention_days": 90}, webserver={"cpu": 512, "memory": 2048})
DATA = ("ecr.describe_repositories", "rds.describe_db_instances", "s3.list_buckets", "secretsmanager.list_secrets")


@pytest.fixture(scope="module")
def region(moto: str, plugin: str) -> Iterator[Aws]:  # noqa: ARG001 - a new one for each plugin
    """An AWS with nothing but the Route 53 zone that the stack file names."""
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in (CREDENTIALS | {"AWS_ENDPOINT_URL": moto, "NO_PROXY": "*"}).items():
            patch.setenv(key, value)
        patch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: BALANCER["hosted_zone_id"])
        found = Aws(prod()["target"]["region"])
        found.call("route53", "create_hosted_zone", Name="example.com", CallerReference="test")
        yield found


@pytest.fixture(scope="module")
def before(region: Aws) -> dict[str, set[str]]:
    return inventory(region)


@pytest.fixture(scope="module")
def stack(before: Any, moto: str, plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Whole:  # noqa: ARG001 - counted first
    engine = whole(tmp_path_factory.mktemp("whole"), moto, CREDENTIALS, plugin)
    engine.describe(**prod())
    return engine


def test_preview_with_neither_credentials_nor_network(tmp_path: Path, plugin: str) -> None:
    """A preview of the stack asks nobody: no credentials are there, and nothing listens at the endpoint."""
    engine = whole(tmp_path, None, {}, plugin)
    engine.describe(**prod())
    planned = engine.preview()
    assert len(planned) > 100
    assert set(planned.values()) == {"create"}
    assert engine.done() == []


def test_created(stack: Whole, region: Aws) -> None:
    """All of it is created at once; the image is pushed and the migration is run, once each, in this order."""
    created = stack.up()
    assert set(created.values()) == {"create"}
    assert [what for what, _ in stack.done()] == ["push", "run_or_fail"]
    for resource in stack.state():
        if resource["type"] in KINDS and KINDS[resource["type"]].tagged:
            assert resource["outputs"]["tagsAll"]["airflow-stack:stack"] == "prod", resource["urn"]
    arns = region.call("ecs", "list_services", cluster="airflow")["serviceArns"]
    assert sorted(arn.rpartition("/")[2] for arn in arns) == sorted(f"airflow-{role}" for role in ROLES)


def test_no_secret_outside_secrets_manager(stack: Whole, region: Aws) -> None:
    """Neither the state nor a task definition shows what Secrets Manager keeps."""
    shown = stack.state_file.read_text()
    for arn in region.call("ecs", "list_task_definitions")["taskDefinitionArns"]:
        definition = region.call("ecs", "describe_task_definition", taskDefinition=arn)["taskDefinition"]
        shown += json.dumps(definition, default=str)
    listed = region.call("secretsmanager", "list_secrets")["SecretList"]
    assert listed
    for one in listed:
        value = region.call("secretsmanager", "get_secret_value", SecretId=one["ARN"])["SecretString"]
        assert value not in shown, one["Name"]
        # The same bytes in standard base64 are the same key.
        assert value.translate(str.maketrans("-_", "+/")) not in shown, one["Name"]


def test_nothing_to_do(stack: Whole) -> None:
    """A second update changes nothing, and AWS has what the program has asked for."""
    assert stack.up() == {}
    assert stack.done() == []
    assert stack.refresh() == {}


def case(name: str, config: Config, expected: dict[str, str]) -> Any:
    return pytest.param(config, expected, id=name)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        case(
            "retention", with_target(prod(), logs={"retention_days": 90}),
            {f"LogGroup {name}": "update" for name in (
                *ROLES, "one-off", "upgrade-logs", "postgresql-logs", "services-events"
            )} | {"BucketLifecycleConfiguration lifecycle": "update"},
        ),
        case(
            "one more network",
            with_target(prod(), load_balancer=BALANCER | {"allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]}),
            {f"SecurityGroupIngressRule load-balancer-{port}-from-198.51.100.0-24": "create" for port in (80, 443)},
        ),
        case(
            "larger webserver", with_target(prod(), webserver={"cpu": 512, "memory": 2048}),
            {"TaskDefinition webserver": "replace", "Service webserver": "update", "Rollout rollout": "update"},
        ),
        case("insights", with_target(prod(), metrics={"container_insights": True}), {"Cluster cluster": "update"}),
        case(
            "workers on Spot", with_target(prod(), worker={"capacity": {"on_demand_weight": 0, "spot_weight": 1}}),
            {"Service worker": "update", "Rollout rollout": "update"},
        ),
        case("standby", prod() | {"database": {"kind": "rds", "multi_az": True}}, {"Instance instance": "update"}),
        case(
            "visibility timeout", prod() | {"broker": {"kind": "sqs", "visibility_timeout": 7200}},
            ROLL | {"Queue queue": "update"},
        ),
        case("backups", prod() | {"database": {"kind": "rds", "backup_days": 14}}, {"Instance instance": "update"}),
        case("option of Airflow", prod() | {"airflow": {"options": {"core": {"max_active_tasks_per_dag": 7}}}}, ROLL),
    ],
)  # fmt: skip
def test_change_touches_what_it_should(stack: Whole, config: Config, expected: dict[str, str]) -> None:
    """What an update to another config would do to the stack: this, and nothing else."""
    stack.describe(**config)
    try:
        assert short(stack.preview()) == expected
    finally:
        stack.describe(**prod())


def test_another_broker_leaves_the_secrets(stack: Whole) -> None:
    """A preview can't know the password that ElastiCache is to get; it touches no other secret, nor the database."""
    stack.describe(**prod() | {"broker": {"kind": "elasticache"}})
    try:
        touched = short(stack.preview())
    finally:
        stack.describe(**prod())
    kinds = ("RandomPassword", "Secret", "SecretVersion", "Instance")
    assert {key: done for key, done in touched.items() if key.partition(" ")[0] in kinds} == {
        "RandomPassword redis-password": "create",
        "Secret broker-url": "create",
        "SecretVersion broker-url-value": "create",
    }


def test_updated(stack: Whole, region: Aws) -> None:
    """Two changes in one real update; a repetition finds nothing to do."""
    stack.describe(**LARGER)
    touched = short(stack.up())
    assert touched.pop("TaskDefinition webserver") == "replace"
    assert touched.pop("Service webserver") == "update"
    assert touched.pop("Rollout rollout") == "update"
    assert {key.partition(" ")[0] for key in touched} == {"LogGroup", "BucketLifecycleConfiguration"}
    service = region.call("ecs", "describe_services", cluster="airflow", services=["airflow-webserver"])["services"][0]
    assert service["taskDefinition"].endswith("airflow-webserver:2")
    assert stack.done() == [], "neither the image nor the migration is touched"
    assert stack.up() == {}


def test_tags_replace_nothing(stack: Whole, region: Aws) -> None:
    """A new tag is an update of what has tags. No task definition rolls for it, and no data is made anew."""
    stack.describe(**with_target(LARGER, tags={"team": "data"}))
    touched = short(stack.up())
    assert set(touched.values()) == {"update"}
    arn = region.call("ecs", "describe_clusters", clusters=["airflow"])["clusters"][0]["clusterArn"]
    tags = region.call("ecs", "list_tags_for_resource", resourceArn=arn)["tags"]
    assert {"key": "team", "value": "data"} in tags
    assert stack.up() == {}


def test_destroy_stops_at_the_data(stack: Whole, region: Aws, before: dict[str, set[str]]) -> None:
    """The database is protected, and what it needs stays with it; another update brings the rest back."""
    data = {key: names for key, names in inventory(region).items() if key in DATA}
    result = stack.run("destroy", "--yes", "--skip-preview")
    assert result.code != 0
    assert "deletion protection" in result.output
    left = more(inventory(region), before)
    assert {key: left[key] for key in DATA} == data
    stack.up()
    assert {key: names for key, names in inventory(region).items() if key in DATA} == data
    assert stack.up() == {}


def test_destroyed(stack: Whole, region: Aws, before: dict[str, set[str]]) -> None:
    """With delete_data, an update lifts the protection and a destroy leaves nothing at all."""
    stack.describe(**with_target(prod(), delete_data=True, confirm_delete_data="airflow"))
    stack.up()
    stack.destroy()
    assert stack.state() == []
    assert more(inventory(region), before) == {}
