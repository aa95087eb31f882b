"""The small program behind Pulumi's mocks: in moto, without the engine."""

from __future__ import annotations

import runpy
from pathlib import Path

import pulumi
import pytest

from aws.behind_mocks import MotoMocks, in_moto, run
from aws.engine import CREDENTIALS
from aws.inventory import inventory, more

PROGRAM = Path(__file__).parent / "programs" / "small.py"


def test_small_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every resource is in moto afterwards, with the provider's tags."""
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    pulumi.runtime.set_all_config({"small:password": "of-a-test"}, ["small:password"])
    with in_moto("eu-central-1") as aws:
        before = inventory(aws)
        mocks = MotoMocks("eu-central-1")
        run(lambda: runpy.run_path(str(PROGRAM)), mocks, project="small", stack="small")
        assert len(mocks.made) == 25
        _, cluster = mocks.made["Cluster cluster"]
        listed = aws.call("ecs", "list_tags_for_resource", resourceArn=cluster["arn"])["tags"]
        assert listed == [{"key": "stack", "value": "small"}]
        new = more(inventory(aws), before)
    assert new["ecs.list_clusters"] == {"small"}
    assert new["logs.describe_log_groups"] == {"/small/log"}
    assert len(new["sqs.list_queues"]) == 2
