"""The network: what is made of it, what is left to its owner, and how tasks get out."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pulumi
import pulumi_random as random
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_aws import ec2

from airflow_stack.backends.aws.network import Network, after
from airflow_stack.backends.aws.plan.network import subnets
from backends.aws.recorded import AwsRecorder, Recorded, config, planned, record

SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
NAT = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

EXISTING = {
    "kind": "existing",
    "vpc_id": "vpc-0a1b2c3d4e5f67890",
    "public_subnet_ids": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnet_ids": ["subnet-00000000000000003", "subnet-00000000000000004"],
}
ALWAYS = {"ecr.api", "ecr.dkr", "ecs", "logs", "monitoring", "secretsmanager"}
# Private subnets without another way out reach no public registry.
SIDE_IMAGES = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/public"
EGRESSES = ("public_ip", "nat", "nat_per_zone", "vpc_endpoints")


def made(target: dict[str, Any] | None = None, **sections: Any) -> Recorded:
    """The network of this target, and of each of its ids something that uses it: kept by the name of the list."""
    needs_mirror = (target or {}).get("egress") == "vpc_endpoints"
    stack = config((target or {}) | ({"side_images": SIDE_IMAGES} if needs_mirror else {}), **sections)
    return record(lambda: used(Network("airflow", stack.target.name, stack.target.region, planned(stack).network)))


def used(network: Network) -> Network:
    """Who is given an id, by the name of the list and a number: shows value and dependencies of the output."""
    for kind in ("public", "private", "task"):
        for number, subnet in enumerate(getattr(network, f"{kind}_subnet_ids")):
            random.RandomId(f"{kind}-{number}", byte_length=1, keepers={"value": subnet})
    return network


def ids(recorded: Recorded, kind: str) -> list[str]:
    found = recorded.of("random:index/randomId:RandomId")
    return [found[name].inputs["keepers"]["value"] for name in sorted(found) if name.startswith(f"{kind}-")]


def needed(recorded: Recorded, user: str) -> set[str]:
    return recorded.of("random:index/randomId:RandomId")[user].depends_on


def inputs(recorded: Recorded, type_: str) -> dict[str, dict[str, Any]]:
    return {name: resource.inputs for name, resource in recorded.of(type_).items()}


@given(
    prefix=st.integers(16, 24),
    address=st.integers(0, 2**32 - 1),
    letters=st.lists(st.sampled_from("abcdef"), min_size=2, max_size=4, unique=True),
)
def test_subnets_are_equal_disjoint_and_inside_the_vpc(prefix: int, address: int, letters: list[str]) -> None:
    """Whatever the VPC and its zones; and large enough for a load balancer, which wants a /27."""
    whole = ipaddress.IPv4Network((address, prefix), strict=False)
    zones = subnets(str(whole), letters)
    assert [zone.letter for zone in zones] == letters
    blocks = [ipaddress.IPv4Network(block) for zone in zones for block in (zone.public, zone.private)]
    assert len({block.prefixlen for block in blocks}) == 1
    assert blocks[0].prefixlen <= 27
    assert all(block.subnet_of(whole) for block in blocks)
    ordered = sorted(blocks)
    assert all(one.broadcast_address < other.network_address for one, other in itertools.pairwise(ordered))


@given(letters=st.permutations("abcd"), count=st.integers(2, 3))
def test_another_zone_at_the_end_moves_no_subnet(letters: list[str], count: int) -> None:
    """A subnet that moves is replaced, with everything that stands in it."""
    assert subnets("10.0.0.0/21", letters)[:count] == subnets("10.0.0.0/21", letters[:count])


def test_five_zones_have_no_room() -> None:
    """Eight blocks are four pairs."""
    with pytest.raises(ValueError, match="5 zones: at most 4"):
        subnets("10.0.0.0/21", "abcde")


def test_the_vpc_has_dns_and_an_empty_default_security_group() -> None:
    """Endpoints and RDS are found by private names; what names no group gets one without rules."""
    recorded = made()
    vpc = recorded.one("aws:ec2/vpc:Vpc").inputs
    assert (vpc["cidrBlock"], vpc["enableDnsSupport"], vpc["enableDnsHostnames"]) == ("10.0.0.0/21", True, True)
    assert vpc["tags"] == {"Name": "airflow-vpc"}
    default = recorded.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert default["vpcId"] == "airflow-vpc-id"
    assert not default.get("ingress")
    assert not default.get("egress")
    # By the stack's tag a deploy role may touch it: whoever makes the network first is an administrator.
    assert default["tags"] == {"Name": "airflow-unused"}
    assert recorded.of("aws:ec2/flowLog:FlowLog") == {}


@pytest.mark.parametrize("letters", ["ab", "cba", "abcd"])
def test_each_zone_has_a_public_and_a_private_subnet(letters: str) -> None:
    """Two to four zones; nothing gets a public address by standing in a public subnet."""
    recorded = made({"network": {"cidr": "10.1.0.0/20", "zones": list(letters)}})
    expected = {
        f"airflow-{kind}-{zone.letter}": (block, f"eu-central-1{zone.letter}", False)
        for zone in subnets("10.1.0.0/20", letters)
        for kind, block in (("public", zone.public), ("private", zone.private))
    }
    found = inputs(recorded, SUBNET)
    assert {
        name: (one["cidrBlock"], one["availabilityZone"], one["mapPublicIpOnLaunch"]) for name, one in found.items()
    } == expected
    assert ids(recorded, "public") == [f"airflow-public-{letter}-id" for letter in letters]
    assert ids(recorded, "private") == [f"airflow-private-{letter}-id" for letter in letters]


@pytest.mark.parametrize("egress", EGRESSES)
def test_only_the_public_subnets_lead_to_the_internet_gateway(egress: str) -> None:
    """The load balancer stands there; what is in a private subnet can't be reached, whatever its rules say."""
    recorded = made({"egress": egress})
    tables = {one["subnetId"]: one["routeTableId"] for one in inputs(recorded, ASSOCIATION).values()}
    assert tables == {
        "airflow-public-a-id": "airflow-public-id",
        "airflow-public-b-id": "airflow-public-id",
        "airflow-private-a-id": "airflow-private-a-id",
        "airflow-private-b-id": "airflow-private-b-id",
    }
    assert set(recorded.of(TABLE)) == {"airflow-public", "airflow-private-a", "airflow-private-b"}
    to_gateway = [one for one in inputs(recorded, ROUTE).values() if "gatewayId" in one]
    assert to_gateway == [
        {
            "routeTableId": "airflow-public-id",
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayId": "airflow-internet-id",
        }
    ]
    assert {"airflow-public-internet", "airflow-public-a-routes"} <= needed(recorded, "public-0")


