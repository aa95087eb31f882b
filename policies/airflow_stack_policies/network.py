"""Nothing is reachable from outside but the load balancer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from airflow_stack_policies.rule import UNKNOWN, Props, Rule, Seen, StackRule, as_list, is_off

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
LOAD_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
DATABASES = ("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance")
WEB_PORTS = (80, 443)


# Reachable from inside alone: RFC 1918, RFC 6598, link-local, loopback, and IPv6's counterparts.
INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def is_public(cidr: Any) -> bool:
    """Whether addresses outside private networks are among these. What can't be read counts as public."""
    if cidr is None or cidr is UNKNOWN:
        return False
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return True
    return not any(
        inside.version == network.version
        and inside.network_address <= network.network_address  # type: ignore[operator]
        and network.broadcast_address <= inside.broadcast_address  # type: ignore[operator]
        for inside in INSIDE
    )


def _sources(props: Props) -> list[Any]:
    blocks = [*as_list(props.get("cidrBlocks")), *as_list(props.get("ipv6CidrBlocks"))]
    return [props.get("cidrIpv4"), props.get("cidrIpv6"), *blocks]


def _lets_in(type_: str, props: Props) -> bool:
    return (type_ == INGRESS or (type_ == OLD_RULE and props.get("type") == "ingress")) and any(
        is_public(cidr) for cidr in _sources(props)
    )


def closed(type_: str, props: Props) -> Iterable[str]:
    """From public addresses one port of the web at a time; no rule inside a group; no database with an address."""
    if _lets_in(type_, props):
        low, high = props.get("fromPort"), props.get("toPort")
        if low is not UNKNOWN and high is not UNKNOWN and not (low == high and low in WEB_PORTS):
            yield f"public addresses reach ports {low} to {high}: only 80 and 443, one at a time, may be open to them"
    if type_ in GROUPS and as_list(props.get("ingress")):
        yield "rules inside a security group undo those beside it: use SecurityGroupIngressRule"
    if type_ in DATABASES and not is_off(props.get("publiclyAccessible")):
        yield "the database has a public address: clear publiclyAccessible"


def public_ingress_is_the_load_balancer_s(resources: Sequence[Seen]) -> Iterable[tuple[Seen, str]]:
    """A group that public addresses reach is one of a load balancer's, and of nothing else."""
    theirs: set[Any] = set()
    for one in resources:
        if one.type in LOAD_BALANCERS:
            theirs |= set(one.depends.get("securityGroups", ()))
            theirs |= {group for group in as_list(one.props.get("securityGroups")) if group is not UNKNOWN}
    for one in resources:
        if _lets_in(one.type, one.props):
            groups = {*one.depends.get("securityGroupId", ()), one.props.get("securityGroupId")}
            if not groups & theirs:
                yield one, "public addresses reach a security group that is no load balancer's"


RULES = (Rule("closed", "No port but 80 and 443 is open to public addresses.", closed),)
STACK_RULES = (
    StackRule(
        "public-ingress",
        "Public addresses reach the load balancer's security group alone.",
        public_ingress_is_the_load_balancer_s,
    ),
)
