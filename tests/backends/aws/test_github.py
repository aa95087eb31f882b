"""GitHub's workflows in the account: who may take a role, and that no role may more than its part."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws.translate import KINDS

from airflow_stack.backends.aws.github import GitHubRoles
from airflow_stack.backends.aws.plan.github import workflows
from airflow_stack.config import AwsConfig
from backends.aws.recorded import ACCOUNT, REGION, Recorded, config, planned, record
from backends.aws.whole import EXISTING, SWITCHED_ON, deploy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parliament import analyze_policy_string

GOLDEN = Path(__file__).parent / "golden"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"
TOPICS = {"state", "network", "entry", "data", "compute", "watching"}
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/airflow"
GITHUB = {"repository": "example/airflow-stack", "state_bucket": "example-state", "state_key_arn": KEY}
ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"

CONFIGS: dict[str, AwsConfig] = {
    "default": config({"github": GITHUB}),
    "everything": config(
        SWITCHED_ON
        | {"network": EXISTING, "egress": "nat", "delete_data": True, "confirm_delete_data": "airflow"}
        | {"github": GITHUB | {"provider_arn": PROVIDER, "permissions_boundary": BOUNDARY}},
        broker={"kind": "elasticache"},
    ),
}


def registered(stack: AwsConfig) -> Recorded:
    asked = workflows(planned(stack))
    assert asked
    return record(lambda: GitHubRoles("roles", asked, CLUSTER))


RECORDED = {name: registered(stack) for name, stack in CONFIGS.items()}


def documents(name: str) -> dict[str, dict[str, Any]]:
    """Policies by purpose and topic: ``deploy-network``."""
    found = RECORDED[name].of(POLICY)
    return {key.removeprefix("roles-github-"): json.loads(one.inputs["policy"]) for key, one in found.items()}


def statements(name: str, purpose: str) -> dict[str, dict[str, Any]]:
    """By Sid."""
    return {
        one["Sid"]: one
        for key, document in documents(name).items()
        if key.startswith(purpose)
        for one in document["Statement"]
    }


def trusted(stack: Recorded, purpose: str) -> dict[str, Any]:
    role = stack.of(ROLE)[f"roles-github-{purpose}"]
    (found,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    return dict(found)


def test_a_run_takes_the_role_of_its_kind_alone() -> None:
    """Rule: GitHub's token names repository and kind of run; both are compared whole, for AWS's audience."""
    condition = trusted(RECORDED["default"], "preview")["Condition"]
    assert condition == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": [
                "repo:example/airflow-stack:pull_request",
                "repo:example/airflow-stack:ref:refs/heads/main",
            ],
        }
    }
    deploys = trusted(RECORDED["default"], "deploy")["Condition"]["StringEquals"]
    assert deploys["token.actions.githubusercontent.com:sub"] == ["repo:example/airflow-stack:environment:production"]


@pytest.mark.parametrize("purpose", ["preview", "deploy"])
def test_nobody_else_takes_a_role(purpose: str) -> None:
    """Rule: web identities of GitHub's provider alone, with no wildcard in any condition."""
    for stack in RECORDED.values():
        found = trusted(stack, purpose)
        assert found["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert list(found["Principal"]) == ["Federated"]
        assert list(found["Condition"]) == ["StringEquals"]
        assert "*" not in json.dumps(found["Condition"])


def test_the_account_has_one_provider() -> None:
    """Rule: the stack makes it, or uses the one that the config names; AWS refuses a second one."""
    (made,) = RECORDED["default"].of(OIDC).values()
    assert made.inputs["url"] == "https://token.actions.githubusercontent.com"
    assert made.inputs["clientIdLists"] == ["sts.amazonaws.com"]
    assert not RECORDED["everything"].of(OIDC)
    assert trusted(RECORDED["everything"], "preview")["Principal"] == {"Federated": PROVIDER}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_preview_reads_the_state_and_nothing_else(name: str) -> None:
    """Rule: nothing is written, and nothing of the stack itself is read."""
    found = statements(name, "preview")
    rights = {action: one["Resource"] for one in found.values() for action in one["Action"]}
    assert rights == {
        "s3:ListBucket": ["arn:aws:s3:::example-state"],
        "s3:GetObject": ["arn:aws:s3:::example-state/*"],
        "kms:Decrypt": [KEY],
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_no_action_is_a_wildcard_and_everything_is_read_alone(name: str) -> None:
    """Rule: where AWS knows no resource, the action only reads, or a condition or its reason limits it."""
    limited = {"Certificate", "LogIn", "LogPolicies", "MakeKey", "Subscription", "TaskDefinitions"}
    for sid, one in statements(name, "deploy").items():
        assert not [action for action in one["Action"] if "*" in action], sid
        if "*" in one["Resource"] and sid not in limited:
            assert all(action.partition(":")[2].startswith("Describe") for action in one["Action"]), sid


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_named_bears_the_stacks_prefix(name: str) -> None:
    """Rule: two stacks of one account don't touch each other: by prefix, or by tag where AWS knows tags alone."""
    for sid, one in statements(name, "deploy").items():
        if "*" in one["Resource"] or sid in ("State", "ListState", "SealState", "ServiceRoles", "ZoneChange", "Zone"):
            continue
        tagged = "Tag/airflow-stack" in json.dumps(one.get("Condition", {}))
        created = "ec2:CreateAction" in json.dumps(one.get("Condition", {}))
        known = sid in ("DefaultOptions", "ExistingNetwork", "ReadAlarms", "ReadDatabases", "ReadItself", "Scaling")
        for resource in one["Resource"]:
            assert "airflow" in resource or tagged or created or known or resource.endswith(":catalog"), (
                f"{sid}: {resource}"
            )


@pytest.mark.parametrize("name", CONFIGS)
def test_who_deploys_can_not_change_its_own_rights(name: str) -> None:
    """Rule: the roles of this module are denied, their policies are read alone."""
    found = statements(name, "deploy")
    denied = found["NotItself"]
    assert denied["Effect"] == "Deny"
    assert denied["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/airflow-{REGION}-github-*"]
    writes = {action for sid in ("MakeRoles", "ChangeRoles", "PassRoles") for action in found[sid]["Action"]}
    assert writes <= set(denied["Action"])
    every = {action for one in found.values() if one["Effect"] == "Allow" for action in one["Action"]}
    assert not every & {"iam:AttachRolePolicy", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:CreateUser"}
    assert not every & {"iam:UpdateOpenIDConnectProviderThumbprint", "iam:DeleteRolePermissionsBoundary"}


@pytest.mark.parametrize("name", CONFIGS)
def test_roles_are_passed_to_the_services_that_run_tasks(name: str) -> None:
    """Rule: the stack's roles alone, to ECS, and to Firehose where it delivers logs."""
    found = statements(name, "deploy")["PassRoles"]
    services = ["ecs-tasks.amazonaws.com", *(["firehose.amazonaws.com"] if name == "everything" else [])]
    assert found["Condition"] == {"StringEquals": {"iam:PassedToService": services}}
    assert all(
        f"role/airflow-{part}" in one for part, one in zip((REGION, "firehose"), found["Resource"], strict=False)
    )


def test_a_boundary_is_of_every_role_and_demanded() -> None:
    """Rule: a role without the boundary can't be made, so every role of the stack has it."""
    found = statements("everything", "deploy")["MakeRoles"]
    assert found["Condition"] == {"ArnEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    assert "Condition" not in statements("default", "deploy")["MakeRoles"]
    bounded = deploy({"target": {"github": GITHUB | {"permissions_boundary": BOUNDARY}, "logs": {"firelens": True}}})
    roles = bounded.of(ROLE)
    assert len(roles) > 10
    assert {role.inputs.get("permissionsBoundary") for role in roles.values()} == {BOUNDARY}


@pytest.mark.parametrize("name", CONFIGS)
def test_parliament_finds_nothing(name: str) -> None:
    """Rule: unknown actions, resources that an action does not know and wrong conditions are mistakes."""
    for purpose, document in documents(name).items():
        found = [one for one in analyze_policy_string(json.dumps(document)).findings if not excused(one)]
        assert not found, f"{purpose}: {[str(finding) for finding in found]}"


def excused(finding: Any) -> bool:
    """Who deploys the bucket says who reads it. Some actions are of several kinds, of which the stack has one; and a
    security group is made in somebody's VPC by one statement and as a tagged resource by another, an instance of RDS by
    one and in AWS's default option group by another."""
    if finding.issue == "RESOURCE_POLICY_PRIVILEGE_ESCALATION":
        return "s3:::airflow-*" in finding.detail
    kinds = ("listener/net/", "capacity-reservation/", "datacatalog/", "security-group/", ":db:*")
    return finding.issue == "RESOURCE_MISMATCH" and all(
        any(kind in one["required_format"] for kind in kinds) for one in finding.detail
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_policies_fit_iam(name: str) -> None:
    """Rule: 6,144 characters without white space, 10 policies a role, 64 characters of a role's name."""
    assert {key.partition("-")[2] for key in documents(name) if key.startswith("deploy")} == TOPICS
    assert all(len(json.dumps(one, separators=(",", ":"))) < 6144 for one in documents(name).values())
    longest = config({"name": "a" * 20, "region": "ap-northeast-1", "github": GITHUB})
    assert all(len(one.inputs["name"]) <= 64 for one in registered(longest).of(ROLE).values())


def test_what_a_stack_has_not_is_not_granted() -> None:
    """Rule: rights come with what they are for, and go with it; what every stack has is the same in all."""
    default, everything = statements("default", "deploy"), statements("everything", "deploy")
    assert default.keys() - everything.keys() == {"Queues"}
    assert everything.keys() - default.keys() == {
        "Cache", "Certificate", "EmptyBucket", "ExistingNetwork", "Key", "Mail", "MakeKey", "OwnCertificate", "Queries",
        "Stream", "Subscription", "Tables", "TagCertificate", "TagKey", "Zone", "ZoneChange",
    }  # fmt: skip
    both = default.keys() & everything.keys()
    changed = {sid for sid in both if default[sid] != everything[sid]}
    assert changed == {"ChangeRoles", "MakeRoles", "PassRoles", "ReadRoles", "ServiceRoles"}
    assert statements("default", "preview") == statements("everything", "preview")


def test_data_is_deleted_only_where_config_says_so() -> None:
    """Rule: the bucket is emptied by who may delete it with what it holds, and by nobody else."""
    emptied = statements("everything", "deploy")["EmptyBucket"]
    assert "s3:DeleteObject" in emptied["Action"]
    assert all(resource.startswith("arn:aws:s3:::airflow-") for resource in emptied["Resource"])
    for sid, one in statements("default", "deploy").items():
        deletes = any(right.startswith("s3:DeleteObject") for right in one["Action"])
        assert not (deletes and any("s3:::airflow-" in resource for resource in one["Resource"])), sid


def test_policies_are_those_of_the_file() -> None:
    """Rule: a new right of the default stack is seen in a review. UPDATE_GOLDEN=1 writes them."""
    text = json.dumps(dict(sorted(documents("default").items())), indent=2, sort_keys=True) + "\n"
    golden = GOLDEN / "policies.default.github.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_stack_has_no_such_roles_by_default() -> None:
    """Rule: nobody at GitHub may anything where nothing is said."""
    assert not [name for name in deploy({}).of(ROLE) if "github" in name]


# Not granted: the roles' own parts, which an administrator deploys; and what only the tests' provider asks.
VERBS = ("creates", "reads", "updates", "deletes")
NOT_GRANTED = {
    "ecs:ListClusters", "ecs:ListServices", "iam:AttachRolePolicy",
    "iam:CreateOpenIDConnectProvider", "iam:CreatePolicy", "iam:CreatePolicyVersion",
    "iam:DeleteOpenIDConnectProvider", "iam:DeletePolicy",
}  # fmt: skip


def test_what_a_deployment_asks_of_aws_is_allowed() -> None:
    """Rule: each call with which the tests' provider makes, reads, changes and deletes the stack's resources.

    S3 is left out: its actions have other names than its calls.
    """
    calls = {(kind.service, getattr(kind, verb)) for kind in KINDS.values() for verb in VERBS if getattr(kind, verb)}
    for file in (Path(__file__).parents[2] / "aws" / "translate").glob("*.py"):
        calls |= set(re.findall(r'call\(\s*"([a-z0-9-]+)",\s*"([a-z_]+)"', file.read_text(encoding="utf-8")))
    asked = {action(service, call) for service, call in calls if service not in ("s3", "sts")}
    allowed = {
        right
        for name in CONFIGS
        for one in statements(name, "deploy").values()
        if one["Effect"] == "Allow"
        for right in one["Action"]
    }
    assert len(asked) > 150
    assert asked - allowed == NOT_GRANTED


def action(service: str, call: str) -> str:
    any_client: Any = boto3.client
    client = any_client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    prefix = {"elbv2": "elasticloadbalancing"}.get(service, service)
    return f"{prefix}:{client.meta.method_to_api_mapping[call]}"
