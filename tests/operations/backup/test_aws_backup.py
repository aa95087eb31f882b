"""Backup and restore of a stack on AWS: what its tasks are told, where the file goes, and what stays behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.backup import backup, restore
from airflow_stack.operations.run_task import OneOff
from airflow_stack.operations.running import aws_stack
from airflow_stack.operations.running.aws_stack import AwsStack

REGION = "eu-central-1"
BUCKET, OTHER = "airflow-bucket", "somebody-elses"
PASSPHRASE = "correct horse battery staple"
KNOWN: dict[str, Any] = {
    "region": REGION,
    "bucket": BUCKET,
    "cluster": "airflow",
    "task_definitions": {"one-off": "arn:one-off:7"},
    "subnets": ["subnet-1"],
    "security_groups": {"one-off": "sg-1"},
    "assign_public_ip": False,
}
PROD = """
config:
  airflow-stack:target:
    {kind: aws, region: eu-central-1, load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}}
"""
SAVED = {"tables": 40, "rows": 1200, "bytes": 7, "created_at": "2026-01-01T00:00:00+00:00", "airflow": "2.10.2"}
RESTORED = SAVED | {"stack": "prod", "unreadable": []}
CONTENT = b"content"


class Account:
    """Moto's account with the two buckets, and the tasks that were run in it."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.s3 = boto3.client("s3", region_name=REGION)
        self.manager = boto3.client("secretsmanager", region_name=REGION)
        place = {"LocationConstraint": REGION}
        for bucket in (BUCKET, OTHER):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        self.events: list[str] = []
        self.commands: list[list[str]] = []
        self.passphrases: list[str] = []
        self.fails: Callable[[list[str]], str | None] = lambda _: None
        self.inputs: list[bytes] = []

    def run_task(self, one_off: OneOff, _: Any, out: Callable[[str], None]) -> int:
        """What ECS and the image do: as far as it concerns who has asked."""
        words = list(one_off.command)
        self.commands.append(words)
        arn = words[words.index("--passphrase-secret") + 1]
        self.passphrases.append(self.manager.get_secret_value(SecretId=arn)["SecretString"])
        program = words[0].rpartition("/")[2]
        self.events.append(f"{program} --check" if "--check" in words else program)
        if reason := self.fails(words):
            out(f"{program}: {reason}")
            return 1
        if program == "backup":
            bucket, key = words[words.index("--to") + 1].removeprefix("s3://").split("/", 1)
            self.s3.put_object(Bucket=bucket, Key=key, Body=CONTENT)
        else:
            bucket, key = words[words.index("--from") + 1].removeprefix("s3://").split("/", 1)
            self.inputs.append(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        out("dag_run: 12 rows")
        out(f"airflow-stack-result: {json.dumps(SAVED if program == 'backup' else RESTORED)}")
        return 0

    def keys(self, bucket: str) -> list[str]:
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def secrets(self) -> list[str]:
        return [found["Name"] for found in self.manager.list_secrets()["SecretList"]]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    (tmp_path / "Pulumi.prod.yaml").write_text(PROD)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        made = Account(tmp_path)

        @contextmanager
        def stop_airflow(_: AwsStack, say: Any) -> Iterator[None]:  # noqa: ARG001 - its signature
            made.events.append("stop")
            try:
                yield
            finally:
                made.events.append("start")

        def find(program: Path, stack: str, config: AwsConfig) -> AwsStack:
            return AwsStack(stack, program, config, KNOWN)

        monkeypatch.setattr(AwsStack, "find", find)
        monkeypatch.setattr(aws_stack, "run_task", made.run_task)
        monkeypatch.setattr(AwsStack, "stop_airflow", stop_airflow)
        yield made


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return str(path)


def quiet(_: str) -> None:
    pass


def test_a_backup_goes_to_the_stacks_bucket(account: Account, passphrase: str) -> None:
    """Rule: without a place, below backups/ of the stack's bucket, under a name with stack and time."""
    result = backup(account.program, "prod", None, passphrase, quiet)
    (key,) = account.keys(BUCKET)
    assert key.startswith("backups/airflow-backup-prod-20")
    assert key.endswith("Z.tar.gz")
    assert result == SAVED | {"place": f"s3://{BUCKET}/{key}"}
    assert account.events == ["backup"], "nothing stops for a backup"
    assert "prod" in account.commands[0]


def test_the_passphrase_is_in_a_secret_for_as_long_as_the_task(account: Account, passphrase: str) -> None:
    """Rule: a secret of its own, which the task reads; its command names no passphrase, and afterwards it is gone."""
    backup(account.program, "prod", None, passphrase, quiet)
    assert account.passphrases == [PASSPHRASE]
    assert PASSPHRASE not in " ".join(account.commands[0])
    assert ":secret:airflow/backup/" in account.commands[0][-1], "what the task's role may read"
    assert account.secrets() == []


def test_the_secret_goes_after_a_failure_too(account: Account, passphrase: str) -> None:
    """Rule: however the task ends; and its own sentence is what is said."""
    account.fails = lambda _: "the database server does not answer"
    with pytest.raises(OperationError, match=r"^the database server does not answer\.\nThere is no backup\.$"):
        backup(account.program, "prod", None, passphrase, quiet)
    assert account.secrets() == []


def test_a_backup_to_a_file_is_fetched(account: Account, passphrase: str, tmp_path: Path) -> None:
    """Rule: the task reaches the bucket alone; the file comes from there, for its owner alone."""
    path = tmp_path / "here.tar.gz"
    backup(account.program, "prod", str(path), passphrase, quiet)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".here*")), "nothing half done stays"


