"""What only AWS knows, by name: an ARN, an id, a URL. A plan writes it into its texts as ``{name}``.

Pulumi's components put outputs in its place; a picture, an estimate and a test read it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REF = re.compile(r"\{([a-z_]+(?:\.[a-z_-]+)?)\}")


@dataclass(frozen=True)
class Ref:
    """A value that is known when its resource is there."""

    name: str

    def __str__(self) -> str:
        return f"{{{self.name}}}"


CLUSTER_NAME = Ref("cluster_name")
LOAD_BALANCER = Ref("load_balancer")
"""The ARN's last part, as metrics have it; likewise the target group's."""
TARGET_GROUP = Ref("target_group")
DATABASE = Ref("database")
"""RDS's identifier."""
QUEUE_NAME = Ref("queue_name")
DEAD_LETTER_NAME = Ref("dead_letter_name")
CACHE_ID = Ref("cache_id")
"""Of ElastiCache's replication group; its nodes are ``<id>-001`` and so on."""
EVENT_RULE = Ref("event_rule")
"""Name of the rule that keeps ECS's word of tasks that don't come up."""

PARTITION = Ref("partition")
"""``aws``, or what it is called in China and for governments."""
ACCOUNT = Ref("account")
BUCKET = Ref("bucket_arn")
REPOSITORY = Ref("repository_arn")
QUEUE = Ref("queue_arn")
FIREHOSE = Ref("firehose_arn")
EXEC_LOG_GROUP = Ref("exec_log_group_arn")
"""Without ``:*``."""


def log_group(role: str) -> Ref:
    """ARN of a role's log group, without ``:*``."""
    return Ref(f"log_group_arn.{role}")


def secret(file: str) -> Ref:
    """ARN of the secret that is stored for a secret file."""
    return Ref(f"secret_arn.{file}")


def service_name(role: str) -> Ref:
    """Name of a role's ECS service."""
    return Ref(f"service_name.{role}")


def cache_node() -> str:
    """Id of ElastiCache's first node, which its metrics bear."""
    return f"{CACHE_ID}-001"


def refs(text: str) -> list[Ref]:
    """Those in a text, each once, in its order."""
    return list(dict.fromkeys(Ref(name) for name in _REF.findall(text)))


def fill(text: str, known: Mapping[Ref, str]) -> str:
    """The text with values in place of its references. Raises KeyError for one that is not known."""
    return _REF.sub(lambda match: known[Ref(match[1])], text)
