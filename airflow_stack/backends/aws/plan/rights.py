"""What each role's task may do, and what ECS may do to start it. Pure: statements with references for ARNs.

Two roles for each task: ECS itself uses the execution role, what runs in the task the task role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_stack.airflow import Role
from airflow_stack.backends.aws.plan.environment import LOOKUPS, TASK_LOGS
from airflow_stack.backends.aws.plan.metrics import namespace
from airflow_stack.backends.aws.plan.refs import (
    ACCOUNT,
    BUCKET,
    CLUSTER_NAME,
    EXEC_LOG_GROUP,
    FIREHOSE,
    PARTITION,
    QUEUE,
    REPOSITORY,
    log_group,
    secret,
)
from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.config import AwsConfig

Statement = dict[str, Any]

# Actions for which AWS knows no resource, so that a statement has to name all: by its Sid, with what limits it.
UNSCOPED = {
    "LogIn": "ecr:GetAuthorizationToken gives a token that opens what the other statements allow, and nothing else",
    "Metrics": "cloudwatch:PutMetricData has no resource; a condition names the namespace",
    "Exec": "ssmmessages has no resource; a channel belongs to the session that ECS opens for this task",
    "ExecLogGroups": "the agent of ECS exec lists the log groups to find its own",
}

BACKUPS = "backups"
"""Prefix of the backups in the bucket, where one-off tasks write and read them."""
PASSPHRASES = "backup"
"""Below ``<target.name>/`` in Secrets Manager: a backup's passphrase, while the task runs that makes or restores it."""

_ECR = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+(/(?P<path>.*))?")


@dataclass(frozen=True)
class Rights:
    """Of one role of Airflow."""

    role: str
    execution: tuple[Statement, ...]
    """What ECS may do to start its tasks."""
    task: tuple[Statement, ...]
    """What its tasks may do."""

    @property
    def actions(self) -> set[str]:
        """Of both, as in ``s3:GetObject``."""
        return {action for one in (*self.execution, *self.task) for action in one["Action"]}


def rights(config: AwsConfig, families: Sequence[Family]) -> tuple[Rights, ...]:
    """Of every role that runs in a task."""
    elastic = [family.name for family in families if family.role.spec.elastic]
    return tuple(
        Rights(family.role.name, tuple(_execution(config, family.role)), tuple(_task(config, family, elastic)))
        for family in families
    )


def statement(sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None) -> Statement:
    """A statement that allows; lists are sorted, so that the same rights are the same text."""
    allowed: Statement = {
        "Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(resources)
    }  # fmt: skip
    return allowed | ({"Condition": condition} if condition else {})


def trust(region: str) -> Statement:
    """ECS may take a role for tasks of this account and region, and for nobody else's.

    A single cluster can't be named here.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    return {
        "Sid": "Tasks",
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:ecs:{region}:{ACCOUNT}:*"},
            "StringEquals": {"aws:SourceAccount": str(ACCOUNT)},
        },
    }


def _execution(config: AwsConfig, role: Role) -> Iterator[Statement]:
    """Pull the image, write to the role's log group, read the role's secrets."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    yield statement("LogIn", ["ecr:GetAuthorizationToken"], ["*"])
    yield statement("Pull", pull, [str(REPOSITORY), *_mirror(config)])
    yield statement("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group(role.name)}:*"])
    if role.secrets:
        secrets = [str(secret(file)) for file in role.secrets]
        yield statement("Secrets", ["secretsmanager:GetSecretValue"], secrets)


def _task(config: AwsConfig, family: Family, elastic: Sequence[str]) -> Iterator[Statement]:
    """What the containers of a role may do. What users' tasks need beyond is theirs to add to the worker's role.

    ``elastic`` names the services whose number follows the work.
    """
    region, role = config.target.region, family.role
    spec = role.spec
    yield from _task_logs(role)
    names = f"arn:{PARTITION}:secretsmanager:{region}:{ACCOUNT}:secret:{config.target.name}"
    lookups = [f"{names}/{kind}/*" for kind in LOOKUPS]
    yield statement("Lookups", ["secretsmanager:GetSecretValue"], lookups)
    if config.broker.kind == "sqs":
        yield from _queue(role)
    if spec.schedules or config.target.metrics.statsd:
        only = {"StringEquals": {"cloudwatch:namespace": namespace(config.target.name)}}
        yield statement("Metrics", ["cloudwatch:PutMetricData"], ["*"], only)
    ecs = f"arn:{PARTITION}:ecs:{region}:{ACCOUNT}"
    if spec.schedules:
        # The publisher counts the workers that run.
        counted = [f"{ecs}:service/{CLUSTER_NAME}/{name}" for name in elastic]
        yield statement("CountWorkers", ["ecs:DescribeServices"], counted)
    if spec.elastic:
        actions = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
        yield statement("Protect", actions, [f"{ecs}:task/{CLUSTER_NAME}/*"])
    if spec.one_shot:
        objects = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        yield statement("Backups", objects, [f"{BUCKET}/{BACKUPS}/*"])
        yield statement("BackupPassphrase", ["secretsmanager:GetSecretValue"], [f"{names}/{PASSPHRASES}/*"])
    if family.log_route == "Firehose":
        yield statement("ServiceLogs", ["firehose:PutRecordBatch"], [str(FIREHOSE)])
    if config.target.exec:
        yield from _exec()


def _task_logs(role: Role) -> Iterator[Statement]:
    """A log of a task is written by who runs it, and by the scheduler, which says there why it has given a task up."""
    objects = ["s3:GetObject", "s3:PutObject"] if role.spec.writes_task_logs else ["s3:GetObject"]
    yield statement("TaskLogs", objects, [f"{BUCKET}/{TASK_LOGS}/*"])
    # Before it writes a log, Airflow asks whether there is one (HeadObject). Without the right to list, S3 answers 403
    # instead of 404, and the log is given up. That question has no prefix: hence IfExists.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    only = {"StringLikeIfExists": {"s3:prefix": f"{TASK_LOGS}/*"}}
    yield statement("FindTaskLogs", ["s3:ListBucket"], [str(BUCKET)], only)


def _queue(role: Role) -> Iterator[Statement]:
    if role.spec.broker == "takes":
        # A task that a worker gives back is made visible, not sent again.
        actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        yield statement("Queue", actions, [str(QUEUE)])
    elif role.spec.broker == "sends":
        yield statement("Queue", ["sqs:GetQueueAttributes", "sqs:SendMessage"], [str(QUEUE)])


def _exec() -> Iterator[Statement]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html"""
    channels = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
    yield statement("Exec", channels, ["*"])
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    yield statement("ExecLogGroups", ["logs:DescribeLogGroups"], ["*"])
    yield statement("ExecLog", actions, [f"{EXEC_LOG_GROUP}:*"])


def _mirror(config: AwsConfig) -> list[str]:
    """Repositories of the side containers' images, where they are ECR's."""
    if match := _ECR.fullmatch(config.target.side_images):
        path = f"{match['path']}/" if match["path"] else ""
        return [
            f"arn:{PARTITION}:ecr:{match['region']}:{match['account']}:repository/{path}{images}/*"
            for images in ("aws-observability", "cloudwatch-agent")
        ]
    return []