@pytest.mark.parametrize("egress", EGRESSES)
def test_s3_is_reached_by_a_gateway_endpoint(egress: str) -> None:
    """From every subnet: it is free, and task logs and image layers cost nothing on their way."""
    endpoint = inputs(made({"egress": egress}), ENDPOINT)["airflow-s3"]
    assert (endpoint["serviceName"], endpoint["vpcEndpointType"]) == ("com.amazonaws.eu-central-1.s3", "Gateway")
    assert set(endpoint["routeTableIds"]) == {"airflow-public-id", "airflow-private-a-id", "airflow-private-b-id"}


def test_public_ip_puts_tasks_into_public_subnets() -> None:
    """The default: neither a NAT gateway nor an interface endpoint, which cost by the hour."""
    recorded = made()
    assert recorded.result.assign_public_ip is True
    assert ids(recorded, "task") == ids(recorded, "public")
    assert recorded.of(NAT) == recorded.of(ADDRESS) == recorded.of(GROUP) == {}
    assert set(recorded.of(ENDPOINT)) == {"airflow-s3"}
    assert set(recorded.of(ROUTE)) == {"airflow-public-internet"}
    assert {"airflow-public-internet", "airflow-public-b-routes", "airflow-s3"} <= needed(recorded, "task-1")


@pytest.mark.parametrize(
    ("egress", "expected"),
    [("nat", {"a": "a", "b": "a", "c": "a"}), ("nat_per_zone", {"a": "a", "b": "b", "c": "c"})],
)
def test_nat_gateways_are_one_or_one_a_zone(egress: str, expected: dict[str, str]) -> None:
    """Each in a public subnet, with an address of its own; tasks are in private subnets and wait for the route."""
    recorded = made({"egress": egress, "network": {"zones": ["a", "b", "c"]}})
    assert recorded.result.assign_public_ip is False
    assert ids(recorded, "task") == ids(recorded, "private")
    gateways = {
        name: (one["subnetId"], one["allocationId"], one.get("connectivityType", "public"))
        for name, one in inputs(recorded, NAT).items()
    }
    assert gateways == {
        f"airflow-nat-{letter}": (f"airflow-public-{letter}-id", f"airflow-nat-{letter}-id", "public")
        for letter in expected.values()
    }
    assert {one["domain"] for one in inputs(recorded, ADDRESS).values()} == {"vpc"}
    routes = inputs(recorded, ROUTE)
    assert {letter: (routes[f"airflow-private-{letter}-nat"]["natGatewayId"]) for letter in expected} == {
        letter: f"airflow-nat-{gateway}-id" for letter, gateway in expected.items()
    }
    for number, letter in enumerate(expected):
        route = routes[f"airflow-private-{letter}-nat"]
        assert (route["routeTableId"], route["destinationCidrBlock"]) == (f"airflow-private-{letter}-id", "0.0.0.0/0")
        assert f"airflow-private-{letter}-nat" in needed(recorded, f"task-{number}")
        assert f"airflow-private-{letter}-nat" not in needed(recorded, f"private-{number}"), "the database would wait"
    assert set(recorded.of(ENDPOINT)) == {"airflow-s3"}


