"""Who reaches whom: a security group for each part, and the rules between them. Pure.

Groups admit groups; the load balancer's alone admits addresses, those of ``target.load_balancer.allowed_cidrs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.config import AwsConfig

ANYWHERE = "0.0.0.0/0"
LOAD_BALANCER = "load-balancer"
DATABASE = "database"
BROKER = "broker"
DATABASE_PORT = 5432
BROKER_PORT = 6379

ALL_TCP = (0, 65535)


@dataclass(frozen=True)
class Group:
    """A security group by its key: a role's name, or what else the stack has."""

    key: str
    description: str


@dataclass(frozen=True)
class Rule:
    """Opens one group, in one direction, to one peer."""

    group: str
    """Its key."""
    direction: Literal["in", "out"]
    peer: str
    """The key of a group, or a CIDR where ``is_cidr``."""
    ports: tuple[int, int] | None
    """The first and the last one, by TCP; None for every protocol and port."""
    description: str
    purpose: str
    """What the rule's name ends with."""
    is_cidr: bool = False


@dataclass(frozen=True)
class Rules:
    """All groups, and all rules between them."""

    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the groups."""
        return tuple(group.key for group in self.groups)


def rules(config: AwsConfig, families: Sequence[Family]) -> Rules:
    """Who reaches whom in this stack."""
    groups = [Group(LOAD_BALANCER, "Load balancer: the only way in")]
    groups += [Group(family.role.name, f"Airflow {family.role.name} tasks") for family in families]
    if config.database.kind == "rds":
        groups.append(Group(DATABASE, "Metadata database"))
    if config.broker.kind == "elasticache":
        groups.append(Group(BROKER, "Celery broker"))
    found = [*_entry(config, families), *_between(families, {group.key for group in groups})]
    return Rules(tuple(groups), (*found, *_ways_out(config, families)))


def _entry(config: AwsConfig, families: Sequence[Family]) -> Iterator[Rule]:
    settings = config.target.load_balancer
    ports = {443: "HTTPS", 80: "HTTP, which is redirected to HTTPS"} if settings.https else {80: "HTTP"}
    for cidr in settings.allowed_cidrs:
        for port, what in ports.items():
            # Named by what it says: another order of the list changes nothing.
            purpose = f"{port}-from-{cidr.replace('/', '-')}"
            yield Rule(LOAD_BALANCER, "in", cidr, (port, port), f"{what}, from {cidr}", purpose, is_cidr=True)
    for family in families:
        if family.role.spec.serves == "ui" and family.role.port:
            yield from _reaches(LOAD_BALANCER, family.role.name, family.role.port, "UI and API")
    if settings.oidc is not None:
        # It fetches tokens and claims from the provider, which may be anywhere.
        yield _out(LOAD_BALANCER, "oidc", "HTTPS to the OpenID provider", (443, 443))


def _between(families: Sequence[Family], groups: set[str]) -> Iterator[Rule]:
    """A group that lets everything out needs no rule for its end."""
    for family in families:
        name, spec = family.role.name, family.role.spec
        uses: list[tuple[str, int, str]] = []
        if spec.serves == "ui":
            uses += [
                (one.role.name, one.role.spec.log_port, f"live logs of the {one.role.name}")
                for one in families
                if one.role.spec.log_port
            ]
        if spec.database and DATABASE in groups:
            uses.append((DATABASE, DATABASE_PORT, "PostgreSQL"))
        if spec.broker and BROKER in groups:
            uses.append((BROKER, BROKER_PORT, "Celery broker"))
        for peer, port, what in uses:
            yield from _reaches(name, peer, port, what, unbound=family.role.runs_tasks)


def _ways_out(config: AwsConfig, families: Sequence[Family]) -> Iterator[Rule]:
    """The host of an external database or broker is part of a secret, its port too: neither can be in a rule."""
    for family in families:
        name, spec = family.role.name, family.role.spec
        external = (spec.database and config.database.kind == "external") or (
            spec.broker is not None and config.broker.kind == "external"
        )
        if family.role.runs_tasks:
            # Users' own code, which talks to whatever it talks to.
            yield _out(
                name, "anywhere", "Anything: tasks and commands reach systems that the stack does not know", None
            )
        elif external:
            yield _out(name, "external", "TCP to the external database or broker, and HTTPS to AWS", ALL_TCP)
        else:
            yield _out(name, "https", "HTTPS to AWS and to remote systems", (443, 443))


def _reaches(source: str, peer: str, port: int, what: str, *, unbound: bool = False) -> Iterator[Rule]:
    """Opens both ends; ``unbound`` is a source that may reach everything anyway."""
    ports = (port, port)
    yield Rule(peer, "in", source, ports, f"{what}, from the {source}", f"from-{source}")
    if not unbound:
        yield Rule(source, "out", peer, ports, f"{what}, to the {peer}", f"to-{peer}")


def _out(group: str, purpose: str, description: str, ports: tuple[int, int] | None) -> Rule:
    return Rule(group, "out", ANYWHERE, ports, description, f"to-{purpose}", is_cidr=True)
