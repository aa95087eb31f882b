"""The network: its VPC, how that is cut, and how tasks get out of it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_stack.backends.aws.plan.endpoints import interface_endpoints
from airflow_stack.backends.aws.plan.rights import Rights
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.network import ExistingNetwork

# The VPC is cut into as many blocks as the most zones need, so that another zone moves no subnet that is there.
MOST_ZONES = 4


@dataclass(frozen=True)
class Zone:
    """An availability zone by its letter, and the CIDRs of its two subnets."""

    letter: str
    public: str
    private: str


@dataclass(frozen=True)
class OwnVpc:
    """A VPC of the stack's own."""

    cidr: str
    zones: tuple[Zone, ...]
    nat_zones: tuple[str, ...] = ()
    """Letters of those that have a NAT gateway; the first serves those that have none."""

    @property
    def letters(self) -> tuple[str, ...]:
        """Of the zones."""
        return tuple(zone.letter for zone in self.zones)

    @property
    def public(self) -> tuple[str, ...]:
        """CIDRs of the public subnets."""
        return tuple(zone.public for zone in self.zones)

    @property
    def private(self) -> tuple[str, ...]:
        """CIDRs of the private subnets."""
        return tuple(zone.private for zone in self.zones)


@dataclass(frozen=True)
class ExistingVpc:
    """One that was there: its owner has made its subnets and their ways out, and pays for them."""

    vpc_id: str
    public: tuple[str, ...]
    """Ids of the public subnets."""
    private: tuple[str, ...]
    """Ids of the private subnets."""


@dataclass(frozen=True)
class NetworkPlan:
    """Where tasks run, and how they get out."""

    vpc: OwnVpc | ExistingVpc
    way_out: Literal["public_ip", "nat", "vpc_endpoints"]
    endpoints: tuple[str, ...] = ()
    """Interface endpoints, by which tasks without another way out reach AWS. Config has them in a VPC of its own."""

    @property
    def public_ip(self) -> bool:
        """Whether a task needs a public address of its own to get out; its subnet is a public one then."""
        return self.way_out == "public_ip"

    @property
    def zones(self) -> int:
        """How many there are, each with a node of the load balancer."""
        return len(self.vpc.public)


def network(config: AwsConfig, rights: Iterable[Rights]) -> NetworkPlan:
    """The network that this config asks for."""
    asked, egress = config.target.network, config.target.egress
    way_out: Literal["public_ip", "nat", "vpc_endpoints"] = "nat" if egress == "nat_per_zone" else egress
    endpoints = interface_endpoints(rights) if egress == "vpc_endpoints" else ()
    if isinstance(asked, ExistingNetwork):
        existing = ExistingVpc(asked.vpc_id, tuple(asked.public_subnet_ids), tuple(asked.private_subnet_ids))
        return NetworkPlan(existing, way_out, endpoints)
    sources = {"nat": asked.zones[:1], "nat_per_zone": asked.zones}.get(egress, [])
    return NetworkPlan(OwnVpc(asked.cidr, tuple(subnets(asked.cidr, asked.zones)), tuple(sources)), way_out, endpoints)


def subnets(cidr: str, zones: Sequence[str]) -> list[Zone]:
    """The subnets of these zones: eighths of the VPC, the public ones in its first half.

    A zone's blocks follow from its place in the list: a letter added at the end changes no other zone. ValueError for
    more than four zones.
    """
    if len(zones) > MOST_ZONES:
        raise ValueError(f"{len(zones)} zones: at most {MOST_ZONES} have room")
    blocks = [str(block) for block in ipaddress.IPv4Network(cidr).subnets(new_prefix=_prefix(cidr))]
    return [Zone(letter, blocks[place], blocks[MOST_ZONES + place]) for place, letter in enumerate(zones)]


def _prefix(cidr: str) -> int:
    return ipaddress.IPv4Network(cidr).prefixlen + (2 * MOST_ZONES - 1).bit_length()
