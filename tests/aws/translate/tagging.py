"""The calls that change tags: every service has its own words for one and the same."""

from __future__ import annotations

from collections.abc import Mapping

from aws.translate.kind import Aws, Kind, Properties

CALLS: dict[str, tuple[str, str, str]] = {
    "acm": ("add_tags_to_certificate", "remove_tags_from_certificate", "CertificateArn"),
    "application-autoscaling": ("tag_resource", "untag_resource", "ResourceARN"),
    "athena": ("tag_resource", "untag_resource", "ResourceARN"),
    "cloudwatch": ("tag_resource", "untag_resource", "ResourceARN"),
    "ec2": ("create_tags", "delete_tags", "Resources"),
    "ecr": ("tag_resource", "untag_resource", "resourceArn"),
    "ecs": ("tag_resource", "untag_resource", "resourceArn"),
    "elasticache": ("add_tags_to_resource", "remove_tags_from_resource", "ResourceName"),
    "elbv2": ("add_tags", "remove_tags", "ResourceArns"),
    "events": ("tag_resource", "untag_resource", "ResourceARN"),
    "firehose": ("tag_delivery_stream", "untag_delivery_stream", "DeliveryStreamName"),
    "glue": ("tag_resource", "untag_resource", "ResourceArn"),
    "iam": ("tag_role", "untag_role", "RoleName"),
    "kms": ("tag_resource", "untag_resource", "KeyId"),
    "logs": ("tag_resource", "untag_resource", "resourceArn"),
    "rds": ("add_tags_to_resource", "remove_tags_from_resource", "ResourceName"),
    "secretsmanager": ("tag_resource", "untag_resource", "SecretId"),
    "sns": ("tag_resource", "untag_resource", "ResourceArn"),
    "sqs": ("tag_queue", "untag_queue", "QueueUrl"),
}
"""Call that adds, call that removes, parameter that names the resource."""

POLICY = ("tag_policy", "untag_policy", "PolicyArn")
"""Of a managed policy, whose id is its ARN: IAM has calls of their own for each kind of thing."""

BY_ID = ("ec2", "sqs", "iam", "kms")
BY_NAME = ("firehose",)


def retag(aws: Aws, kind: Kind, identifier: str, old: Properties, new: Properties) -> None:
    """Make the tags of a resource those of ``new``."""
    before: Mapping[str, str] = old.get("tagsAll") or {}
    after: Mapping[str, str] = new.get("tagsAll") or {}
    if before == after or not kind.tagged:
        return
    if kind.service == "s3":
        pairs = [{"Key": key, "Value": value} for key, value in after.items()]
        aws.call("s3", "put_bucket_tagging", Bucket=identifier, Tagging={"TagSet": pairs})
        return
    add, remove, parameter = POLICY if kind.type == "aws:iam/policy:Policy" else CALLS[kind.service]
    by = identifier if kind.service in BY_ID else old["name"] if kind.service in BY_NAME else old["arn"]
    resource = {parameter: [by] if parameter in ("Resources", "ResourceArns") else by}
    if after:
        aws.call(kind.service, add, **resource, **_added(aws, kind.service, add, after))
    if lost := sorted(before.keys() - after.keys()):
        members = aws.shape(kind.service, remove).members
        name = next(key for key in members if key.lower() in ("tagkeys", "tags", "tagstoremove"))
        structured = members[name].member.type_name == "structure"
        aws.call(kind.service, remove, **resource, **{name: [{"Key": key} for key in lost] if structured else lost})


def _added(aws: Aws, service: str, operation: str, tags: Mapping[str, str]) -> dict[str, object]:
    members = aws.shape(service, operation).members
    name = next(key for key in members if key.lower() in ("tags", "tagstoadd"))
    if members[name].type_name == "map":
        return {name: dict(tags)}
    fields = {field.lower(): field for field in members[name].member.members}
    key, value = fields.get("key") or fields["tagkey"], fields.get("value") or fields["tagvalue"]
    return {name: [{key: word, value: meaning} for word, meaning in tags.items()]}
