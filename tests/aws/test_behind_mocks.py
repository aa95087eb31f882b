"""Programs behind Pulumi's mocks: in moto, without the engine."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest

from airflow_stack.config import parse
from airflow_stack.operations.target import target_of
from aws.behind_mocks import MotoMocks, in_moto, run
from aws.engine import CREDENTIALS
from aws.inventory import inventory, more
from aws.variants import ALL, CLOSED, REGION, ZONE

PROGRAM = Path(__file__).parent / "programs" / "small.py"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: ZONE)


def fakes(_type: str, _name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The image and the migration, where nothing is pushed and nothing runs."""
    return inputs | {"digest": "sha256:0", "reference": f"{inputs.get('repository_url')}@sha256:0"}


@pytest.mark.parametrize("raw", [ALL, CLOSED], ids=["all parts", "closed network"])
def test_whole_program(raw: dict[str, Any]) -> None:
    """What a stack file can ask for is in moto as it was asked, and AWS refuses none of it."""
    config, given = parse(raw, {"oidc_client_secret"} & raw.keys(), "prod")
    with in_moto(REGION) as aws:
        aws.call("route53", "create_hosted_zone", Name="example.com", CallerReference="test")
        mocks = MotoMocks(REGION, fakes)

        def program() -> None:
            target_of(config, Path(__file__).parents[2], "prod").deploy(given)

        run(program, mocks)
        found = inventory(aws)
        assert len(found["ecs.list_task_definitions"]) == 5
        assert found["rds.describe_db_instances"] == {"airflow-database"}
        for type_, identifier, outputs in mocks.made.values():
            assert mocks.standin.read(type_, identifier, outputs) == outputs, identifier


def test_small_program() -> None:
    """Every resource is in moto afterwards, with the provider's tags."""
    pulumi.runtime.set_all_config({"small:password": "of-a-test"}, ["small:password"])
    with in_moto("eu-central-1") as aws:
        before = inventory(aws)
        mocks = MotoMocks("eu-central-1")
        run(lambda: runpy.run_path(str(PROGRAM)), mocks, project="small", stack="small")
        assert len(mocks.made) == 25
        _, _, cluster = mocks.made["aws:ecs/cluster:Cluster cluster"]
        listed = aws.call("ecs", "list_tags_for_resource", resourceArn=cluster["arn"])["tags"]
        assert listed == [{"key": "stack", "value": "small"}]
        new = more(inventory(aws), before)
    assert new["ecs.list_clusters"] == {"small"}
    assert new["logs.describe_log_groups"] == {"/small/log"}
    assert len(new["sqs.list_queues"]) == 2
