"""What a stack costs and keeps: logs that go, data that stays, and whose it all is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_stack_policies.containers import containers
from airflow_stack_policies.rule import UNKNOWN, Props, Rule, is_off, is_on

PROVIDER = "pulumi:providers:aws"
OWN_TAG = "airflow-stack"


def logs_go(type_: str, props: Props) -> Iterable[str]:
    """CloudWatch keeps a log for ever unless it is told otherwise; who makes a group by the way, does not tell it."""
    if type_ == "aws:cloudwatch/logGroup:LogGroup" and not props.get("retentionInDays"):
        yield "the log group keeps its logs for ever: set retentionInDays"
    for container in containers(type_, props):
        options = (container.get("logConfiguration") or {}).get("options") or {}
        if str(options.get("awslogs-create-group", "false")).lower() == "true":
            yield f"container {container.get('name')} makes a log group without retention: clear awslogs-create-group"


def data_stays(type_: str, props: Props) -> Iterable[str]:
    """A database is backed up, can't be deleted by a slip, and leaves a snapshot."""
    if type_ not in ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"):
        return
    if not is_on(props.get("deletionProtection")):
        yield "the database can be deleted by a slip: set deletionProtection"
    if not props.get("backupRetentionPeriod"):
        yield "the database has no backups: set backupRetentionPeriod"
    if not is_off(props.get("skipFinalSnapshot")):
        yield "the database leaves no snapshot: clear skipFinalSnapshot"


def tagged(type_: str, props: Props) -> Iterable[str]:
    """Tags come from the provider, so that no resource can be forgotten: a provider without them is at fault.

    The engine makes such a provider for a resource that names none.
    """
    if type_ != PROVIDER:
        return
    defaults = props.get("defaultTags")
    tags = _section(defaults).get("tags")
    if defaults is UNKNOWN or tags is UNKNOWN:
        return
    if not any(str(key).startswith(OWN_TAG) for key in _section(tags)):
        yield f"resources of this provider have no tags that say whose they are: set defaultTags with {OWN_TAG}"


def _section(value: Any) -> Mapping[str, Any]:
    """A provider's inputs are JSON in strings."""
    if isinstance(value, str):
        value = json.loads(value)
    return value if isinstance(value, Mapping) else {}


RULES = (
    Rule("logs-go", "Every log group has a retention.", logs_go),
    Rule("data-stays", "Databases have backups, deletion protection and a final snapshot.", data_stays),
    Rule("tagged", "Every resource has the stack's tags.", tagged),
)
