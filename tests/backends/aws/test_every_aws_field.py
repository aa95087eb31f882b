"""Every field of a stack on AWS reaches a resource: one that changes nothing is a promise that is not kept."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest
from aws.standin import StandIn
from aws.translate import KINDS

from airflow_stack.config import AwsConfig, LocalConfig
from airflow_stack.config.errors import ConfigError
from backends.aws.anew import ANEW, EVER_NEW
from backends.aws.recorded import REGION, SMALLEST
from backends.aws.whole import EXISTING, SWITCHED_ON, deploy, inputs, parsed
from backends.fields import Leaf, leaves, other_values, with_value

LEAVES = {leaf.name: leaf for leaf in leaves(AwsConfig)}
KEYS = {".".join(leaf.path) for leaf in LEAVES.values()}
SERVICES = ("webserver", "scheduler", "triggerer", "worker")

PLAIN: dict[str, Any] = SMALLEST["target"]["load_balancer"]
HTTPS: dict[str, Any] = {key: value for key, value in SWITCHED_ON["load_balancer"].items() if key != "oidc"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcde"
GITHUB = {"repository": "example/airflow-stack", "state_bucket": "example-state", "state_key_arn": f"{KEY}f"}
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
WITH_CERTIFICATE = PLAIN | {"plain_http": False, "domain": "airflow.example.com", "certificate_arn": CERTIFICATE}

# Valid values where none follows from the type: the field's own form.
SAMPLES: dict[str, Any] = {
    "admin.email": "ada@example.com",
    "admin.firstname": "Ada",
    "admin.lastname": "Lovelace",
    "admin.username": "ada",
    "airflow.extra_apt_packages": ["git"],
    "airflow.extra_requirements": ["pandas"],
    "airflow.upgrade_from": "2.9.3",
    "airflow.options": {"email": {"from_email": "a@example.com"}},
    "airflow.own_sections": ["mine"],
    "airflow.patches": {"slots": False},
    "broker.elasticache.node_type": "cache.m7g.large",
    "database.external.name": "another",
    "database.external.user": "another",
    "database.rds.instance_class": "db.m7g.large",
    "database.rds.name": "another",
    "database.rds.user": "another",
    "target.github.branch": "release",
    "target.github.environment": "staging",
    "target.github.permissions_boundary": "arn:aws:iam::123456789012:policy/another",
    "target.github.provider_arn": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    "target.github.repository": "another/repository",
    "target.github.state_bucket": "another-state",
    "target.github.state_key_arn": f"{KEY}0",
    "target.load_balancer.allowed_cidrs": ["198.51.100.0/24"],
    "target.load_balancer.certificate_arn": CERTIFICATE.replace("cdef-", "0000-"),
    "target.load_balancer.domain": "another.example.com",
    "target.load_balancer.hosted_zone_id": "Z9876543210",
    "target.load_balancer.oidc.authorization_endpoint": "https://another.example.com/authorize",
    "target.load_balancer.oidc.client_id": "another",
    "target.load_balancer.oidc.issuer": "https://another.example.com",
    "target.load_balancer.oidc.token_endpoint": "https://another.example.com/token",
    "target.load_balancer.oidc.user_info_endpoint": "https://another.example.com/userinfo",
    "target.metrics.alarm_email": "dev@example.com",
    "target.metrics.allow": ["scheduler_heartbeat"],
    "target.name": "another",
    "target.network.existing.private_subnet_ids": ["subnet-00000000", "subnet-00000001"],
    "target.network.existing.public_subnet_ids": ["subnet-00000002", "subnet-00000003"],
    "target.network.existing.vpc_id": "vpc-00000000",
    "target.network.own.cidr": "10.1.0.0/21",
    "target.network.own.zones": ["a", "c"],
    "target.project_dir": "images",
    "target.region": "eu-west-1",
    "target.registry": "registry.example.com:5000",
    "target.secrets_lookup.connections": "^aws_",
    "target.secrets_lookup.variables": "^secret_",
    "target.side_images": "registry.example.com:5000",
    "target.tags": {"team": "data"},
    "target.one_off.memory": 2048,
    "target.scheduler.memory": 2048,
    "target.triggerer.memory": 2048,
    "target.webserver.memory": 2048,
    "target.worker.memory": 3072,
    "target.worker.ephemeral_storage": 50,
    "worker.other_queues": ["on-premises"],
    "worker.queues": ["default", "gpu"],
    "worker.stop_timeout": 60,
    **{f"target.{service}.schedule.start": "0 8 ? * MON-FRI *" for service in SERVICES},
    **{f"target.{service}.schedule.stop": "0 21 ? * MON-FRI *" for service in SERVICES},
    **{f"target.{service}.schedule.time_zone": "Europe/Berlin" for service in SERVICES},
}

# Other sections that a field needs around it: SQS has one queue.
BESIDE: dict[str, dict[str, Any]] = {
    name: {"broker": {"kind": "elasticache"}} for name in ("worker.queues", "worker.other_queues")
}

# Where the effect is not in the stack's resources.
ELSEWHERE = {
    "airflow.own_sections": "in what airflow.options may name",
    "database.external.user": "in the SQL that is printed for the database's administrator",
    "database.external.name": "in the SQL that is printed for the database's administrator",
    "target.confirm_delete_data": "in the refusal of delete_data without it",
}

# What a field, or a section's fields, need around them to count: a switch, or a larger size.
SCHEDULE = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *"}
AROUND: dict[str, dict[str, Any]] = {
    "target.egress": {"side_images": "registry.example.com"},
    "target.github": {"github": GITHUB},
    "target.load_balancer.certificate_arn": {"load_balancer": WITH_CERTIFICATE},
    "target.load_balancer.domain": {"load_balancer": HTTPS},
    "target.load_balancer.hosted_zone_id": {"load_balancer": HTTPS},
    "target.load_balancer.oidc": {"load_balancer": SWITCHED_ON["load_balancer"]},
    "target.metrics.alarm_email": {"metrics": {"alarm_email": "ops@example.com"}},
    "target.triggerer.cpu": {"triggerer": {"memory": 1024}},
    **{f"target.{service}.schedule": {service: {"schedule": SCHEDULE}} for service in SERVICES},
    "target.scheduler.schedule": {role: {"schedule": SCHEDULE} for role in ("scheduler", "worker")},
}

# A union's member with what it can't do without; the rest of the section is its defaults. A stack that grows by one
# task must still fit its database.
MEMBERS: dict[str, dict[str, Any]] = {
    "database.rds": {"kind": "rds", "instance_class": "db.t4g.large"},
    "target.network.existing": EXISTING,
}

# What must change with a field.
TOGETHER: dict[str, dict[str, Any]] = {
    "target.delete_data": {"confirm_delete_data": "airflow"},
    "target.load_balancer.plain_http": {"load_balancer": HTTPS | {"plain_http": False}},
}


def member(path: tuple[str, ...], kind: str) -> dict[str, Any]:
    return MEMBERS.get(".".join((*path, kind)), {"kind": kind})


def raw_around(leaf: Leaf) -> dict[str, Any]:
    target: dict[str, Any] = {}
    for name, needed in AROUND.items():
        if leaf.name == name or leaf.name.startswith(f"{name}."):
            target |= needed
    raw = {"target": SMALLEST["target"] | target, "database": MEMBERS["database.rds"]} | BESIDE.get(leaf.name, {})
    for path, kind in leaf.members:
        raw = with_value(raw, path, member(path, kind))
    return raw


def raw_with(leaf: Leaf, raw: dict[str, Any], value: Any) -> dict[str, Any]:
    """The config with this value; with another member of a union, the whole section is that one's."""
    if leaf.path[-1] == "kind" and leaf.siblings:
        return with_value(raw, leaf.path[:-1], member(leaf.path[:-1], value))
    changed = with_value(raw, leaf.path, value)
    return changed | {"target": changed["target"] | TOGETHER.get(leaf.name, {})}


