"""Connections and variables in moto's Secrets Manager, as Airflow's backend would look them up there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import models
import pytest
from moto import mock_aws

from airflow_stack.backends.aws.plan.environment import Facts, environment
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.formats import Format
from airflow_stack.operations.entries.kinds import Kind
from airflow_stack.operations.entries.secrets_manager import SecretsManager
from airflow_stack.operations.entries.transfer import Change, export_entries, import_entries, place_of
from operations.entries.places import connection

FILE = """config:
  airflow-stack:target:
    kind: aws
    region: eu-central-1
    name: team
    tags: {owner: data}
    secrets_lookup: {variables: "^secret_", cache_seconds: 60}
    load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}
"""
FULL = connection(
    description="Of the reports", login="report", password='p@ss/wörd"\\\n', host="db.example.com", port=5432,
    schema="main", extra='{"sslmode": "require", "note": "日本"}',
)  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A stack file of AWS, and no Pulumi to go with it."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def config(program: Path) -> AwsConfig:
    return models.aws_file(program)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", "eu-central-1")


def place(config: AwsConfig, kind: Kind = Kind.CONNECTIONS) -> SecretsManager:
    return SecretsManager(config, "prod", kind)


def bring(where: SecretsManager, kind: Kind, content: Any, *, overwrite: bool = False) -> Change:
    text = json.dumps(content)
    return import_entries(where, kind, text, Format.JSON, "the file", overwrite=overwrite, dry_run=False)


def test_a_connection_is_where_the_tasks_look_for_it(config: AwsConfig, aws: Any) -> None:
    """Rule: names start with the very prefixes that Airflow's environment has, which the task roles may read."""
    facts = Facts(region="eu-central-1", bucket="b", queue_url=None, url="http://x")
    prefixes = json.loads(environment(config, facts)["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    bring(place(config), Kind.CONNECTIONS, {"my_db": FULL})
    bring(place(config, Kind.VARIABLES), Kind.VARIABLES, {"secret_key": "value"})
    names = {secret["Name"] for secret in aws.list_secrets()["SecretList"]}
    assert names == {f"{prefixes['connections_prefix']}/my_db", f"{prefixes['variables_prefix']}/secret_key"}
    assert aws.get_secret_value(SecretId="team/variables/secret_key")["SecretString"] == "value"


def test_a_connection_is_json_that_the_backend_reads(config: AwsConfig, aws: Any) -> None:
    """Rule: the backend's words for the fields, port a number, nothing empty; tags as all resources of the stack."""
    bring(place(config), Kind.CONNECTIONS, {"my_db": FULL, "bare": connection()})
    stored = json.loads(aws.get_secret_value(SecretId="team/connections/my_db")["SecretString"])
    assert stored == FULL
    assert json.loads(aws.get_secret_value(SecretId="team/connections/bare")["SecretString"]) == {
        "conn_type": "postgres"
    }
    tags = {tag["Key"]: tag["Value"] for tag in aws.describe_secret(SecretId="team/connections/my_db")["Tags"]}
    assert tags == {"airflow-stack": "team", "airflow-stack:stack": "prod", "owner": "data"}


def test_there_and_back_and_again(config: AwsConfig, aws: Any) -> None:
    """Rule: an export gives what was imported; the second import writes no version; other stacks are not touched."""
    aws.create_secret(Name="team/connections-of-mine/x", SecretString="x://y")
    aws.create_secret(Name="other/connections/x", SecretString="x://y")
    assert bring(place(config), Kind.CONNECTIONS, {"a/b": FULL, "c": connection()}).created == ["a/b", "c"]
    text = export_entries(place(config), Kind.CONNECTIONS, Format.JSON, show_secrets=True)
    assert json.loads(text) == {"a/b": FULL, "c": connection()}
    version = aws.get_secret_value(SecretId="team/connections/c")["VersionId"]
    assert bring(place(config), Kind.CONNECTIONS, json.loads(text)).unchanged == ["a/b", "c"]
    assert aws.get_secret_value(SecretId="team/connections/c")["VersionId"] == version
    assert bring(place(config), Kind.CONNECTIONS, {"c": connection(port=1)}, overwrite=True).updated == ["c"]
    assert place(config).read(["c"]).entries == {"c": connection(port=1)}
    assert len(aws.list_secrets()["SecretList"]) == 4


@pytest.mark.parametrize(
    "secret",
    [
        "postgres://report:p%40ss@db.example.com:5432/main",
        '{"engine": "postgres", "username": "report", "pass": "p@ss", "server": "db.example.com", "port": "5432",'
        ' "database": "main", "dbInstanceIdentifier": "x"}',
    ],
)
def test_secrets_made_by_hand_are_read_as_the_backend_reads_them(config: AwsConfig, aws: Any, secret: str) -> None:
    """Rule: a URI, and JSON with the backend's other words, are the same connection."""
    aws.create_secret(Name="team/connections/my_db", SecretString=secret)
    same = connection(login="report", password="p@ss", host="db.example.com", port=5432, schema="main")
    assert bring(place(config), Kind.CONNECTIONS, {"my_db": same}).unchanged == ["my_db"]


def test_a_secret_that_is_no_connection(config: AwsConfig, aws: Any) -> None:
    """Rule: an export names it without its value; an import may replace it, when told to."""
    aws.create_secret(Name="team/connections/text", SecretString="s3cr3t-value")
    aws.create_secret(Name="team/connections/bytes", SecretBinary=b"s3cr3t-value")
    aws.create_secret(Name="team/connections/void")
    with pytest.raises(OperationError) as error:
        export_entries(place(config), Kind.CONNECTIONS, Format.JSON, show_secrets=True)
    for said in ("text: must be a URI", "bytes: the secret is binary", "void: the secret has no value"):
        assert said in str(error.value)
    assert "s3cr3t" not in str(error.value)
    wanted = dict.fromkeys(("text", "bytes", "void"), connection())
    assert len(bring(place(config), Kind.CONNECTIONS, wanted, overwrite=True).updated) == 3
    assert place(config).read().entries == wanted


def test_a_name_that_is_being_deleted(config: AwsConfig, aws: Any) -> None:
    """Rule: it is gone for an export; an import says how to restore it, and changes nothing."""
    aws.create_secret(Name="team/connections/old", SecretString="x://y")
    aws.delete_secret(SecretId="team/connections/old", RecoveryWindowInDays=7)
    assert export_entries(place(config), Kind.CONNECTIONS, Format.JSON, show_secrets=True) == "{}\n"
    with pytest.raises(OperationError, match=r"restore-secret --region eu-central-1 --secret-id team/connections/old"):
        bring(place(config), Kind.CONNECTIONS, {"new": FULL, "old": FULL}, overwrite=True)
    assert aws.list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [
        ("connections", "what!", {"conn_type": "x"}, "names in Secrets Manager have letters"),
        ("variables", "secret_ü", "x", "names in Secrets Manager have letters"),
        ("variables", "plain", "x", "does not match target.secrets_lookup.variables, ^secret_"),
        ("variables", "secret_empty", "", "its value has 0 bytes"),
        ("variables", "secret_large", "ü" * 32_769, "its value has 65538 bytes: Secrets Manager takes 1 to 65536"),
    ],
)
def test_what_secrets_manager_does_not_keep(
    config: AwsConfig, aws: Any, kind: str, name: str, value: Any, said: str
) -> None:
    """Rule: what AWS would refuse, and what Airflow would never look for, is refused before anything is written."""
    entries: dict[str, Any] = {"connections": {"good": {"conn_type": "x"}}, "variables": {"secret_good": "x"}}
    good = entries[kind]
    with pytest.raises(OperationError) as error:
        bring(place(config, Kind(kind)), Kind(kind), good | {name: value})
    assert f"{name}: " in str(error.value)
    assert said in str(error.value)
    assert aws.list_secrets()["SecretList"] == []


def test_the_largest_value_is_kept(config: AwsConfig, aws: Any) -> None:
    """Rule: 64 KiB are taken, as AWS takes them."""
    where = place(config, Kind.VARIABLES)
    assert bring(where, Kind.VARIABLES, {"secret_large": "x" * 65_536}).created == ["secret_large"]
    assert len(aws.list_secrets()["SecretList"]) == 1


def test_an_import_that_stops_midway_says_what_is_left(
    config: AwsConfig, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: AWS has no transaction. The error counts both, and the same command goes on where it stopped."""
    where = place(config)
    create, calls = where._client.create_secret, []

    def once(**request: Any) -> Any:
        calls.append(request["Name"])
        if len(calls) > 1:
            aws.create_secret(**request)  # somebody else was faster: AWS refuses ours
        return create(**request)

    monkeypatch.setattr(where._client, "create_secret", once)
    with pytest.raises(OperationError, match=r"1 connections were written, 1 were not: run the same command again"):
        bring(where, Kind.CONNECTIONS, {"a": FULL, "b": FULL})
    assert bring(place(config), Kind.CONNECTIONS, {"a": FULL, "b": FULL}).unchanged == ["a", "b"]


def test_when_a_change_is_seen(config: AwsConfig) -> None:
    """Rule: the cache is of DAG parsing alone, and as old as config says."""
    assert "at most 60 s later" in place(config).seen
    lookup = config.target.secrets_lookup.model_copy(update={"cache_seconds": 0})
    target = config.target.model_copy(update={"secrets_lookup": lookup})
    assert "later" not in place(config.model_copy(update={"target": target})).seen


def test_without_credentials(config: AwsConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one sentence that says how to log in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(OperationError, match="aws sso login"):
        place(config).read()


def test_secrets_are_kept_before_the_stack_is_up(program: Path, aws: Any) -> None:
    """Rule: the first DAG of a new stack finds its connections: Pulumi is not asked."""
    where = place_of(program, "prod", Kind.CONNECTIONS)
    assert isinstance(where, SecretsManager)
    assert bring(where, Kind.CONNECTIONS, {"first": FULL}).created == ["first"]
    assert len(aws.list_secrets()["SecretList"]) == 1
