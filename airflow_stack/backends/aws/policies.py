"""What each role's task may do, and what ECS may do to start it. Pure: statements made of plain ARNs.

Two roles for each task: ECS itself uses the execution role, what runs in the task the task role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.airflow import there
from airflow_stack.backends.aws.environment import LOOKUPS, TASK_LOGS
from airflow_stack.backends.aws.metrics import namespace
from airflow_stack.backends.aws.policy_document import account, partition
from airflow_stack.config import StackConfig
from airflow_stack.releases import RoleSpec

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
class Arns:
    """ARNs of what one role's tasks use; None where the stack has no such thing."""

    cluster: str
    bucket: str
    repository: str
    log_group: str
    """The role's own, without ``:*``."""
    secrets: list[str] = field(default_factory=list)
    """Those that the role reads."""
    queue: str | None = None
    firehose: str | None = None
    exec_log_group: str | None = None
    """Without ``:*``."""


def statement(sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None) -> Statement:
    """A statement that allows; lists are sorted, so that the same rights are the same text."""
    allowed: Statement = {
        "Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(resources)
    }  # fmt: skip
    return allowed | ({"Condition": condition} if condition else {})


def trust(cluster_arn: str) -> Statement:
    """ECS may take the role for tasks of this account and region, and for nobody else's.

    A single cluster can't be named here.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    owner, region = account(cluster_arn), cluster_arn.split(":")[3]
    return {
        "Sid": "Tasks",
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{partition(cluster_arn)}:ecs:{region}:{owner}:*"},
            "StringEquals": {"aws:SourceAccount": owner},
        },
    }


def execution(config: StackConfig, arns: Arns) -> list[Statement]:
    """Pull the image, write to the role's log group, read the role's secrets."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    images = [arns.repository, *_mirror(config, partition(arns.cluster))]
    statements = [
        statement("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        statement("Pull", pull, images),
        statement("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{arns.log_group}:*"]),
    ]
    if arns.secrets:
        statements.append(statement("Secrets", ["secretsmanager:GetSecretValue"], arns.secrets))
    return statements


def task(config: StackConfig, role: RoleSpec, arns: Arns) -> list[Statement]:
    """What the containers of a role may do. What users' tasks need beyond is theirs to add to the worker's role."""
    owner, part, region = account(arns.cluster), partition(arns.cluster), config.aws.region
    statements = [*_task_logs(role, arns.bucket)]
    names = f"arn:{part}:secretsmanager:{region}:{owner}:secret:{config.aws.name}"
    lookups = [f"{names}/{kind}/*" for kind in LOOKUPS]
    statements.append(statement("Lookups", ["secretsmanager:GetSecretValue"], lookups))
    if arns.queue is not None:
        statements += _queue(role, arns.queue)
    if role.schedules or config.aws.metrics.statsd:
        only = {"StringEquals": {"cloudwatch:namespace": namespace(config.aws.name)}}
        statements.append(statement("Metrics", ["cloudwatch:PutMetricData"], ["*"], only))
    cluster = arns.cluster.rpartition("/")[2]
    if role.schedules:
        # The publisher counts the workers that run.
        services = f"arn:{part}:ecs:{region}:{owner}:service/{cluster}/{config.aws.name}"
        workers = [f"{services}-{other.name}" for other in there(config) if other.elastic]
        statements.append(statement("CountWorkers", ["ecs:DescribeServices"], workers))
    if role.elastic:
        actions = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
        statements.append(statement("Protect", actions, [f"arn:{part}:ecs:{region}:{owner}:task/{cluster}/*"]))
    if role.one_shot:
        objects = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        statements.append(statement("Backups", objects, [f"{arns.bucket}/{BACKUPS}/*"]))
        statements.append(
            statement("BackupPassphrase", ["secretsmanager:GetSecretValue"], [f"{names}/{PASSPHRASES}/*"])
        )
    # One-off tasks write to CloudWatch alone.
    if arns.firehose is not None and not role.one_shot:
        statements.append(statement("ServiceLogs", ["firehose:PutRecordBatch"], [arns.firehose]))
    if config.aws.exec:
        statements += _exec(arns.exec_log_group)
    return statements


def _task_logs(role: RoleSpec, bucket: str) -> list[Statement]:
    objects = ["s3:GetObject", "s3:PutObject"] if role.writes_task_logs else ["s3:GetObject"]
    return [
        statement("TaskLogs", objects, [f"{bucket}/{TASK_LOGS}/*"]),
        # Before it writes a log, Airflow asks whether there is one (HeadObject). Without the right to list, S3 answers
        # 403 instead of 404, and the log is given up. That question has no prefix: hence IfExists.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        statement("FindTaskLogs", ["s3:ListBucket"], [bucket], {"StringLikeIfExists": {"s3:prefix": f"{TASK_LOGS}/*"}}),
    ]


def _queue(role: RoleSpec, queue: str) -> list[Statement]:
    if role.broker == "takes":
        # A task that a worker gives back is made visible, not sent again.
        actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        return [statement("Queue", actions, [queue])]
    if role.broker == "sends":
        return [statement("Queue", ["sqs:GetQueueAttributes", "sqs:SendMessage"], [queue])]
    return []


def _exec(log_group: str | None) -> list[Statement]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html"""
    channels = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
    statements = [statement("Exec", channels, ["*"])]
    if log_group is not None:
        actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        statements += [
            statement("ExecLogGroups", ["logs:DescribeLogGroups"], ["*"]),
            statement("ExecLog", actions, [f"{log_group}:*"]),
        ]
    return statements


def _mirror(config: StackConfig, part: str) -> list[str]:
    """Repositories of the side containers' images, where they are ECR's."""
    if match := _ECR.fullmatch(config.aws.side_images):
        path = f"{match['path']}/" if match["path"] else ""
        return [
            f"arn:{part}:ecr:{match['region']}:{match['account']}:repository/{path}{images}/*"
            for images in ("aws-observability", "cloudwatch-agent")
        ]
    return []