def test_a_nat_gateway_and_its_address_need_the_internet_gateway() -> None:
    """AWS refuses to detach the gateway from a VPC in which addresses are still in use."""
    recorded = made({"egress": "nat"})
    for type_ in (NAT, ADDRESS):
        assert {"airflow-public-internet", "airflow-public-a-routes"} <= recorded.one(type_).depends_on


@pytest.mark.parametrize(
    ("target", "sections", "more"),
    [
        ({}, {}, {"sqs"}),
        ({"exec": True}, {}, {"sqs", "ssmmessages"}),
        ({"logs": {"firelens": True}}, {}, {"sqs", "kinesis-firehose"}),
        ({}, {"broker": {"kind": "elasticache"}}, set()),
    ],
)
def test_interface_endpoints_are_those_that_something_uses(
    target: dict[str, Any], sections: dict[str, Any], more: set[str]
) -> None:
    """Each costs by the hour and zone; one that is missing leaves a task without its image, secrets or queue."""
    recorded = made({"egress": "vpc_endpoints"} | target, **sections)
    endpoints = {name: one for name, one in inputs(recorded, ENDPOINT).items() if name != "airflow-s3"}
    assert {
        one["serviceName"].removeprefix("com.amazonaws.eu-central-1.") for one in endpoints.values()
    } == ALWAYS | more
    for one in endpoints.values():
        assert one["vpcEndpointType"] == "Interface"
        assert one["privateDnsEnabled"] is True
        assert one["subnetIds"] == ["airflow-private-a-id", "airflow-private-b-id"]
        assert one["securityGroupIds"] == ["airflow-endpoints-id"]
    assert recorded.result.assign_public_ip is False
    assert ids(recorded, "task") == ids(recorded, "private")
    assert recorded.of(NAT) == {}
    assert {"airflow-ecr-api", "airflow-endpoints-from-vpc", "airflow-s3"} <= needed(recorded, "task-1")
    assert "airflow-ecr-api" not in needed(recorded, "private-1"), "the database would wait"


