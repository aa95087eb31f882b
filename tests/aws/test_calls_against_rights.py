"""The calls of a whole stack's life, held against what the deploy role may do: moto itself judges no policy.

Recorded are the calls with which the stand-in makes, reads, retags and deletes all of a stack. What pulumi-aws's own
plugin asks besides, by its source, stands in BESIDES.
"""

from __future__ import annotations

import fnmatch
import json
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import models
import pytest
from backends.aws.test_github import GITHUB

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import aws_plan, refs
from airflow_stack.backends.aws.plan.github import workflows
from airflow_stack.config import parse
from airflow_stack.operations.target import target_of
from aws.behind_mocks import MotoMocks, in_moto, run
from aws.engine import CREDENTIALS
from aws.translate.kind import RefusedError
from aws.translate.tagging import retag
from aws.variants import ALL, CLOSED, REGION, ZONE

ACCOUNT = "123456789012"
Call = tuple[str, str, dict[str, Any]]

# Actions of S3 that have another name than their calls.
S3 = {
    "HeadBucket": "ListBucket", "ListObjectVersions": "ListBucketVersions", "PutPublicAccessBlock":
    "PutBucketPublicAccessBlock", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock", "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration", "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration", "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteObjects": "DeleteObject",
}  # fmt: skip
PREFIXES = {"elbv2": "elasticloadbalancing"}

# The resource of a call, by the service and the parameter that names it; `{}` is its value. An ARN stands for itself.
NAMED = {
    ("athena", "WorkGroup"): "workgroup/{}",
    ("athena", "Name"): "workgroup/{}",
    ("cloudwatch", "AlarmName"): "alarm:{}",
    ("ecr", "repositoryName"): "repository/{}",
    ("elasticache", "CacheParameterGroupName"): "parametergroup:{}",
    ("elasticache", "CacheSubnetGroupName"): "subnetgroup:{}",
    ("elasticache", "ReplicationGroupId"): "replicationgroup:{}",
    ("events", "Rule"): "rule/{}",
    ("firehose", "DeliveryStreamName"): "deliverystream/{}",
    ("logs", "logGroupName"): "log-group:{}",
    ("rds", "DBInstanceIdentifier"): "db:{}",
    ("rds", "DBParameterGroupName"): "pg:{}",
    ("rds", "DBSubnetGroupName"): "subgrp:{}",
}

# What pulumi-aws asks and the stand-in does not, by type. Of hashicorp/terraform-provider-aws, internal/service/….
BESIDES: dict[str, str] = {
    "ec2/vpc": "ec2:DescribeVpcAttribute ec2:DescribeNetworkAcls ec2:DescribeRouteTables ec2:DescribeSecurityGroups",
    "ec2/eip": "ec2:DescribeAddressesAttribute ec2:DisassociateAddress",
    "ec2/securityGroup": "ec2:DescribeNetworkInterfaces ec2:RevokeSecurityGroupEgress",
    "ec2/vpcEndpoint": "ec2:DescribePrefixLists",
    "ecr/repository": "ecr:ListTagsForResource",
    "ecr/lifecyclePolicy": "ecr:GetLifecyclePolicy",
    "ecs/service": "ecs:DescribeServices ecs:ListTagsForResource",
    "ecs/taskDefinition": "ecs:DescribeTaskDefinition ecs:DeregisterTaskDefinition",
    "glue/catalogTable": "glue:GetPartitionIndexes",
    "iam/role": "iam:ListRolePolicies iam:ListAttachedRolePolicies iam:ListInstanceProfilesForRole",
    "kms/key": "kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags",
    "lb/loadBalancer": "elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeTags"
    " elasticloadbalancing:DescribeCapacityReservation",
    "lb/listener": "elasticloadbalancing:DescribeListenerAttributes",
    "lb/targetGroup": "elasticloadbalancing:DescribeTargetGroupAttributes",
    "rds/instance": "rds:ListTagsForResource",
    "rds/parameterGroup": "rds:DescribeDBParameters",
    "secretsmanager/secret": "secretsmanager:GetResourcePolicy",
    "sns/topic": "sns:ListTagsForResource",
    "sqs/queue": "sqs:ListQueueTags",
}

# An administrator's, who makes the roles; and what the stand-in asks in its own way.
NOT_GRANTED = {
    "ecs:ListClusters", "ecs:ListServices", "elasticache:DescribeCacheClusters", "iam:AttachRolePolicy",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeleteOpenIDConnectProvider", "iam:DeletePolicy",
    "sts:GetCallerIdentity",
}  # fmt: skip