def test_a_backup_to_another_bucket_is_copied(account: Account, passphrase: str) -> None:
    """Rule: the task's role has no right to it, the user's may have."""
    backup(account.program, "prod", f"s3://{OTHER}/nightly/", passphrase, quiet)
    (key,) = account.keys(OTHER)
    assert key.startswith("nightly/airflow-backup-prod-")
    assert f"s3://{BUCKET}/backups/" in " ".join(account.commands[0])


def test_a_restore_checks_before_anything_stops(account: Account, passphrase: str) -> None:
    """Rule: first a task that only looks; then Airflow stops, the same again, and Airflow starts."""
    account.s3.put_object(Bucket=BUCKET, Key="backups/one.tar.gz", Body=CONTENT)
    result = restore(account.program, "prod", f"s3://{BUCKET}/backups/one.tar.gz", passphrase, quiet, replace=True)
    assert account.events == ["restore --check", "stop", "restore", "start"]
    assert all("--replace" in words for words in account.commands)
    assert account.passphrases == [PASSPHRASE] * 2
    assert result == RESTORED
    assert account.keys(BUCKET) == ["backups/one.tar.gz"], "a backup stays where it is"


def test_a_wrong_passphrase_stops_nothing(account: Account, passphrase: str) -> None:
    """Rule: what the check finds is said while Airflow works."""
    account.s3.put_object(Bucket=BUCKET, Key="backups/one.tar.gz", Body=CONTENT)
    account.fails = lambda _: "the passphrase is not the backup's, or the file was changed"
    with pytest.raises(OperationError, match=r"the passphrase is not the backup's.*\nThe stack's data is as it was\."):
        restore(account.program, "prod", f"s3://{BUCKET}/backups/one.tar.gz", passphrase, quiet)
    assert account.events == ["restore --check"]


def test_airflow_starts_again_after_a_restore_that_failed(account: Account, passphrase: str) -> None:
    """Rule: services come back, whatever happened between."""
    account.s3.put_object(Bucket=BUCKET, Key="backups/one.tar.gz", Body=CONTENT)
    account.fails = lambda words: None if "--check" in words else "the database refuses"
    with pytest.raises(OperationError, match="the database refuses"):
        restore(account.program, "prod", f"s3://{BUCKET}/backups/one.tar.gz", passphrase, quiet)
    assert account.events == ["restore --check", "stop", "restore", "start"]
    assert account.secrets() == []


@pytest.mark.parametrize("where", ["file", "bucket"])
def test_a_restore_from_elsewhere_leaves_no_copy(account: Account, passphrase: str, tmp_path: Path, where: str) -> None:
    """Rule: the file is brought to where the tasks reach it, and taken away again."""
    source = f"s3://{OTHER}/one.tar.gz"
    if where == "file":
        source = str(tmp_path / "one.tar.gz")
        Path(source).write_bytes(CONTENT)
    else:
        account.s3.put_object(Bucket=OTHER, Key="one.tar.gz", Body=CONTENT)
    restore(account.program, "prod", source, passphrase, quiet)
    assert account.inputs == [CONTENT, CONTENT]
    assert account.keys(BUCKET) == []


def test_a_task_that_was_killed_is_said(account: Account, passphrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: without a sentence of its own, the exit code and the last lines."""

    def killed(_: OneOff, __: Any, out: Callable[[str], None]) -> int:
        out("task_instance: 5 rows")
        return 137

    monkeypatch.setattr(aws_stack, "run_task", killed)
    with pytest.raises(OperationError, match=r"exit code 137. There is no backup.\n  \| task_instance: 5 rows"):
        backup(account.program, "prod", None, passphrase, quiet)


def test_a_bucket_that_is_not_there_is_said(account: Account, passphrase: str) -> None:
    """Rule: S3's reason, without a traceback; nothing stops."""
    with pytest.raises(OperationError, match="AWS refuses"):
        restore(account.program, "prod", "s3://no-such-bucket/one.tar.gz", passphrase, quiet)
    assert account.events == []
