"""Rights name what they are about: no action by wildcard, no resource that is everything, no service for everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_stack_policies.rule import UNKNOWN, Props, Rule, as_list

# Where a resource keeps a policy. Those of identities name resources; those of a resource are about itself.
POLICIES = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
KEYS = ("aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy")
MANAGED = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
)

# Actions for which AWS knows no resource, with what limits them instead.
# https://docs.aws.amazon.com/service-authorization/latest/reference/
UNSCOPED = {
    "ecr:GetAuthorizationToken": "the token opens what other statements allow, and no more",
    "cloudwatch:PutMetricData": "a condition names the namespace",
    "logs:DescribeLogGroups": "the agent of ECS exec looks for its group; it reads names alone",
    "acm:RequestCertificate": "a condition names the tag that a new certificate bears",
    "ecs:DeregisterTaskDefinition": "no running task is touched by it",
    "ecs:DescribeTaskDefinition": "it reads definitions alone",
    "ecs:ListTaskDefinitions": "it reads names alone",
    "kms:CreateKey": "a condition names the tag that a new key bears",
    "logs:DeleteResourcePolicy": "CloudWatch's policies for services have no resource; whoever deploys one deletes it",
    "logs:DescribeResourcePolicies": "it reads those policies alone",
    "logs:PutResourcePolicy": "as for DeleteResourcePolicy",
    "sns:GetSubscriptionAttributes": "a subscription is no resource of IAM's; it reads alone",
    "sns:Unsubscribe": "as for GetSubscriptionAttributes; it deletes a subscription whose ARN is known",
    "ssmmessages:CreateControlChannel": "a channel belongs to the session that ECS opens for this task",
    "ssmmessages:CreateDataChannel": "likewise",
    "ssmmessages:OpenControlChannel": "likewise",
    "ssmmessages:OpenDataChannel": "likewise",
}
# Of those, the ones that a condition must limit: by action, the key that it has to name.
CONDITIONS = {
    "acm:RequestCertificate": "aws:RequestTag/airflow-stack",
    "cloudwatch:PutMetricData": "cloudwatch:namespace",
    "kms:CreateKey": "aws:RequestTag/airflow-stack",
}
# Actions that give a tag to what is being made.
GIVE_TAGS = {"kms:TagResource"}
# Services of which AWS lists resources without asking for one. What is listed holds no data of a user's.
LISTED = re.compile(r"(application-autoscaling|cloudwatch|ec2|elasticloadbalancing):Describe[A-Za-z]+")

# What stands before a name in an ARN.
KINDS = (
    "alarm", "cluster", "deliverystream", "key", "log-group", "parameter", "repository", "role", "rule", "secret",
    "service", "table", "task", "task-definition",
)  # fmt: skip

# Statements that answer for a service which serves everybody name for whom it acts.
SOURCES = ("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "sts:ExternalId")
# EventBridge's first statement for a log group can have no condition, and creates empty streams alone.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
WITHOUT_SOURCE = {"logs:CreateLogStream"}


def documents(type_: str, props: Props) -> list[Mapping[str, Any]]:
    """The policies of a resource; none where they are not known yet."""
    texts = [props.get(POLICIES[type_])] if type_ in POLICIES else []
    texts += [one.get("policy") for one in as_list(props.get("inlinePolicies")) if one is not UNKNOWN]
    found = []
    for text in texts:
        if isinstance(text, str):
            found.append(json.loads(text))
        elif isinstance(text, Mapping):
            found.append(text)
    return found


def _allowing(type_: str, props: Props) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for document in documents(type_, props):
        for number, statement in enumerate(as_list(document.get("Statement")), 1):
            if statement.get("Effect") == "Allow":
                yield f"statement {statement.get('Sid') or number}", statement


def named_actions(type_: str, props: Props) -> Iterable[str]:
    """Not even ``service:*``: what a wildcard holds grows with AWS."""
    for where, statement in _allowing(type_, props):
        if "NotAction" in statement:
            yield f"{where} allows all actions but some: name those that are needed"
        for action in as_list(statement.get("Action")):
            if "*" in action:
                yield f"{where} allows {action}: name the actions"


def named_resources(type_: str, props: Props) -> Iterable[str]:
    """Part of a name may be a wildcard, all of it may not."""
    for where, statement in _allowing(type_, props):
        if "NotResource" in statement:
            yield f"{where} is about everything but some: name the resources"
        if type_ in KEYS:
            continue  # in a key's own policy, * is that key
        actions = as_list(statement.get("Action"))
        if all(action in UNSCOPED or LISTED.fullmatch(action) for action in actions) and actions:
            for action in actions:
                if action in CONDITIONS and CONDITIONS[action] not in _condition_keys(statement):
                    yield f"{where} needs a condition on {CONDITIONS[action]}: {action} has no resource"
            continue
        for resource in as_list(statement.get("Resource")):
            if _is_everything(resource) and not _is_tagged(statement):
                yield f"{where} is about {resource}: name the resources"


def _is_everything(resource: str) -> bool:
    """``*``, ``arn:aws:s3:::*``, and all of a kind: ``arn:aws:secretsmanager:eu-central-1:123456789012:secret:*``."""
    name = resource.split(":", 5)[-1]
    kind = re.match(rf"({'|'.join(KINDS)})[:/]", name) if not resource.startswith("arn:aws:s3:") else None
    return not name[kind.end() if kind else 0 :].strip("*/:")


def _is_tagged(statement: Mapping[str, Any]) -> bool:
    """Whether a condition names a tag: where ids are AWS's, it is the name that a resource has.

    The tag of the request counts for the action that gives it, to what is being made.
    """
    keys = _condition_keys(statement)
    gives = set(as_list(statement.get("Action"))) <= GIVE_TAGS and any(
        key.startswith("aws:RequestTag/") for key in keys
    )
    return gives or any(key.startswith("aws:ResourceTag/") for key in keys)


def _condition_keys(statement: Mapping[str, Any]) -> set[str]:
    return {key for operator in (statement.get("Condition") or {}).values() for key in operator}


def known_principals(type_: str, props: Props) -> Iterable[str]:
    """Nobody is allowed anything by being anybody; a service acts for this stack and for no other customer of it."""
    for where, statement in _allowing(type_, props):
        principal = statement.get("Principal")
        if (
            "NotPrincipal" in statement
            or principal == "*"
            or (isinstance(principal, Mapping) and "*" in as_list(principal.get("AWS")))
        ):
            yield f"{where} is for everybody: name the principal"
        elif isinstance(principal, Mapping) and principal.get("Service"):
            excused = set(as_list(statement.get("Action"))) <= WITHOUT_SOURCE
            if not excused and not _condition_keys(statement) & set(SOURCES):
                yield f"{where} lets a service act for any of its customers: add a condition on aws:SourceAccount"


def own_policies(type_: str, props: Props) -> Iterable[str]:
    """AWS's managed policies name no resource of ours, and AWS changes them."""
    if type_ in MANAGED:
        arn = props.get("policyArn")
        if isinstance(arn, str) and ":iam::aws:policy/" in arn:
            yield f"{arn.rpartition('/')[2]} is AWS's policy: write one that names the resources"
    elif type_ == "aws:iam/role:Role":
        for arn in as_list(props.get("managedPolicyArns")):
            if isinstance(arn, str) and ":iam::aws:policy/" in arn:
                yield f"{arn.rpartition('/')[2]} is AWS's policy: write one that names the resources"
    elif type_ in ("aws:iam/user:User", "aws:iam/accessKey:AccessKey"):
        yield "a user's key never expires: use a role"


RULES = (
    Rule("named-actions", "No statement allows actions by wildcard.", named_actions),
    Rule(
        "named-resources",
        "Every statement names its resources, but for listed actions that have none.",
        named_resources,
    ),
    Rule(
        "known-principals",
        "Services are allowed to act for this stack alone, and nobody is everybody.",
        known_principals,
    ),
    Rule("own-policies", "No policy of AWS's, no user, no access key.", own_policies),
)