def test_interface_endpoints_admit_the_vpc_alone() -> None:
    """HTTPS from the VPC's own addresses, and nothing out: an endpoint starts no connection."""
    recorded = made({"egress": "vpc_endpoints"})
    group = recorded.one(GROUP).inputs
    assert (group["namePrefix"], group["vpcId"]) == ("airflow-endpoints-", "airflow-vpc-id")
    assert group["description"]
    assert "ingress" not in group
    assert "egress" not in group
    rule = recorded.one(INGRESS).inputs
    assert {key: rule[key] for key in ("securityGroupId", "cidrIpv4", "ipProtocol", "fromPort", "toPort")} == {
        "securityGroupId": "airflow-endpoints-id",
        "cidrIpv4": "10.0.0.0/21",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    }
    assert rule["description"]
    assert recorded.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == {}


@pytest.mark.parametrize(("egress", "public"), [("public_ip", True), ("nat", False)])
def test_an_existing_network_is_only_named(egress: str, public: bool) -> None:
    """Nothing is added to what is its owner's; tasks stand where config says that they get out."""
    recorded = made({"network": EXISTING, "egress": egress})
    assert not [resource for resource in recorded.resources if resource.type.startswith("aws:")]
    assert ids(recorded, "public") == EXISTING["public_subnet_ids"]
    assert ids(recorded, "private") == EXISTING["private_subnet_ids"]
    assert ids(recorded, "task") == EXISTING["public_subnet_ids" if public else "private_subnet_ids"]
    assert recorded.result.assign_public_ip is public
    assert recorded.result.cidr_block is None


def test_names_in_the_console_start_with_the_target_s_name() -> None:
    """Two stacks in one account can be told apart."""
    recorded = made({"name": "etl", "egress": "vpc_endpoints", "network": {"zones": ["a", "b"]}})
    named = [resource for resource in recorded.resources if "tags" in resource.inputs]
    assert named
    assert all(resource.inputs["tags"]["Name"].startswith("etl-") for resource in named)
    assert recorded.one(GROUP).inputs["namePrefix"] == "etl-endpoints-"


def test_everything_is_the_component_s_child() -> None:
    """A child elsewhere would escape the options that a caller gives the component."""
    stack = config({"egress": "nat"})

    def build() -> Network:
        outer = pulumi.ComponentResource("test:index:Outer", "outer")
        options = pulumi.ResourceOptions(parent=outer)
        return Network("airflow", stack.target.name, stack.target.region, planned(stack).network, options)

    recorded = record(build)
    children = recorded.result._childResources
    assert {child._name for child in children} == {
        resource.name for resource in recorded.resources if resource.type.startswith("aws:")
    }


@pytest.mark.parametrize("preview", [True, False])
def test_a_new_route_does_not_make_the_subnet_look_new(monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    """In a preview its id is unknown, and everything in the subnet would be shown as about to change."""
    plain_answer = AwsRecorder.new_resource

    def answer(self: AwsRecorder, args: Any) -> tuple[str, dict[str, Any]]:
        identifier, state = plain_answer(self, args)
        return ("" if preview and args.typ == ROUTE else identifier), state

    monkeypatch.setattr(AwsRecorder, "new_resource", answer)

    def build() -> None:
        route = ec2.Route("route", route_table_id="rtb-1")
        for name, output in (("by-id", route.id), ("after", after(pulumi.Output.from_input("subnet-1"), [route]))):
            random.RandomId(name, byte_length=1, keepers={"value": output})

    recorded = record(build, preview=preview)
    users = recorded.of("random:index/randomId:RandomId")
    assert users["after"].inputs["keepers"] == {"value": "subnet-1"}
    assert users["after"].depends_on == {"route"}
    assert (users["by-id"].inputs.get("keepers", {}).get("value") == "route-id") is not preview
