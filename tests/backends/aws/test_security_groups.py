"""Who reaches whom: every rule of every group, and no other."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from airflow_stack.backends.aws.network import Network
from airflow_stack.backends.aws.security_groups import SecurityGroups
from airflow_stack.config import AwsConfig
from backends.aws.recorded import Recorded, config, planned, record

GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")

OFFICE = "203.0.113.0/24"
HTTPS = {
    "allowed_cidrs": [OFFICE, "198.51.100.0/24"],
    "domain": "airflow.example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}
OIDC = {
    "issuer": "https://login.example.com",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "user_info_endpoint": "https://login.example.com/userinfo",
    "client_id": "airflow",
}
EXISTING = {
    "kind": "existing",
    "vpc_id": "vpc-0a1b2c3d4e5f67890",
    "public_subnet_ids": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnet_ids": ["subnet-00000000000000003", "subnet-00000000000000004"],
}
ANYWHERE = "0.0.0.0/0"
# Who, protocol, first and last port.
Rule = tuple[str, str, int | None, int | None]
LOGS: dict[tuple[str, str], set[Rule]] = {
    ("worker", "in"): {("webserver", "tcp", 8793, 8793)},
    ("triggerer", "in"): {("webserver", "tcp", 8794, 8794)},
}
ALL_OUT: Rule = (ANYWHERE, "-1", None, None)
HTTPS_OUT: Rule = (ANYWHERE, "tcp", 443, 443)
TCP_OUT: Rule = (ANYWHERE, "tcp", 0, 65535)
TO_DATABASE: Rule = ("database", "tcp", 5432, 5432)
TO_BROKER: Rule = ("broker", "tcp", 6379, 6379)
TO_LOGS: set[Rule] = {("worker", "tcp", 8793, 8793), ("triggerer", "tcp", 8794, 8794)}

STACKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "smallest": ({}, {}),
    "https": ({"load_balancer": HTTPS}, {}),
    "oidc": ({"load_balancer": HTTPS | {"oidc": OIDC}}, {}),
    "elasticache": ({}, {"broker": {"kind": "elasticache"}}),
    "external database": ({}, {"database": {"kind": "external"}}),
    "external broker": ({}, {"broker": {"kind": "external"}}),
    "all external": ({}, {"database": {"kind": "external"}, "broker": {"kind": "external"}}),
    "vpc endpoints": ({"egress": "vpc_endpoints", "metrics": {"statsd": False}}, {}),
    "existing network": ({"network": EXISTING}, {}),
}


def network_of(stack: AwsConfig) -> Network:
    return Network("airflow", stack.target.name, stack.target.region, planned(stack).network)


def made(target: dict[str, Any] | None = None, **sections: Any) -> Recorded:
    """The groups of this target, and of each of their ids something that uses it."""
    stack = config(target, **sections)

    def build() -> SecurityGroups:
        groups = SecurityGroups("airflow", stack.target.name, planned(stack).rules, network_of(stack))
        outputs: dict[str, pulumi.Output[str] | None] = {"load-balancer": groups.load_balancer_id, **groups.services}
        outputs |= {"database": groups.database_id, "broker": groups.broker_id}
        for key, output in outputs.items():
            if output is not None:
                random.RandomId(f"user-of-{key}", byte_length=1, keepers={"value": output})
        return groups

    return record(build)


def group(identifier: str) -> str:
    return identifier.removeprefix("airflow-").removesuffix("-id")


def rules(recorded: Recorded) -> dict[tuple[str, str], set[Rule]]:
    """What is let in and out, by group and direction."""
    found: dict[tuple[str, str], set[Rule]] = {}
    for type_, direction in ((INGRESS, "in"), (EGRESS, "out")):
        for resource in recorded.of(type_).values():
            rule = resource.inputs
            others = [rule[key] for key in ("cidrIpv4", "referencedSecurityGroupId") if key in rule]
            assert len(others) == 1, "a rule names one address range or one group"
            ends = (rule.get("fromPort"), rule.get("toPort"))
            found.setdefault((group(rule["securityGroupId"]), direction), set()).add(
                (group(others[0]), rule["ipProtocol"], *ends)
            )
    return found


def expected(
    *,
    entries: set[Rule],
    database: bool = True,
    broker: bool = False,
    out: dict[str, Rule] | None = None,
    balancer_out: set[Rule] | None = None,
) -> dict[tuple[str, str], set[Rule]]:
    own = dict.fromkeys(("webserver", "scheduler", "triggerer"), HTTPS_OUT) | (out or {})
    table: dict[tuple[str, str], set[Rule]] = {
        ("load-balancer", "in"): entries,
        ("load-balancer", "out"): {("webserver", "tcp", 8080, 8080)} | (balancer_out or set()),
        ("webserver", "in"): {("load-balancer", "tcp", 8080, 8080)},
        **LOGS,
        **{(role, "out"): {rule} for role, rule in own.items()},
        ("worker", "out"): {ALL_OUT},
        ("one-off", "out"): {ALL_OUT},
    }
    table["webserver", "out"] |= TO_LOGS
    if database:
        table["database", "in"] = {(role, "tcp", 5432, 5432) for role in ROLES}
        for role in ("webserver", "scheduler", "triggerer"):
            table[role, "out"] |= {TO_DATABASE}
    if broker:
        table["broker", "in"] = {(role, "tcp", 6379, 6379) for role in ("scheduler", "worker", "one-off")}
        table["scheduler", "out"] |= {TO_BROKER}
    return table


HTTP_IN: set[Rule] = {(OFFICE, "tcp", 80, 80)}
HTTPS_IN: set[Rule] = {(cidr, "tcp", port, port) for cidr in HTTPS["allowed_cidrs"] for port in (80, 443)}


@pytest.mark.parametrize(
    ("stack", "table"),
    [
        ("smallest", expected(entries=HTTP_IN)),
        ("https", expected(entries=HTTPS_IN)),
        ("oidc", expected(entries=HTTPS_IN, balancer_out={HTTPS_OUT})),
        ("elasticache", expected(entries=HTTP_IN, broker=True)),
        (
            "external database",
            expected(
                entries=HTTP_IN,
                database=False,
                out=dict.fromkeys(("webserver", "scheduler", "triggerer"), TCP_OUT),
            ),
        ),
        ("external broker", expected(entries=HTTP_IN, out={"scheduler": TCP_OUT})),
        (
            "all external",
            expected(
                entries=HTTP_IN,
                database=False,
                out=dict.fromkeys(("webserver", "scheduler", "triggerer"), TCP_OUT),
            ),
        ),
        ("existing network", expected(entries=HTTP_IN)),
    ],
)
def test_the_rules_are_these_and_no_other(stack: str, table: dict[tuple[str, str], set[Rule]]) -> None:
    """By group and direction, for each choice of load balancer, database and broker."""
    target, sections = STACKS[stack]
    assert rules(made(target, **sections)) == table


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_but_the_load_balancer_is_reachable_from_outside(stack: str) -> None:
    """Addresses are admitted by its group alone, those that config names; endpoints admit the VPC's own."""
    target, sections = STACKS[stack]
    recorded = made(target, **sections)
    opened = {
        (group(rule.inputs["securityGroupId"]), rule.inputs["cidrIpv4"])
        for rule in recorded.of(INGRESS).values()
        if "referencedSecurityGroupId" not in rule.inputs
    }
    allowed = target.get("load_balancer", {"allowed_cidrs": [OFFICE]})["allowed_cidrs"]
    endpoints = {("endpoints", "10.0.0.0/21")} if stack == "vpc endpoints" else set()
    assert opened == {("load-balancer", cidr) for cidr in allowed} | endpoints
    assert not [rule for rule in recorded.of(INGRESS).values() if {"cidrIpv6", "prefixListId"} & set(rule.inputs)]


