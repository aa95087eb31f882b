"""ECS's own word that the tasks of a service don't come up: no metric says it, and least of all on a morning."""

from __future__ import annotations

import json

import pulumi
from pulumi_aws import cloudwatch

from airflow_stack.backends.aws.plan.policy_document import document

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
TROUBLE = [
    "SERVICE_DEPLOYMENT_FAILED",
    "SERVICE_TASK_CONFIGURATION_FAILURE",
    "SERVICE_TASK_PLACEMENT_FAILURE",
    "SERVICE_TASK_START_IMPAIRED",
]


class ServiceEvents(pulumi.ComponentResource):
    """A rule that keeps such events in a log group, and whose own metric an alarm can watch.

    Not straight to the alarms' topic: ECS repeats such an event as long as the trouble lasts, and an alarm tells once.
    """

    rule_name: pulumi.Output[str]
    group_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        prefix: str,
        retention_days: int,
        cluster_arn: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:ServiceEvents", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = cloudwatch.LogGroup(
            f"{name}-events",
            name=f"/aws/events/{prefix}-services",  # where EventBridge looks for groups
            retention_in_days=retention_days,
            opts=child,
        )
        rule = cloudwatch.EventRule(
            f"{name}-trouble",
            name=f"{prefix}-services",
            description="Tasks of a service don't come up",
            event_pattern=cluster_arn.apply(pattern),
            opts=child,
        )
        permission = cloudwatch.LogResourcePolicy(
            f"{name}-permission",
            policy_name=f"{prefix}-services",
            policy_document=pulumi.Output.all(group.arn, rule.arn).apply(lambda arns: permission_of(arns[0], arns[1])),
            opts=child,
        )
        cloudwatch.EventTarget(
            f"{name}-log",
            rule=rule.name,
            target_id="log",
            arn=group.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        self.rule_name = rule.name
        self.group_name = group.name
        self.register_outputs({})


def pattern(cluster_arn: str) -> str:
    """Which events: trouble with a service of this cluster. An event names the service's ARN among its resources."""
    services = cluster_arn.replace(":cluster/", ":service/")
    return json.dumps(
        {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Deployment State Change", "ECS Service Action"],
            "resources": [{"prefix": f"{services}/"}],
            "detail": {"eventName": TROUBLE},
        },
        sort_keys=True,
    )


def permission_of(group_arn: str, rule_arn: str) -> str:
    """EventBridge writes to this group, for this rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
    """
    senders = {"Service": ["delivery.logs.amazonaws.com", "events.amazonaws.com"]}
    return document(
        {
            "Sid": "Streams",
            "Effect": "Allow",
            "Principal": senders,
            "Action": "logs:CreateLogStream",
            "Resource": f"{group_arn}:*",
        },
        {
            "Sid": "Events",
            "Effect": "Allow",
            "Principal": senders,
            "Action": "logs:PutLogEvents",
            "Resource": f"{group_arn}:*",
            "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
        },
    )
