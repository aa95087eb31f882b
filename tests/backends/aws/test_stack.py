"""The whole stack on AWS: what holds of all its parts together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest

from airflow_stack.airflow.secrets import fernet_key
from airflow_stack.backends.aws import provider as provider_module
from airflow_stack.operations.target import target_of
from backends.aws.recorded import Recorded, resolved
from backends.aws.whole import (
    BROKER_URL,
    CLIENT_SECRET,
    CONFIGS,
    DATABASE_URL,
    PROGRAM,
    STACK,
    containers,
    deploy,
    inputs,
    parsed,
)
from backends.recorder import generated_password

PROVIDER = "pulumi:providers:aws"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ROLES = {"webserver", "scheduler", "triggerer", "worker", "one-off"}


@pytest.fixture(params=CONFIGS, scope="module")
def deployed(request: pytest.FixtureRequest) -> Recorded:
    """The stack by default, and twice with everything that can be switched on together."""
    return deploy(CONFIGS[request.param])


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has never heard of AWS."""
    for name in provider_module.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for variable, _ in provider_module.FILES:
        monkeypatch.setenv(variable, str(tmp_path / "none"))


def test_it_deploys(deployed: Recorded) -> None:
    """All parts are there, each role has its tasks, and no function of AWS was called for any of it."""
    assert set(containers(deployed)) == ROLES
    assert len(deployed.of("aws:ecs/service:Service")) == len(ROLES) - 1
    assert not deployed.calls


def test_what_is_switched_on_is_there() -> None:
    """Else the other tests of everything would say nothing."""
    own, existing = deploy(CONFIGS["everything"]), deploy(CONFIGS["everything-existing"])
    for both in (
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        "aws:athena/workgroup:Workgroup",
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "aws:route53/record:Record",
        "aws:sns/topicSubscription:TopicSubscription",
    ):
        assert own.of(both), both
        assert existing.of(both), both
    for alone in (
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/vpc:Vpc",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:rds/instance:Instance",
    ):
        assert own.of(alone), alone
        assert not existing.of(alone), alone
    assert not own.of("aws:sqs/queue:Queue")
    actions = json.dumps(own.of("aws:lb/listener:Listener")["airflow-https"].inputs["defaultActions"])
    assert "authenticate-oidc" in actions


def test_every_resource_of_aws_has_the_stacks_provider(deployed: Recorded) -> None:
    """Another one would be of another region, perhaps, and without the tags."""
    assert list(deployed.of(PROVIDER)) == ["airflow-aws"]
    elsewhere = {
        one.name for one in deployed.resources if one.type.startswith("aws:") and "airflow-aws" not in one.provider
    }
    assert not elsewhere


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("name", CONFIGS)
def test_a_preview_needs_no_credentials(name: str) -> None:
    """The provider gets made-up ones, which it is told not to try."""
    one = deploy(CONFIGS[name], preview=True).one(PROVIDER).inputs
    assert "preview" in str(one["accessKey"])
    assert "preview" in str(one["secretKey"])
    assert (one["skipCredentialsValidation"], one["skipRequestingAccountId"]) == ("true", "true")
    # What the provider asks by itself, it asks once: without a network, its usual 25 attempts take minutes.
    assert one["maxRetries"] == "1"


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("name", CONFIGS)
def test_a_preview_connects_to_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the program asks no network, and looks no name up: a fork's pull request has none to spare."""

    def refuse(*_arguments: Any) -> None:
        raise AssertionError("a preview asks a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(deploy(CONFIGS[name], preview=True).resources) > 100


def made_up(one: dict[str, Any]) -> bool:
    skips = [one.get("skipCredentialsValidation"), one.get("skipRequestingAccountId")]
    return "accessKey" in one or "secretKey" in one or "true" in skips


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("variable", provider_module.VARIABLES)
def test_credentials_that_are_there_are_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview with made-up ones could not read the state of what is there."""
    monkeypatch.setenv(variable, "something")
    assert not made_up(deploy({}, preview=True).one(PROVIDER).inputs)


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("variable", [variable for variable, _ in provider_module.FILES])
def test_credentials_of_a_file_are_used(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The usual place of a person's."""
    (tmp_path / "file").write_text("[default]\nsso_session = company\n")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    assert not made_up(deploy({}, preview=True).one(PROVIDER).inputs)


@pytest.mark.usefixtures("without_credentials")
def test_an_update_has_real_credentials_or_none() -> None:
    """AWS would refuse made-up ones, with a message that leads nowhere."""
    assert not made_up(deploy({}).one(PROVIDER).inputs)


def test_every_resource_has_the_stacks_tags() -> None:
    """By the provider: no resource can be forgotten."""
    raw = {"target": {"name": "team-a", "region": "eu-west-1", "tags": {"team": "data"}}}
    one = deploy(raw).one(PROVIDER).inputs
    assert json.loads(one["defaultTags"]) == {
        "tags": {"airflow-stack": "team-a", "airflow-stack:stack": STACK, "team": "data"}
    }
    assert one["region"] == "eu-west-1"


def backwards(value: Any) -> Any:
    """The same config, written in another order."""
    if isinstance(value, dict):
        return {key: backwards(inner) for key, inner in reversed(value.items())}
    return value


def test_the_order_of_the_config_changes_nothing(deployed: Recorded, request: pytest.FixtureRequest) -> None:
    """Else an edited file would replace task definitions that are the same."""
    name = request.node.callspec.params["deployed"]
    again = deploy(backwards(CONFIGS[name]))
    assert inputs(again) == inputs(deployed)
    assert definitions(again) == definitions(deployed)


def definitions(recorded: Recorded) -> dict[str, str]:
    """Bytes, not what they mean."""
    found = recorded.of("aws:ecs/taskDefinition:TaskDefinition")
    return {name: one.inputs["containerDefinitions"] for name, one in found.items()}


FINGERPRINT = """
import hashlib, json
from backends.aws.whole import CONFIGS, deploy, inputs
made = {name: inputs(deploy(raw)) for name, raw in CONFIGS.items()}
print(hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest())
"""


def test_the_seed_of_hashes_changes_nothing() -> None:
    """Sets have another order in each process: two processes ask for the same, to the byte."""
    found = set()
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(PROGRAM / "tests")}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FINGERPRINT],
            env=environment, cwd=PROGRAM, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