def is_valid(raw: dict[str, Any]) -> bool:
    try:
        parsed(raw)
    except ConfigError:
        return False
    return True


@functools.cache
def _rendered(text: str) -> dict[str, Any]:
    return inputs(deploy(json.loads(text)))


def rendered(raw: dict[str, Any]) -> dict[str, Any]:
    return _rendered(json.dumps(raw, sort_keys=True))


def case(name: str) -> tuple[Leaf, dict[str, Any], list[Any]]:
    """The field, a config in which it counts, and other values of it."""
    leaf = LEAVES[name]
    around = raw_around(leaf)
    present: Any = parsed(around)[0]
    for part in leaf.path:
        present = getattr(present, part)
    return leaf, around, other_values(leaf, present, SAMPLES)


FIELDS = sorted(LEAVES.keys() - ELSEWHERE.keys())


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_reaches_a_resource(name: str) -> None:
    """Each other value of this field changes an input of a resource."""
    leaf, around, values = case(name)
    if not values:
        assert get_origin(leaf.field.annotation) is Literal, f"{name} can't be changed at all"
        return
    configs = [raw for raw in (raw_with(leaf, around, value) for value in values) if is_valid(raw)]
    assert configs, f"{name}: none of {values} is valid: add one to SAMPLES"
    before = rendered(around)
    # The twenty periods of CloudWatch's logs differ in nothing but their number.
    for raw in configs[:3]:
        assert rendered(raw) != before, f"{name} has no effect: {raw} is deployed as {around}"


