"""Named constraints that several sections share. Each says what is wrong in words and gives an example."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the config: frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


def kind_by_default(kind: str) -> BeforeValidator:
    """A section of several kinds that is of this one where none is named."""
    return BeforeValidator(lambda value: {"kind": kind} | value if isinstance(value, dict) else value)


def matches(pattern: str, rule: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(rule)
        return value

    return AfterValidator(check)


def _bind_address(value: str) -> str:
    try:
        scoped = getattr(ipaddress.ip_address(value), "scope_id", None)
    except ValueError:
        scoped = value
    if scoped:
        raise ValueError("must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0")
    return value


def _directory(value: str) -> str:
    if not value or not value.isprintable() or ":" in value:
        raise ValueError("must be a directory's path, in printable characters and without ':'")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


# Published on the host. Below 1 is no port; 0 would be a random one, which no URL could name.
Port = Annotated[int, Field(ge=1, le=65535, examples=[8080])]

# Seconds. Celery allows a Redis any time; a week is longer than any task.
RedisVisibilityTimeout = Annotated[
    int,
    Field(
        ge=3600,
        le=604_800,
        description="Seconds after which a task that no worker has acknowledged is delivered again. Must exceed the"
        " longest task.",
    ),
]

# MiB. Docker refuses a limit under 6 MB; no container here works with less than 32.
MemoryMiB = Annotated[int, Field(ge=32, le=1_048_576, examples=[512])]


def by_engine(least: int, more: str = "") -> Any:
    """A memory limit that follows from what the engine has where config says none: ``backends/memory.py``."""
    told = f"Memory limit in MiB. By default {least}, and more where the engine has more than 4 GB."
    return Field(None, description=" ".join(filter(None, (told, more))), examples=[2 * least])


Directory = Annotated[str, AfterValidator(_directory)]

BindAddress = Annotated[str, AfterValidator(_bind_address), Field(examples=["127.0.0.1"])]

# An unquoted name in PostgreSQL and in MySQL, so that no SQL of ours ever needs quoting.
_SQL_NAME = r"[a-z_][a-z0-9_]{0,30}"
_SQL_NAME_RULE = "must be 1 to 31 lower-case letters, digits or _, not starting with a digit"

# PostgreSQL keeps these for itself, and RDS the last one.
RoleName = Annotated[
    str,
    matches(
        rf"(?!pg_|(public|none|rdsadmin)$){_SQL_NAME}",
        f"{_SQL_NAME_RULE} or with pg_; public, none and rdsadmin are PostgreSQL's own",
    ),
    Field(examples=["airflow"]),
]
DatabaseName = Annotated[
    str,
    matches(
        rf"(?!(template0|template1|rdsadmin)$){_SQL_NAME}",
        f"{_SQL_NAME_RULE}; template0, template1 and rdsadmin are PostgreSQL's own",
    ),
    Field(examples=["airflow"]),
]

# A prefix of container, network and volume names.
Prefix = Annotated[
    str,
    matches(r"([a-z0-9][a-z0-9-]{0,29})?", "must be up to 30 lower-case letters, digits or -, not starting with -"),
    Field(examples=["team-a"]),
]

PythonPath = Annotated[
    str,
    matches(
        r"(?=.{3,200}$)[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+",
        "must be the path of a Python class, its module first, with dots",
    ),
]

# Host, optional port and path of a container registry, as it stands before an image's name.
RegistryHost = Annotated[
    str,
    matches(
        r"([a-z0-9.-]{1,200}(:[0-9]{1,5})?(/[a-z0-9._-]{1,100}){0,5})?",
        "must be a registry's host, with an optional port and path, without https:// and without a slash at the end",
    ),
    Field(examples=["registry.example.com:5000"]),
]

QueueName = Annotated[
    str,
    matches(
        r"[A-Za-z0-9_.-]{1,80}",
        "must be a queue's name: 1 to 80 letters, digits, '.', '_' or '-', as in a task's queue=",
    ),
    Field(examples=["gpu"]),
]

AnyQueueName = Annotated[
    str,
    matches(r"\*|[A-Za-z0-9_.-]{1,80}", "must be a queue's name: letters, digits, '.', '_' or '-'; or '*' for any"),
    Field(examples=["on-premises"]),
]

UrlPrefix = Annotated[
    str,
    matches(r"/[A-Za-z0-9_-]{1,30}", "must be / and 1 to 30 letters, digits, _ or -"),
    Field(examples=["/flower"]),
]

Username = Annotated[
    str,
    matches(r"[A-Za-z0-9._@-]{1,64}", "must be 1 to 64 letters, digits, '.', '_', '@' or '-'"),
    Field(examples=["admin"]),
]

Email = Annotated[
    str,
    matches(r"[^@\s]{1,64}@[^@\s]{1,190}", "must be an e-mail address"),
    Field(examples=["admin@example.com"]),
]

Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