@pytest.mark.parametrize("stack", STACKS)
def test_every_group_and_rule_says_what_it_is_for(stack: str) -> None:
    """In words that AWS accepts: 255 characters of an alphabet that lacks the apostrophe, for one."""
    target, sections = STACKS[stack]
    recorded = made(target, **sections)
    named = [*recorded.of(GROUP).values(), *recorded.of(INGRESS).values(), *recorded.of(EGRESS).values()]
    for resource in named:
        description = resource.inputs["description"]
        assert re.fullmatch(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{10,255}", description), (resource.name, description)
    rules_ = named[len(recorded.of(GROUP)) :]
    texts = [(rule.type, rule.inputs["securityGroupId"], rule.inputs["description"]) for rule in rules_]
    assert len(set(texts)) == len(texts), "two rules of a group say the same"


@pytest.mark.parametrize("stack", STACKS)
def test_rules_are_standalone(stack: str) -> None:
    """An inline list, an empty one too, would take the standalone rules of its group away at each update."""
    target, sections = STACKS[stack]
    for resource in made(target, **sections).of(GROUP).values():
        assert "ingress" not in resource.inputs
        assert "egress" not in resource.inputs


def test_rules_without_protocol_have_no_ports() -> None:
    """AWS refuses ports beside every protocol, and a protocol without them."""
    for resource in made().of(EGRESS).values():
        ports = {"fromPort", "toPort"} & set(resource.inputs)
        assert len(ports) == (0 if resource.inputs["ipProtocol"] == "-1" else 2), resource.name


def test_each_service_has_a_group_of_its_own() -> None:
    """Named after the target, in the network's VPC, under a name that leaves room for a successor."""
    recorded = made({"name": "etl"})
    groups = {name: resource.inputs for name, resource in recorded.of(GROUP).items()}
    keys = ["load-balancer", *ROLES, "database"]
    assert {name: one["namePrefix"] for name, one in groups.items()} == {
        f"airflow-{key}": f"etl-{key}-" for key in keys
    }
    assert {one["vpcId"] for one in groups.values()} == {"airflow-vpc-id"}
    assert not any("name" in one for one in groups.values())
    assert set(recorded.result.services) == set(ROLES)


def test_an_existing_vpc_holds_the_groups() -> None:
    """They are all that is added to it."""
    recorded = made({"network": EXISTING})
    assert {one.inputs["vpcId"] for one in recorded.of(GROUP).values()} == {"vpc-0a1b2c3d4e5f67890"}


@pytest.mark.parametrize(
    ("sections", "database", "broker"),
    [
        ({}, True, False),
        ({"broker": {"kind": "elasticache"}}, True, True),
        ({"broker": {"kind": "external"}}, True, False),
        ({"database": {"kind": "external"}}, False, False),
    ],
)
def test_there_are_groups_for_what_is_in_the_vpc(sections: dict[str, Any], database: bool, broker: bool) -> None:
    """SQS is no part of it, and an external server has groups of its own."""
    recorded = made(**sections)
    assert (recorded.result.database_id is not None, recorded.result.broker_id is not None) == (database, broker)
    names = set(recorded.of(GROUP))
    assert ("airflow-database" in names, "airflow-broker" in names) == (database, broker)


def test_an_id_waits_for_the_rules_of_its_group() -> None:
    """A task that starts before the rule that lets it out fails to fetch its image."""
    recorded = made({"load_balancer": HTTPS}, broker={"kind": "elasticache"})
    users = recorded.of("random:index/randomId:RandomId")
    for key in ("load-balancer", *ROLES, "database", "broker"):
        user = users[f"user-of-{key}"]
        assert user.inputs["keepers"] == {"value": f"airflow-{key}-id"}
        own = {
            rule.name
            for rule in (*recorded.of(INGRESS).values(), *recorded.of(EGRESS).values())
            if rule.inputs["securityGroupId"] == f"airflow-{key}-id"
        }
        assert own
        assert own <= user.depends_on


def test_another_order_of_the_networks_changes_nothing() -> None:
    """A rule is named by the network that it admits."""
    one = made({"load_balancer": HTTPS})
    other = made({"load_balancer": HTTPS | {"allowed_cidrs": HTTPS["allowed_cidrs"][::-1]}})
    assert {name: rule.inputs for name, rule in one.of(INGRESS).items()} == {
        name: rule.inputs for name, rule in other.of(INGRESS).items()
    }


def test_everything_is_the_component_s_child() -> None:
    """A child elsewhere would escape the options that a caller gives the component."""
    stack = config()

    def build() -> SecurityGroups:
        outer = pulumi.ComponentResource("test:index:Outer", "outer")
        return SecurityGroups(
            "airflow",
            stack.target.name,
            planned(stack).rules,
            network_of(stack),
            pulumi.ResourceOptions(parent=outer),
        )

    recorded = record(build)
    assert {child._name for child in recorded.result._childResources} == {
        resource.name for resource in recorded.resources if resource.type in (GROUP, INGRESS, EGRESS)
    }
