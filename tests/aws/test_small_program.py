"""The stand-in under Pulumi's own engine: a small program lives and dies in moto."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from aws.engine import CREDENTIALS, Engine
from aws.inventory import inventory, more
from aws.translate.kind import Aws

pytestmark = pytest.mark.engine
PROGRAM = Path(__file__).parent / "programs" / "small.py"
PASSWORD = "known-to-this-test-alone"


def small(directory: Path, endpoint: str | None, credentials: dict[str, str] | None = None, **config: str) -> Engine:
    directory.mkdir(exist_ok=True)
    shutil.copy(PROGRAM, directory / "__main__.py")
    project = {"name": "small", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    engine = Engine(directory, "small", endpoint, CREDENTIALS if credentials is None else credentials)
    engine.init()
    configure(engine, **config)
    return engine


def configure(engine: Engine, **config: str) -> None:
    engine.configure({f"small:{key}": value for key, value in config.items()})


def test_life(tmp_path: Path, aws: Aws, moto: str) -> None:
    """Created, repeated, refreshed, changed, mended and destroyed: at each step exactly what it should be."""
    engine = small(tmp_path / "p", moto, password=PASSWORD)
    before = inventory(aws)

    created = engine.up()
    assert set(created.values()) == {"create"}
    assert len(created) == 26
    assert engine.outputs()["account"] == "123456789012"
    tags = aws.call("sqs", "list_queue_tags", QueueUrl=engine.outputs()["queue"])["Tags"]
    assert tags == {"stack": "small"}
    assert PASSWORD not in engine.state_file.read_text()
    assert engine.up() == {}
    assert engine.refresh() == {}

    # Someone else changes and deletes: the engine sees it, and puts it back.
    aws.call("logs", "put_retention_policy", logGroupName="/small/log", retentionInDays=1)
    aws.call("s3", "delete_public_access_block", Bucket=engine.outputs()["bucket"])
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock files"
    assert engine.refresh() == {"aws:cloudwatch/logGroup:LogGroup log": "update", block: "delete"}
    assert engine.up() == {"aws:cloudwatch/logGroup:LogGroup log": "update", block: "create"}
    groups = aws.call("logs", "describe_log_groups")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [30]

    configure(engine, password=PASSWORD, cidr="198.51.100.0/24", size="large")
    assert engine.up() == {
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule web-https": "update",
        "aws:ec2/subnet:Subnet net-c": "create",
        "aws:ec2/routeTableAssociation:RouteTableAssociation net-c": "create",
    }
    configure(engine, password="another", tagged="1", cidr="198.51.100.0/24", size="large")
    changed = engine.up()
    assert changed.pop("aws:secretsmanager/secretVersion:SecretVersion secret") == "replace"
    assert set(changed.values()) == {"update"}, "another default tag is an update of all that have tags"
    assert "aws:ec2/vpc:Vpc net" in changed
    assert "aws:iam/rolePolicy:RolePolicy task" not in changed

    engine.destroy()
    assert more(inventory(aws), before) == {}


def test_preview_needs_credentials_but_no_aws(tmp_path: Path) -> None:
    """pulumi-aws refuses a preview without credentials; with some that it does not try, AWS is never asked.

    Nothing listens at the endpoint: a call would fail.
    """
    engine = small(tmp_path / "p", None, {}, password=PASSWORD)
    refused = engine.run("preview")
    assert refused.code != 0
    assert "No valid credential sources found" in refused.output
    configure(engine, password=PASSWORD, offline="true")
    assert len(engine.preview()) == 26
    configure(engine, password=PASSWORD, offline="true", asks="true")
    asking = engine.run("preview")
    assert asking.code != 0
    assert "the program calls a function of AWS" in asking.output


def test_error_of_aws_fails_the_update(tmp_path: Path, aws: Aws, moto: str) -> None:
    """What AWS refuses is said with the resource's type, and what was made before it stays in the state."""
    before = inventory(aws)
    engine = small(tmp_path / "p", moto, password=PASSWORD, cidr="300.0.0.0/24")
    result = engine.run("up", "--yes", "--skip-preview")
    assert result.code != 0
    assert "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" in result.output
    assert any(resource["type"] == "aws:ec2/vpc:Vpc" for resource in engine.state())
    engine.destroy()
    assert engine.state() == []
    assert more(inventory(aws), before) == {}
