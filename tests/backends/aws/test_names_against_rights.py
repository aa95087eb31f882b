"""What a deployment makes has a name, and a right names what it is for: both are held against each other.

The stand-in asks moto, which judges no policy. So each resource of a whole stack is given the ARN that AWS would give
it, and the deploy role's policies are asked for the calls with which pulumi-aws makes it and waits for it.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from typing import Any

import pytest

from backends.aws.recorded import ACCOUNT, REGION, Recorded
from backends.aws.test_github import GITHUB
from backends.aws.whole import SWITCHED_ON, deploy

# Not "airflow": a name that somebody has written out would match by chance.
NAME = "team-a"
STACKS: dict[str, Recorded] = {
    "default": deploy({"target": {"name": NAME, "github": GITHUB}}),
    "everything": deploy(
        {
            "target": SWITCHED_ON | {"name": NAME, "github": GITHUB, "egress": "nat_per_zone"},
            "broker": {"kind": "elasticache", "replicas": 1},
        }
    ),
}

Inputs = dict[str, Any]
Request = tuple[str, str]
"""Action, and the ARN of what it acts on."""

SUFFIX = "20261126000000000000000001"


def arn(service: str, name: str, *, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


def named(inputs: Inputs) -> str:
    """The name that AWS sees: pulumi-aws puts the moment behind a prefix."""
    return str(inputs["name"]) if "name" in inputs else f"{inputs['namePrefix']}{SUFFIX}"


def on(
    actions: str, service: str, pattern: str, key: Callable[[Inputs], str] = named
) -> Callable[[Inputs], list[Request]]:
    """These actions on one resource, ``{}`` in whose ARN is its name."""
    return lambda inputs: [
        (f"{service}:{action}", arn(service, pattern.format(key(inputs)))) for action in actions.split()
    ]


def of(key: str) -> Callable[[Inputs], str]:
    return lambda inputs: str(inputs[key])


def instance(inputs: Inputs) -> list[Request]:
    """The provider finds an instance by a filter, which AWS judges as a look at all: findDBInstanceByID."""
    name = inputs["identifier"]
    made = [arn("rds", f"db:{name}"), arn("rds", f"pg:{NAME}-{SUFFIX}"), arn("rds", f"subgrp:{NAME}-{SUFFIX}")]
    # Made without an option group of its own, it gets AWS's default one.
    made.append(arn("rds", "og:default:postgres-16"))
    return [
        *(("rds:CreateDBInstance", one) for one in made),
        ("rds:ModifyDBInstance", made[0]),
        ("rds:DeleteDBInstance", made[0]),
        ("rds:DescribeDBInstances", arn("rds", "db:*")),
    ]


def service(inputs: Inputs) -> list[Request]:
    """Rollout looks at it, and deploys it again."""
    name = arn("ecs", f"service/{NAME}/{inputs['name']}")
    return [(f"ecs:{action}", name) for action in ("CreateService", "UpdateService", "DescribeServices")]


def table(inputs: Inputs) -> list[Request]:
    """Its partition indexes are read after each look: resourceCatalogTableRead."""
    name = f"{inputs['databaseName']}/{inputs['name']}"
    actions = ("CreateTable", "GetTable", "GetPartitionIndexes", "UpdateTable", "DeleteTable")
    return [(f"glue:{action}", arn("glue", f"table/{name}")) for action in actions]


REQUESTS: dict[str, Callable[[Inputs], list[Request]]] = {
    "athena/workgroup": on("CreateWorkGroup GetWorkGroup", "athena", "workgroup/{}"),
    "cloudwatch/compositeAlarm": on("PutCompositeAlarm", "cloudwatch", "alarm:{}", of("alarmName")),
    "cloudwatch/eventRule": on("PutRule DescribeRule", "events", "rule/{}"),
    "cloudwatch/logGroup": on("CreateLogGroup PutRetentionPolicy", "logs", "log-group:{}"),
    "cloudwatch/metricAlarm": on("PutMetricAlarm", "cloudwatch", "alarm:{}"),
    "ecr/lifecyclePolicy": on("PutLifecyclePolicy", "ecr", "repository/{}", of("repository")),
    "ecr/repository": on(
        "CreateRepository DescribeRepositories DeleteRepository BatchGetImage InitiateLayerUpload PutImage"
        " UploadLayerPart CompleteLayerUpload BatchCheckLayerAvailability",
        "ecr",
        "repository/{}",
    ),
    "ecs/cluster": on("CreateCluster DescribeClusters PutClusterCapacityProviders", "ecs", "cluster/{}"),
    "ecs/service": service,
    "ecs/taskDefinition": on("RegisterTaskDefinition RunTask", "ecs", "task-definition/{}:1", of("family")),
    "elasticache/parameterGroup": on("CreateCacheParameterGroup", "elasticache", "parametergroup:{}"),
    "elasticache/replicationGroup": on(
        "CreateReplicationGroup ModifyReplicationGroup", "elasticache", "replicationgroup:{}", of("replicationGroupId")
    ),
    "elasticache/subnetGroup": on("CreateCacheSubnetGroup", "elasticache", "subnetgroup:{}"),
    "glue/catalogTable": table,
    "kinesis/firehoseDeliveryStream": on("CreateDeliveryStream", "firehose", "deliverystream/{}"),
    "cloudwatch/dashboard": lambda inputs: [
        ("cloudwatch:PutDashboard", arn("cloudwatch", f"dashboard/{inputs['dashboardName']}", region=""))
    ],
    "glue/catalogDatabase": on("CreateDatabase GetDatabase", "glue", "database/{}"),
    "iam/role": lambda inputs: [("iam:CreateRole", arn("iam", f"role/{named(inputs)}", region=""))],
    "lb/listener": on("ModifyListener", "elasticloadbalancing", "listener/app/{}-lb-1234567/0123/4567", lambda _: NAME),
    "lb/loadBalancer": on(
        "CreateLoadBalancer", "elasticloadbalancing", "loadbalancer/app/{}-lb-1234567/01", lambda _: NAME
    ),
    "lb/targetGroup": on("CreateTargetGroup", "elasticloadbalancing", "targetgroup/{}-web-1234567/01", lambda _: NAME),
    "rds/instance": instance,
    "rds/parameterGroup": on("CreateDBParameterGroup", "rds", "pg:{}"),
    "rds/subnetGroup": on("CreateDBSubnetGroup", "rds", "subgrp:{}"),
    "s3/bucket": lambda inputs: [("s3:CreateBucket", f"arn:aws:s3:::{inputs['bucketPrefix']}{SUFFIX}")],
    "secretsmanager/secret": on("CreateSecret DescribeSecret", "secretsmanager", "secret:{}-AbCdEf"),
    "sns/topic": on("CreateTopic GetTopicAttributes", "sns", "{}"),
    "sqs/queue": on("CreateQueue GetQueueAttributes SetQueueAttributes", "sqs", "{}"),
}
"""Calls of the real provider, by the type of the resource."""

# Rights go by tags or by the stack's zone where AWS makes the name up, and not by a resource where AWS knows none; what
# is a part of something named is reached by that one's right; and the workflows' own roles are an administrator's.
BY_TAG = {
    "acm/certificate", "acm/certificateValidation", "appautoscaling/policy", "appautoscaling/scheduledAction",
    "appautoscaling/target", "cloudwatch/logResourcePolicy", "ec2/defaultSecurityGroup", "ec2/eip",
    "ec2/internetGateway", "ec2/natGateway", "ec2/route", "ec2/routeTable", "ec2/routeTableAssociation",
    "ec2/securityGroup", "ec2/subnet", "ec2/vpc", "ec2/vpcEndpoint", "kms/key", "route53/record",
    "sns/topicSubscription", "vpc/securityGroupEgressRule", "vpc/securityGroupIngressRule",
}  # fmt: skip
PARTS = {
    "athena/namedQuery", "cloudwatch/eventTarget", "cloudwatch/logStream", "ecs/clusterCapacityProviders",
    "iam/rolePolicy", "s3/bucketLifecycleConfiguration", "s3/bucketOwnershipControls", "s3/bucketPolicy",
    "s3/bucketPublicAccessBlock", "s3/bucketServerSideEncryptionConfiguration", "s3/bucketVersioning",
    "secretsmanager/secretVersion", "sns/topicPolicy", "sqs/queuePolicy", "sqs/redriveAllowPolicy",
}  # fmt: skip
ADMINISTRATORS = {"iam/openIdConnectProvider", "iam/policy", "iam/rolePolicyAttachment"}


def kind(type_: str) -> str:
    return type_.split(":")[1]


def allowed(stack: Recorded, request: Request) -> bool:
    """By the policies of the deploy role; their conditions, which go by tags, are held elsewhere."""
    action, resource = request
    policies = stack.of("aws:iam/policy:Policy").items()
    return any(
        one["Effect"] == "Allow"
        and action in one["Action"]
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in one["Resource"])
        for name, policy in policies
        if "-github-deploy-" in name
        for one in json.loads(policy.inputs["policy"])["Statement"]
    )


@pytest.mark.parametrize("name", STACKS)
def test_the_deploy_role_may_touch_what_the_stack_is_made_of(name: str) -> None:
    """Rule: the ARN that AWS gives a resource matches a right of the role that is to make it, for each call."""
    stack = STACKS[name]
    refused = sorted(
        f"{resource.name}: {action} on {target}"
        for resource in stack.resources
        for action, target in REQUESTS.get(kind(resource.type), lambda _: [])(resource.inputs)
        if not allowed(stack, (action, target)) and "-github-" not in resource.name
    )
    assert not refused


def test_each_type_of_the_stack_is_looked_at() -> None:
    """Rule: a new type of resource has its calls in REQUESTS, or a reason why its name decides nothing."""
    known = REQUESTS.keys() | BY_TAG | PARTS | ADMINISTRATORS
    made = {kind(one.type) for stack in STACKS.values() for one in stack.resources if one.type.startswith("aws:")}
    assert made == known


def test_a_key_is_tagged_as_it_is_made() -> None:
    """Rule: what is made with its tags has none yet: kms:TagResource goes by the tags of the request."""
    policies = STACKS["everything"].of("aws:iam/policy:Policy").values()
    rights = [one for policy in policies for one in json.loads(policy.inputs["policy"])["Statement"]]
    conditions = [one["Condition"] for one in rights if "kms:TagResource" in one["Action"]]
    assert {"StringEquals": {"aws:RequestTag/airflow-stack": NAME}} in conditions