def made_anew(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Types of the resources that the provider replaces, and what goes first where the new one needs its name.

    Left out is what is a new one at each change, by design: task definitions and the versions of secrets.
    """
    found = set()
    for resource in before.keys() & after.keys():
        type_ = resource.partition(" ")[0]
        if type_ in KINDS and type_ not in EVER_NEW:
            change = StandIn(REGION).difference(type_, before[resource][0], after[resource][0])
            if change.replacing:
                found.add(type_.split(":")[1] + (" goes first" if change.delete_first else ""))
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_what_a_change_makes_anew_is_known(name: str) -> None:
    """Rule: a change of a field replaces what the table says, and nothing else; what it costs is said there."""
    leaf, around, values = case(name)
    configs = [raw for raw in (raw_with(leaf, around, value) for value in values) if is_valid(raw)]
    before = rendered(around)
    found = {one for raw in configs[:3] for one in made_anew(before, rendered(raw))}
    assert found == set(ANEW.get(name, ()))


@pytest.mark.parametrize("key", sorted({".".join(leaf.path) for leaf in leaves(LocalConfig)} - KEYS))
def test_a_key_of_local_stacks_is_refused(key: str) -> None:
    """A key that changes nothing would be taken for one that does: each is told to be the other target's."""
    raw = {"target": SMALLEST["target"]}
    with pytest.raises(ConfigError, match=rf"{key.partition('.')[0]}.*: is for local stacks"):
        parsed(with_value(raw, tuple(key.split(".")), 1))


def test_what_there_is_instead_is_said_of_keys_of_local_stacks_alone() -> None:
    """Rule: a sentence about a key that AWS has too would never be told."""
    keys = {".".join(leaf.path) for leaf in leaves(LocalConfig)}
    sections = {key.rpartition(".")[0] for key in keys}
    assert AwsConfig.INSTEAD.keys() <= keys | sections
    assert AwsConfig.INSTEAD.keys() & KEYS == {"airflow.executor"}, "whose values are not all there"


@pytest.mark.parametrize("name", ["database.external.name", "database.external.user"])
def test_what_acts_elsewhere_acts_in_no_resource(name: str) -> None:
    """Else it would have to be off the list."""
    leaf, around, (value,) = case(name)
    assert rendered(raw_with(leaf, around, value)) == rendered(around)


@pytest.mark.parametrize(("said", "valid"), [("airflow", True), ("another", False), ("", False)])
def test_the_confirmation_acts_on_delete_data(said: str, valid: bool) -> None:
    """Nothing but the stack's own name lets its data go."""
    target = SMALLEST["target"] | {"delete_data": True, "confirm_delete_data": said}
    assert is_valid({"target": target}) is valid


@pytest.mark.parametrize("name", sorted(name for name in AROUND if name.endswith((".schedule", ".oidc"))))
def test_a_section_that_may_be_missing_reaches_a_resource(name: str) -> None:
    """It is off where it is not there."""
    raw = {"target": SMALLEST["target"] | AROUND[name]}
    path = tuple(name.split("."))
    assert rendered(raw) != rendered(with_value(raw, path, None))


def test_another_file_of_the_project_is_another_image(tmp_path: Path) -> None:
    """The content of project_dir counts, not its name alone: an edited DAG is deployed."""
    dag = tmp_path / "dags" / "one.py"
    dag.parent.mkdir()
    found = []
    for text in ("1", "2"):
        dag.write_text(text)
        made = inputs(deploy({"target": {"project_dir": str(tmp_path)}}))
        found.append(made["pulumi-python:dynamic/airflow-stack:PushedImage airflow-image"][0]["tag"])
    assert found[0] != found[1]


def test_the_walk_sees_the_whole_model() -> None:
    """Sections, sections in sections, optional ones, and every member of a union that a stack on AWS can have."""
    expected = {
        "airflow.options",
        "broker.elasticache.replicas",
        "broker.external.visibility_timeout",
        "broker.sqs.max_receives",
        "database.external.user",
        "database.rds.multi_az",
        "hardened",
        "target.load_balancer.oidc.issuer",
        "target.network.existing.vpc_id",
        "target.network.own.cidr",
        "target.worker.schedule.start",
    }
    assert expected <= LEAVES.keys()
    assert not any(".container." in name for name in LEAVES)


def test_nothing_is_listed_that_is_not_there() -> None:
    """Samples and exceptions name fields of the model; what surrounds them, fields or sections."""
    assert SAMPLES.keys() | ELSEWHERE.keys() | TOGETHER.keys() <= LEAVES.keys()
    sections = {name[: -len(part)] for name in LEAVES for part in [f".{name.rpartition('.')[2]}"]}
    assert AROUND.keys() | MEMBERS.keys() <= LEAVES.keys() | sections