class Life:
    """The calls of one stack from its creation to its end, and the rights of the role that deploys it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        asked = raw["target"] | {"delete_data": True, "confirm_delete_data": "airflow"}
        secrets = {"oidc_client_secret"} & raw.keys()
        config, given = parse(raw | {"target": asked}, secrets, "prod")
        self._with_roles = models.aws(parse(raw | {"target": asked | {"github": GITHUB}}, secrets, "prod")[0])
        with pytest.MonkeyPatch.context() as patch, in_moto(REGION) as aws:
            for key, value in CREDENTIALS.items():
                patch.setenv(key, value)
            patch.delenv("AWS_ENDPOINT_URL", raising=False)
            patch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: ZONE)
            aws.call("route53", "create_hosted_zone", Name="example.com", CallerReference="test")
            mocks = MotoMocks(REGION, _fakes)
            target = target_of(config, Path(__file__).parents[2], "prod")
            run(lambda: target.deploy(given), mocks)
            standin = mocks.standin
            self.types = {type_.split(":")[1] for type_, _, _ in mocks.made.values()}
            for type_, identifier, outputs in reversed(mocks.made.values()):
                standin.read(type_, identifier, outputs)
                tags = {**outputs.get("tagsAll", {}), "team": "data"}
                retag(standin.aws, standin.kind(type_), identifier, outputs, outputs | {"tagsAll": tags})
                retag(standin.aws, standin.kind(type_), identifier, outputs | {"tagsAll": tags}, outputs)
            for type_, identifier, outputs in reversed(mocks.made.values()):
                try:
                    standin.delete(type_, identifier, outputs)
                except RefusedError:  # the mocks know no order of dependencies: the call was made, and that is all
                    continue
            self.calls = list(standin.aws.calls)

    def statements(self) -> list[dict[str, Any]]:
        """Of the deploy role."""
        planned = workflows(aws_plan(self._with_roles, describe(self._with_roles)))
        assert planned
        (role,) = [one for one in planned.roles if one.purpose == "deploy"]
        text = json.dumps([one for statements in role.policies.values() for one in statements])
        found: list[dict[str, Any]] = json.loads(refs.fill(text, {refs.PARTITION: "aws", refs.ACCOUNT: ACCOUNT}))
        return found


def _fakes(_type: str, _name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return inputs | {"digest": "sha256:0", "reference": f"{inputs.get('repository_url')}@sha256:0"}


@cache
def life(name: str) -> Life:
    return Life({"all parts": ALL, "closed network": CLOSED}[name])


@cache
def action(service: str, operation: str) -> str:
    client = boto3.client(service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")  # type: ignore[call-overload]
    name = client.meta.method_to_api_mapping[operation]
    return f"{PREFIXES.get(service, service)}:{S3.get(name, name) if service == 's3' else name}"


def resources(call: Call) -> list[str]:
    """ARNs of what a call is for, as far as its parameters say; none where AWS makes the name up."""
    service, operation, parameters = call
    found = []
    for name, value in parameters.items():
        if (pattern := NAMED.get((service, name))) and isinstance(value, str) and not value.startswith("arn:"):
            found.append(f"arn:aws:{service}:{REGION}:{ACCOUNT}:{pattern.format(value)}")
    if service == "s3" and "Bucket" in parameters:
        found.append(f"arn:aws:s3:::{parameters['Bucket']}" + ("/x" if operation.startswith("delete_object") else ""))
    if service == "secretsmanager" and operation == "create_secret":
        found.append(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{parameters['Name']}-AbCdEf")
    if service == "iam" and "RoleName" in parameters:
        found.append(f"arn:aws:iam::{ACCOUNT}:role/{parameters['RoleName']}")
    return found


def allows(statement: dict[str, Any], call: Call) -> bool:
    """Whether one statement allows the call, by action, resource, and the tags that the call brings along."""
    if statement["Effect"] != "Allow" or action(*call[:2]) not in statement["Action"]:
        return False
    wanted = resources(call)
    named = not wanted or any(fnmatch.fnmatchcase(one, pattern) for one in wanted for pattern in statement["Resource"])
    tag = statement.get("Condition", {}).get("StringEquals", {}).get("aws:RequestTag/airflow-stack")
    return named and (tag is None or f"'{tag}'" in str(call[2]))


def refused(calls: list[Call], statements: list[dict[str, Any]]) -> set[str]:
    """Actions of calls that no statement allows, with what they were for."""
    found = set()
    for call in calls:
        if action(*call[:2]) not in NOT_GRANTED and not any(allows(one, call) for one in statements):
            found.add(" ".join([action(*call[:2]), *resources(call)]))
    return found


def ours(call: Call) -> bool:
    """Not of the test itself, nor of the workflows' roles, which an administrator deploys."""
    return "-github-" not in str(call[2]) and call[1] != "create_hosted_zone"


@pytest.mark.parametrize("name", ["all parts", "closed network"])
def test_each_call_of_a_life_is_allowed(name: str) -> None:
    """Rule: whoever has the deploy role alone gets a stack up, changed and down: each call, for what it is for."""
    found = life(name)
    calls = [call for call in found.calls if ours(call)]
    assert len({action(*call[:2]) for call in calls}) > 100
    assert sum(bool(resources(call)) for call in calls) > 100
    assert not refused(calls, found.statements())


@pytest.mark.parametrize("name", ["all parts", "closed network"])
def test_what_the_provider_asks_besides_is_allowed(name: str) -> None:
    """Rule: the same for calls that the provider makes, by its source, and the stand-in does not."""
    found = life(name)
    allowed = {right for one in found.statements() if one["Effect"] == "Allow" for right in one["Action"]}
    asked = {right for type_, rights in BESIDES.items() if type_ in found.types for right in rights.split()}
    assert asked
    assert not asked - allowed


def test_the_table_is_of_types_that_there_are() -> None:
    """Rule: a type that the program does not make any more is not in the table."""
    assert BESIDES.keys() <= life("all parts").types | life("closed network").types


@pytest.mark.parametrize(
    ("sid", "wrong", "refusal"),
    [
        ("Images", {"Resource": [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/airflow"]}, "ecr:CreateRepository"),
        ("Tables", {"Action": ["glue:GetTable"]}, "glue:CreateTable"),
        ("MakeKey", {"Condition": {"StringEquals": {"aws:RequestTag/airflow-stack": "another"}}}, "kms:CreateKey"),
    ],
    ids=["name", "action", "tag"],
)
def test_a_right_that_is_wrong_is_seen(sid: str, wrong: dict[str, Any], refusal: str) -> None:
    """Rule: the check sees a resource of another name, an action that is missing, and a tag that nobody gives."""
    found = life("all parts")
    statements = [one | (wrong if one["Sid"] == sid else {}) for one in found.statements()]
    assert any(one.startswith(refusal) for one in refused([call for call in found.calls if ours(call)], statements))