def test_a_network_reaches_nothing_but_the_load_balancer(deployed: Recorded) -> None:
    """Every other rule names a group of ours."""
    admitting = {
        rule.inputs["securityGroupId"]
        for rule in deployed.of(INGRESS).values()
        if rule.inputs.keys() & {"cidrIpv4", "cidrIpv6", "prefixListId"}
    }
    assert admitting == set(deployed.one("aws:lb/loadBalancer:LoadBalancer").inputs["securityGroups"])
    for group in deployed.of("aws:ec2/securityGroup:SecurityGroup").values():
        assert not group.inputs.keys() & {"ingress", "egress"}, group.name
    assert not deployed.of("aws:ec2/securityGroupRule:SecurityGroupRule")


def plain_texts(value: Any) -> Iterator[str]:
    """All texts of an input that Pulumi does not encrypt."""
    if isinstance(value, dict):
        if set(value) != {"secret"}:
            for key, inner in value.items():
                yield from (key, *plain_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from plain_texts(inner)
    elif isinstance(value, str):
        yield value


def secret_values(recorded: Recorded) -> set[str]:
    """What was generated, and what the config gives."""
    passwords = {generated_password(name) for name in recorded.of("random:index/randomPassword:RandomPassword")}
    keys = {fernet_key(password) for password in passwords}
    return passwords | keys | {DATABASE_URL.partition("://")[2], BROKER_URL, CLIENT_SECRET}


def test_no_secret_is_plain(deployed: Recorded) -> None:
    """Neither in a container's environment nor in any other input that the state would show."""
    values = secret_values(deployed)
    assert len(values) > 6
    for resource in deployed.resources:
        for text in plain_texts(resource.inputs):
            assert not [value for value in values if value in text], f"{resource.type} {resource.name}: {text[:80]}"


def test_secrets_are_kept_in_secrets_manager(deployed: Recorded) -> None:
    """What the test above looks for is there, encrypted: each secret that a container names has a value."""
    versions = deployed.of("aws:secretsmanager/secretVersion:SecretVersion").values()
    stored = {one.inputs["secretId"]: one.inputs["secretString"] for one in versions}
    assert all(set(value) == {"secret"} for value in stored.values())
    named = {
        secret["valueFrom"].split(":::")[0].rpartition(":")[2]
        for of_role in containers(deployed).values()
        for container in of_role
        for secret in container.get("secrets", [])
    }
    assert {identifier.removesuffix("-id") for identifier in stored} == named
    assert any(value in stored_value["secret"] for value in secret_values(deployed) for stored_value in stored.values())


def test_a_new_secret_leaves_the_others_known() -> None:
    """Rule: a preview of ElastiCache knows neither its password nor its address; the database and every other secret
    are as they were."""
    version = "aws:secretsmanager/secretVersion:SecretVersion"
    database = "aws:rds/instance:Instance"
    before = deploy({})
    after = deploy(
        {"broker": {"kind": "elasticache"}}, preview=True, unmade={"airflow-redis-password", "airflow-cache"}
    )
    assert "secretString" not in after.of(version)["airflow-broker-url-value"].inputs
    assert {name: one.inputs for name, one in after.of(version).items() if name != "airflow-broker-url-value"} == {
        name: one.inputs for name, one in before.of(version).items()
    }
    assert after.one(database).inputs == before.one(database).inputs


def test_a_new_secret_changes_only_the_policies_that_name_it() -> None:
    """Rule: a preview of a new secret, whose ARN nobody knows yet, shows no policy as updated that does not read it."""
    after = deploy(
        {"broker": {"kind": "elasticache"}},
        preview=True,
        unmade={"airflow-redis-password", "airflow-cache", "airflow-broker-url"},
    )
    policies = after.of("aws:iam/rolePolicy:RolePolicy")
    unknown = {name for name, one in policies.items() if "policy" not in one.inputs}
    assert unknown == {name for name in policies if name.endswith("-execution-policy")}


def test_as_long_as_the_database_is_there_no_generated_secret_is_forgotten() -> None:
    """Rule: a destroy that ends at the protected instance has not yet deleted the Fernet key of its rows."""
    made = deploy({})
    generated = {
        one.name for one in made.resources if one.type.startswith(("random:index/randomP", "random:index/randomB"))
    }
    assert "airflow-fernet-key" in generated
    assert generated <= made.one("airflow-stack:aws:Database").depends_on


def test_the_password_is_a_secret_output() -> None:
    """`pulumi stack output` shows it only when asked with --show-secrets."""
    config, given = parsed({})

    def is_secret() -> pulumi.Output[bool]:
        password = target_of(config, PROGRAM, STACK).deploy(given).admin_password
        assert password is not None
        return pulumi.Output.from_input(password.is_secret())

    assert resolved(is_secret) is True


def test_the_outputs_are_what_a_user_needs() -> None:
    """Address, cluster, names by role, and the commands to type next."""
    config, given = parsed({})

    def exports() -> pulumi.Output[Any]:
        return pulumi.Output.from_input(target_of(config, PROGRAM, STACK).deploy(given).exports())

    found = resolved(exports)
    assert found["url"].startswith("http://")
    assert (found["region"], found["cluster"]) == ("eu-central-1", "airflow")
    assert found["services"].keys() == ROLES - {"one-off"}
    assert found["task_definitions"].keys() == found["security_groups"].keys() == ROLES
    assert found["commands"].keys() == {"status", "airflow", "logs", "password"}
    assert found["assign_public_ip"] is True


def test_without_a_first_user_nothing_is_said_of_a_password() -> None:
    """There is none: neither an output nor a command that would show one."""
    config, given = parsed({"admin": {"create": False}})

    def exports() -> pulumi.Output[Any]:
        return pulumi.Output.from_input(target_of(config, PROGRAM, STACK).deploy(given).exports())

    found = resolved(exports)
    assert "admin_password" not in found
    assert "password" not in found["commands"]


def test_another_name_is_another_stack_beside() -> None:
    """Two stacks of one account share no name that AWS wants to be its only one."""
    names = []
    for name in ("airflow", "team-b"):
        made = deploy(CONFIGS["everything"] | {"target": CONFIGS["everything"]["target"] | {"name": name}})
        names.append(
            {
                (one.type, one.inputs["name"])
                for one in made.resources
                if one.type.startswith("aws:") and isinstance(one.inputs.get("name"), str)
            }
        )
    shared = names[0] & names[1]
    assert {type_ for type_, _ in shared} <= SHARED_NAMES


# Names within something that has a name of the stack's own, or that is the user's.
SHARED_NAMES = {
    "aws:athena/namedQuery:NamedQuery",
    "aws:cloudwatch/logStream:LogStream",
    "aws:glue/catalogTable:CatalogTable",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:route53/record:Record",
}
