"""Each rule rejects what it is for, with words that say what to do, and accepts the right thing beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow_stack_policies import RULES
from airflow_stack_policies.containers import SIDE_IMAGES
from airflow_stack_policies.iam import CONDITIONS, UNSCOPED
from airflow_stack_policies.rule import UNKNOWN

from policies.asked import rule

DIGEST = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/airflow@sha256:{'0' * 64}"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:airflow-tasks"
RDS = "aws:rds/instance:Instance"
SAFE_RDS = {
    "storageEncrypted": True, "deletionProtection": True, "backupRetentionPeriod": 7.0, "skipFinalSnapshot": False,
}  # fmt: skip
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
TASKS = "aws:ecs/taskDefinition:TaskDefinition"
SSE = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
WORKGROUP = "aws:athena/workgroup:Workgroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
STREAM = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
PROVIDER = "pulumi:providers:aws"
ECR = "aws:ecr/repository:Repository"
TOPIC = "aws:sns/topic:Topic"
SAFE_ECR = {"imageTagMutability": "IMMUTABLE", "encryptionConfigurations": [{"encryptionType": "AES256"}]}


def policy(action: Any, resource: Any = QUEUE, **more: Any) -> dict[str, str]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | more
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def trust(**more: Any) -> dict[str, str]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    return {"assumeRolePolicy": json.dumps({"Statement": statement | more})}


def tasks(*, environment: dict[str, str] | None = None, image: str = DIGEST, **more: Any) -> dict[str, str]:
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    return {"containerDefinitions": json.dumps([{"name": "one", "image": image, "environment": variables} | more])}


ACCOUNT_CONDITION = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
ALARMS = {"Service": "cloudwatch.amazonaws.com"}
ONLY_NAMESPACE = {"StringEquals": {"cloudwatch:namespace": "airflow-stack/airflow"}}

# Rule, type, inputs that it rejects, inputs that it accepts.
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("encrypted", RDS, {}, SAFE_RDS),
    ("encrypted", RDS, {"storageEncrypted": False}, {"storageEncrypted": True}),
    ("encrypted", SSE, {"rules": []},
     {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}),
    ("encrypted", SSE, {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]},
     {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]}),
    ("encrypted", "aws:sqs/queue:Queue", {"sqsManagedSseEnabled": False}, {"sqsManagedSseEnabled": True}),
    ("encrypted", "aws:sqs/queue:Queue", {}, {"kmsMasterKeyId": "alias/x"}),
    ("encrypted", CACHE, {"atRestEncryptionEnabled": True},
     {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True}),
    ("encrypted", CACHE, {"transitEncryptionEnabled": True},
     {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True}),
    ("encrypted", "aws:elasticache/cluster:Cluster", {}, {"replicationGroupId": "x"}),
    ("encrypted", TOPIC, {}, {"kmsMasterKeyId": "arn:aws:kms:x"}),
    ("encrypted", TOPIC, {"kmsMasterKeyId": "alias/aws/sns"}, {"kmsMasterKeyId": "alias/airflow"}),
    ("encrypted", ECR, {"imageTagMutability": "IMMUTABLE"}, SAFE_ECR),
    ("encrypted", ECR, {"encryptionConfigurations": [{"encryptionType": "ROT13"}]}, SAFE_ECR),
    ("encrypted", STREAM, {"serverSideEncryption": {"enabled": False}}, {"serverSideEncryption": {"enabled": True}}),
    ("encrypted", STREAM, {}, {"serverSideEncryption": {"enabled": True}}),
    ("encrypted", WORKGROUP, {"configuration": {"enforceWorkgroupConfiguration": True, "resultConfiguration": {}}},
     {"configuration": {"enforceWorkgroupConfiguration": True, "resultConfiguration": {"encryptionConfiguration": {
         "encryptionOption": "SSE_S3"}}}}),
    ("encrypted", WORKGROUP, {"configuration": {"resultConfiguration": {"encryptionConfiguration": {"x": "y"}}}},
     {"configuration": {"enforceWorkgroupConfiguration": True, "resultConfiguration": {"encryptionConfiguration": {
         "encryptionOption": "SSE_S3"}}}}),
    ("closed", INGRESS, {"cidrIpv4": "0.0.0.0/0", "fromPort": 5432.0, "toPort": 5432.0},
     {"cidrIpv4": "10.0.0.0/21", "fromPort": 5432.0, "toPort": 5432.0}),
    ("closed", INGRESS, {"cidrIpv4": "203.0.113.0/24", "fromPort": 80.0, "toPort": 443.0},
     {"cidrIpv4": "203.0.113.0/24", "fromPort": 443.0, "toPort": 443.0}),
    ("closed", INGRESS, {"cidrIpv6": "::/0", "ipProtocol": "-1"},
     {"referencedSecurityGroupId": "sg-1", "ipProtocol": "-1"}),
    ("closed", "aws:ec2/securityGroupRule:SecurityGroupRule",
     {"type": "ingress", "cidrBlocks": ["8.0.0.0/8"], "fromPort": 22.0, "toPort": 22.0},
     {"type": "egress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 0.0, "toPort": 0.0}),
    ("closed", "aws:ec2/securityGroup:SecurityGroup", {"ingress": [{"fromPort": 443.0}]}, {"ingress": []}),
    ("closed", RDS, {"publiclyAccessible": True}, {"publiclyAccessible": False}),
    ("named-actions", ROLE_POLICY, policy("*"), policy("sqs:SendMessage")),
    ("named-actions", ROLE_POLICY, policy(["sqs:SendMessage", "s3:*"]), policy(["sqs:SendMessage"])),
    ("named-actions", ROLE_POLICY, policy("sqs:Get*"), policy("sqs:*", Effect="Deny")),
    ("named-actions", ROLE_POLICY, {"policy": json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:x"}})},
     policy("sqs:SendMessage")),
    ("named-actions", ROLE, {"inlinePolicies": [policy("s3:*")]}, {"inlinePolicies": [policy("s3:GetObject")]}),
    ("named-resources", ROLE_POLICY, policy("sqs:SendMessage", "*"), policy("sqs:SendMessage")),
    ("named-resources", ROLE_POLICY, policy("s3:GetObject", "arn:aws:s3:::*"),
     policy("s3:GetObject", "arn:aws:s3:::bucket/*")),
    ("named-resources", ROLE_POLICY, policy("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:x:1:secret:*"),
     policy("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:x:1:secret:airflow/connections/*")),
    ("named-resources", ROLE_POLICY, policy("s3:GetObject", "arn:aws:s3:::*/*"),
     policy("s3:GetObject", "arn:aws:s3:::secret/*")),
    ("named-resources", ROLE_POLICY, policy("sqs:SendMessage", [QUEUE, "arn:aws:sqs:*:*:*"]),
     policy("sqs:SendMessage", [QUEUE])),
    ("named-resources", ROLE_POLICY, policy(["ecr:GetAuthorizationToken", "ecr:BatchGetImage"], "*"),
     policy("ecr:GetAuthorizationToken", "*")),
    ("named-resources", ROLE_POLICY, policy("cloudwatch:PutMetricData", "*"),
     policy("cloudwatch:PutMetricData", "*", Condition=ONLY_NAMESPACE)),
    ("named-resources", ROLE_POLICY,
     {"policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "sqs:x", "NotResource": "a"}})},
     policy("ssmmessages:OpenDataChannel", "*")),
    ("named-resources", "aws:sqs/queuePolicy:QueuePolicy", policy("sqs:SendMessage", "*"), policy("sqs:SendMessage")),
    ("named-resources", ROLE, {"inlinePolicies": [policy("s3:GetObject", "*")]}, trust()),
    ("known-principals", "aws:sqs/queuePolicy:QueuePolicy", policy("sqs:SendMessage", Principal="*"),
     policy("sqs:SendMessage", Principal={"AWS": "arn:aws:iam::123456789012:root"})),
    ("known-principals", "aws:s3/bucketPolicy:BucketPolicy", policy("s3:GetObject", Principal={"AWS": "*"}),
     policy("s3:GetObject", Principal="*", Effect="Deny")),
    ("known-principals", ROLE, trust(), trust(Condition=ACCOUNT_CONDITION)),
    ("known-principals", "aws:kms/key:Key", policy("kms:Decrypt", "*", Principal=ALARMS),
     policy("kms:Decrypt", "*", Principal=ALARMS, Condition=ACCOUNT_CONDITION)),
    ("own-policies", "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
     {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
     {"policyArn": "arn:aws:iam::123456789012:policy/airflow"}),
    ("own-policies", ROLE, {"managedPolicyArns": ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]}, {}),
    ("own-policies", "aws:iam/accessKey:AccessKey", {}, {}),
    ("no-plain-secret", TASKS, tasks(environment={"DB_PASSWORD": "x"}), tasks(environment={"DB_HOST": "x"})),
    ("no-plain-secret", TASKS, tasks(environment={"AIRFLOW__CORE__FERNET_KEY": "x"}),
     tasks(environment={"AIRFLOW__CORE__FERNET_KEY_CMD": "cat /run/secrets/fernet_key"})),
    ("no-plain-secret", TASKS, tasks(environment={"client_secret": "x"}),
     tasks(environment={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET": "sql_alchemy_conn"})),
    ("no-plain-secret", TASKS, tasks(environment={"BACKEND_CMD_TOKEN": "x"}),
     tasks(environment={"AIRFLOW__SECRETS__BACKEND": "airflow.providers.amazon...", "DB_PASSWORD": ""})),
    ("no-plain-secret", TASKS,
     tasks(environment={"AIRFLOW__SECRETS__BACKEND_KWARGS": '{"aws_secret_access_key": "x"}'}),
     tasks(environment={"AIRFLOW__SECRETS__BACKEND_KWARGS": '{"connections_prefix": "airflow/connections"}'})),
    ("no-plain-secret", TASKS, tasks(environment={"CONN": "postgresql+psycopg2://u:hunter2@db/airflow"}),
     tasks(environment={"CONN": "https://sqs.eu-central-1.amazonaws.com/1/airflow:8@x", "BROKER": "sqs://"})),
    ("no-plain-secret", TASKS, tasks(command=["airflow", "x", "redis://:hunter2@r/0"]),
     tasks(command=["airflow", "x"])),
    ("no-plain-secret", TASKS, tasks(environment={"NOTE": "AKIAIOSFODNN7EXAMPLE"}),
     tasks(environment={"NOTE": "AKIA"})),
    ("no-plain-secret", TASKS, tasks(environment={"PEM": "-----BEGIN RSA PRIVATE KEY-----"}),
     tasks(secrets=[{"name": "AIRFLOW_STACK_SECRET_FERNET_KEY", "valueFrom": "arn:aws:secretsmanager:x:1:secret:y"}])),
    ("pinned-images", TASKS, tasks(image=DIGEST.partition("@")[0] + ":1.0"), tasks()),
    ("pinned-images", TASKS, tasks(image=f"public.ecr.aws/{SIDE_IMAGES[0]}:latest"),
     tasks(image=f"public.ecr.aws/{SIDE_IMAGES[0]}:3.4.8")),
    ("pinned-images", TASKS, tasks(image=f"localhost:5000/{SIDE_IMAGES[1]}"),
     tasks(image=f"localhost:5000/{SIDE_IMAGES[1]}:1.300071.0b1720")),
    ("pinned-images", ECR, {"imageTagMutability": "MUTABLE"}, SAFE_ECR),
    ("logs-go", GROUP, {}, {"retentionInDays": 30.0}),
    ("logs-go", GROUP, {"retentionInDays": 0.0}, {"retentionInDays": 30.0}),
    ("logs-go", TASKS, tasks(logConfiguration={"options": {"awslogs-create-group": "true"}}),
     tasks(logConfiguration={"options": {"awslogs-group": "x"}})),
    ("data-stays", RDS, SAFE_RDS | {"deletionProtection": False}, SAFE_RDS),
    ("data-stays", RDS, SAFE_RDS | {"backupRetentionPeriod": 0.0}, SAFE_RDS),
    ("data-stays", RDS, SAFE_RDS | {"skipFinalSnapshot": True}, SAFE_RDS),
    ("tagged", PROVIDER, {"region": "eu-central-1"}, {"defaultTags": '{"tags": {"airflow-stack": "prod"}}'}),
    ("tagged", PROVIDER, {"defaultTags": {"tags": {}}}, {"defaultTags": {"tags": {"airflow-stack.stack": "prod"}}}),
]  # fmt: skip


def said(name: str, type_: str, props: dict[str, Any]) -> list[str]:
    return list(rule(name).check(type_, props))


@pytest.mark.parametrize(
    ("name", "type_", "bad", "good"), CASES, ids=[f"{i}-{c[0]}-{c[1].split(':')[-1]}" for i, c in enumerate(CASES)]
)
def test_a_rule_rejects_and_accepts(name: str, type_: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    """Rule: one message for one fault, without a value that could be the secret; none for the right thing."""
    messages = said(name, type_, bad)
    assert len(messages) == 1
    assert "hunter2" not in messages[0]
    if (type_, good) != (type_, bad):
        assert said(name, type_, good) == []


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.name)
def test_every_rule_has_a_case_and_minds_its_own(one: Any) -> None:
    """Rule: no rule without something that it rejects; no word about what it does not know."""
    assert one.name in {name for name, *_ in CASES}
    assert list(one.check("random:index/randomPassword:RandomPassword", {"length": 3.0})) == []


@pytest.mark.parametrize(("name", "type_", "bad", "good"), CASES, ids=[str(i) for i in range(len(CASES))])
def test_what_a_preview_does_not_know_is_no_fault(
    name: str, type_: str, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    """Rule: a preview of a new stack is not refused for values that only AWS makes."""
    keys = {**bad, **good, **REQUIRED.get(type_, {})}
    if good:
        assert said(name, type_, dict.fromkeys(keys, UNKNOWN)) == []


REQUIRED: dict[str, dict[str, Any]] = {
    RDS: SAFE_RDS,
    CACHE: {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True},
    ECR: SAFE_ECR,
}


def test_exceptions_have_reasons() -> None:
    """Rule: an action without a resource is listed with what limits it instead."""
    assert all(len(reason) >= 8 for reason in UNSCOPED.values())
    assert set(CONDITIONS) <= set(UNSCOPED)
