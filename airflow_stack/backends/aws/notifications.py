"""The topic that alarms go to, and the address that it tells."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_aws import kms, sns

from airflow_stack.backends.aws.plan.policy_document import account, document, partition

# All that an owner needs to keep, change and delete the key. Who of the account may do it, its own policies say.
ADMINISTRATION = [
    f"kms:{action}"
    for action in (
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "Decrypt",
        "DeleteAlias",
        "DescribeKey",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "GenerateDataKey",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListResourceTags",
        "ListRetirableGrants",
        "PutKeyPolicy",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    )
]


class Notifications(pulumi.ComponentResource):
    """An encrypted SNS topic with one e-mail address, which has to confirm the subscription once."""

    topic_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        prefix: str,
        email: str,
        cluster_arn: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Notifications", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # AWS's own key for SNS admits no alarm: CloudWatch could publish nothing to the topic.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
        key = kms.Key(
            f"{name}-key",
            description=f"Alarms of {prefix}",
            enable_key_rotation=True,
            deletion_window_in_days=7,  # it keeps nothing but messages on their way
            policy=cluster_arn.apply(lambda arn: key_policy(arn, prefix)),
            opts=child,
        )
        topic = sns.Topic(
            f"{name}-topic",
            name=f"{prefix}-alarms",
            display_name=f"{prefix} alarms",
            kms_master_key_id=key.arn,
            opts=child,
        )
        sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, cluster_arn).apply(lambda arns: topic_policy(arns[0], arns[1], prefix)),
            opts=child,
        )
        sns.TopicSubscription(f"{name}-email", topic=topic.arn, protocol="email", endpoint=email, opts=child)
        self.topic_arn = topic.arn
        self.register_outputs({})


def alarms(cluster_arn: str, prefix: str) -> dict[str, Any]:
    """Who may tell: CloudWatch, for the alarms of this stack and for nobody else's."""
    region, owner = cluster_arn.split(":")[3], account(cluster_arn)
    return {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{partition(cluster_arn)}:cloudwatch:{region}:{owner}:alarm:{prefix}-*"},
            "StringEquals": {"aws:SourceAccount": owner},
        },
    }


def key_policy(cluster_arn: str, prefix: str) -> str:
    """In a key's own policy, ``*`` is that key."""
    return document(
        {
            "Sid": "Administration",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition(cluster_arn)}:iam::{account(cluster_arn)}:root"},
            "Action": ADMINISTRATION,
            "Resource": "*",
        },
        alarms(cluster_arn, prefix) | {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"},
    )


def topic_policy(topic_arn: str, cluster_arn: str, prefix: str) -> str:
    """The alarms of this stack publish, and nobody in clear."""
    return document(
        alarms(cluster_arn, prefix) | {"Action": "sns:Publish", "Resource": topic_arn},
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
