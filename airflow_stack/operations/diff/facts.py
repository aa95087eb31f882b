"""What two stacks are compared by, whatever they run on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from airflow_stack.config import StackConfig
from airflow_stack.releases import Release


class Area(StrEnum):
    """Part of a comparison, in the order in which it is printed."""

    PLACE = "place"
    ROLE = "role"
    SIZE = "size"
    IMAGE = "image"
    OPTION = "option"
    SECRET = "secret"  # noqa: S105 - an area


# Keys that a value follows from, by its name or the section of the option. They explain it where nothing else does.
_DATABASE = ("database.kind", "database.instance_class", "target.worker.max", "worker.concurrency")
_METRICS = ("target.metrics.statsd", "target.metrics.allow")
CAUSES: dict[str, tuple[str, ...]] = {
    "AIRFLOW_STACK_PROTECTION_MINUTES": ("target.worker.protection_minutes",),
    "AIRFLOW_STACK_SQS_QUEUE_URL": ("broker.kind", "target.region"),
    "AIRFLOW_STACK_UID": ("target.uid",),
    "AWS_DEFAULT_REGION": ("target.region",),
    "DOCKER_HOST": ("docker_socket_proxy.enabled", "target.prefix", "airflow.executor"),
    "celery": ("airflow.executor", "broker.kind"),
    "celery_broker_transport_options": ("airflow.executor", "broker.kind"),
    "core.parallelism": ("airflow.executor", "worker.count", "worker.concurrency", "target.worker.max"),
    "database.sql_alchemy_max_overflow": _DATABASE,
    "database.sql_alchemy_pool_size": _DATABASE,
    "logging.remote_base_log_folder": ("target.name",),
    "metrics": _METRICS,
    "scheduler.task_queued_timeout": ("airflow.executor",),
    "scheduler.task_queued_timeout_check_interval": ("airflow.executor",),
    "secrets": ("secrets_backend", "target.name", "target.secrets_lookup"),
    "webserver.base_url": ("target.load_balancer",),
    "webserver.cookie_secure": ("target.load_balancer",),
    "broker_url": ("airflow.executor", "broker.kind"),
    "celery_result_backend": ("airflow.executor",),
    "admin_password": ("admin.create", "hardened"),
    "secrets_backend_kwargs": ("secrets_backend",),
    "AIRFLOW_STACK_CREATE_ADMIN": ("admin.create", "hardened"),
    "AIRFLOW_STACK_MIGRATE": ("airflow.migrate", "hardened"),
    "AIRFLOW_STACK_UPGRADE_FROM": ("airflow.upgrade_from",),
    **{
        f"AIRFLOW_STACK_ADMIN_{name.upper()}": (f"admin.{name}", "admin.create", "hardened")
        for name in ("username", "firstname", "lastname", "email")
    },
}
CONTENTS = ("airflow.version", "airflow.extra_requirements", "airflow.extra_apt_packages")
"""Keys that change the image."""


@dataclass(frozen=True)
class Fact:
    """One thing that is so in a stack."""

    area: Area
    name: str
    value: str
    role: str = ""
    """Empty where it is not of a single role."""
    keys: tuple[str, ...] = ()
    """Config keys that say so."""
    causes: tuple[str, ...] = ()
    """Config keys that it follows from."""


def options(release: Release, role: str, variables: Mapping[str, str]) -> Iterator[Fact]:
    """A role's variables; an Airflow option by the name that airflow.cfg has for it."""
    for variable, value in variables.items():
        found = re.fullmatch(r"AIRFLOW__(.+?)__(.+)", variable)
        name = f"{found[1]}.{found[2]}".lower() if found else variable
        causes = CAUSES.get(name) or CAUSES.get(name.partition(".")[0], ())
        yield Fact(Area.OPTION, name, value, role, _keys(release, name) if found else (), causes)


def image_contents(config: StackConfig) -> Iterator[Fact]:
    """What config puts into the image."""
    airflow = config.airflow
    yield Fact(Area.IMAGE, "Airflow", airflow.version, keys=("airflow.version",))
    for key in ("extra_requirements", "extra_apt_packages"):
        listed = ", ".join(sorted(getattr(airflow, key))) or "none"
        yield Fact(Area.IMAGE, key, listed, keys=(f"airflow.{key}",))


def secrets(readers: Mapping[str, Iterable[str]]) -> Iterator[Fact]:
    """Secrets by their names, of each role. A value is nowhere near."""
    for role, names in readers.items():
        for name in names:
            yield Fact(Area.SECRET, name, "read", role, causes=CAUSES.get(name, ()))


def set_keys(config: StackConfig, other: StackConfig, keys: Iterable[str]) -> list[str]:
    """Those of these dotted keys that the stack's file sets to something else than the default and than the other."""
    found = dict.fromkeys(key for key in keys if _is_set(config, key.split(".")))
    return [key for key in found if config.at(key) != other.at(key)]


def _is_set(config: StackConfig, path: list[str]) -> bool:
    section: Any = config
    if path[1:] == ["kind"]:
        # Where a file names no kind, the model takes the target's own, and has it as set.
        own = type(config).model_fields[path[0]].get_default(call_default_factory=True)
        return bool(config.at(".".join(path)) != own.kind)
    for name in path:
        if isinstance(section, BaseModel):
            if name not in section.model_fields_set:
                return False
            default = type(section).model_fields[name].get_default(call_default_factory=True)
            section = getattr(section, name)
        elif isinstance(section, Mapping) and name in section:
            default, section = None, section[name]
        else:
            return False
    return bool(section != default)


def _keys(release: Release, option: str) -> tuple[str, ...]:
    """Where an option is set: among the user's own, and for one of the stack's the key that stands for it."""
    section, _, key = option.partition(".")
    base = re.sub(r"_(cmd|secret)$", "", key)
    found = tuple(f"airflow.options.{section}.{one}" for one in (base, f"{base}_cmd", f"{base}_secret"))
    instead = re.fullmatch(r"set ([a-z_]+\.[a-z_]+)", release.essential.get((section, base), ""))
    return (*found, instead[1]) if instead else found
