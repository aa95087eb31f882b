"""What moto lacks of the program's AWS, added to it: `translate.NOT_IN_MOTO` is the list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.athena.responses import AthenaResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.elasticache.exceptions import ElastiCacheException
from moto.elasticache.responses import ElastiCacheResponse
from moto.route53.models import Route53Backend
from moto.sqs.models import Queue, SQSBackend

from aws import rollouts


def update_work_group(self: Any) -> str:
    """Athena's UpdateWorkGroup: description and configuration, whose results have a name of their own."""
    group = self.athena_backend.work_groups[self._get_param("WorkGroup")]
    changes = dict(self._get_param("ConfigurationUpdates") or {})
    if "ResultConfigurationUpdates" in changes:
        changes["ResultConfiguration"] = changes.pop("ResultConfigurationUpdates")
    group.configuration.update(changes)
    group.description = self._get_param("Description") or group.description
    return json.dumps({})


def delete_named_query(self: Any) -> str:
    """Athena's DeleteNamedQuery."""
    self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"))
    return json.dumps({})


# --- ElastiCache's groups ---------------------------------------------------------------------------------------------


def _groups(response: Any) -> dict[str, dict[str, str]]:
    """On the backend itself, which forgets them when moto is reset."""
    found: dict[str, dict[str, str]] = response.elasticache_backend.__dict__.setdefault("parameter_groups", {})
    return found


def create_cache_parameter_group(self: Any) -> ActionResult:
    name = self._get_param("CacheParameterGroupName")
    place = f"{self.region}:{self.current_account}"
    group = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": self._get_param("CacheParameterGroupFamily"),
        "Description": self._get_param("Description"),
        "ARN": f"arn:aws:elasticache:{place}:parametergroup:{name}",
    }
    _groups(self)[name] = group
    return ActionResult({"CacheParameterGroup": group})


def describe_cache_parameter_groups(self: Any) -> ActionResult:
    name = self._get_param("CacheParameterGroupName")
    found = [group for key, group in _groups(self).items() if name in (None, key)]
    return ActionResult({"CacheParameterGroups": found})


def modify_cache_parameter_group(self: Any) -> ActionResult:
    name = self._get_param("CacheParameterGroupName")
    return ActionResult({"CacheParameterGroupName": _groups(self)[name]["CacheParameterGroupName"]})


def delete_cache_parameter_group(self: Any) -> EmptyResult:
    name = self._get_param("CacheParameterGroupName")
    _unused(self, "cache_parameter_group_name", name, "InvalidCacheParameterGroupState")
    _groups(self).pop(name)
    return EmptyResult()


def delete_cache_subnet_group(self: Any) -> EmptyResult:
    """ElastiCache's DeleteCacheSubnetGroup."""
    name = self._get_param("CacheSubnetGroupName")
    _unused(self, "cache_subnet_group_name", name, "CacheSubnetGroupInUse")
    self.elasticache_backend.cache_subnet_groups.pop(name)
    return EmptyResult()


def _unused(response: Any, attribute: str, name: str, code: str) -> None:
    """AWS deletes no group that a cache is in."""
    for group in response.elasticache_backend.replication_groups.values():
        if getattr(group, attribute) == name and group.status != "deleting":
            raise ElastiCacheException(code, f"{name} is used by {group.replication_group_id}")


# What ElastiCache changes in the next maintenance window, where it is not told to do so at once.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
DEFERRED = {
    "CacheNodeType": "cache_node_type", "Engine": "engine", "EngineVersion": "engine_version",
    "CacheParameterGroupName": "cache_parameter_group_name",
}  # fmt: skip
_modify_replication_group = ElastiCacheResponse.modify_replication_group


def modify_replication_group(self: Any) -> ActionResult:
    """moto knows no window, and forgets version and group."""
    group = self.elasticache_backend.replication_groups.get(self._get_param("ReplicationGroupId"))
    before = {attribute: getattr(group, attribute, None) for attribute in DEFERRED.values()}
    result = _modify_replication_group(self)
    at_once = self._get_bool_param("ApplyImmediately")
    for name, attribute in DEFERRED.items():
        asked = self._get_param(name)
        setattr(group, attribute, asked if at_once and asked is not None else before[attribute])
    return result


CACHE_GROUPS = (
    create_cache_parameter_group, describe_cache_parameter_groups, modify_cache_parameter_group,
    delete_cache_parameter_group,
    delete_cache_subnet_group, modify_replication_group,
)  # fmt: skip


# --- tags of scalable targets ----------------------------------------------------------------------------------------


def change_tags(self: Any) -> str:  # noqa: ARG001 - a handler's signature
    """Application Auto Scaling's TagResource and UntagResource: accepted, and forgotten."""
    return json.dumps({})


# --- attributes of SQS -----------------------------------------------------------------------------------------------

_set_attributes = Queue._set_attributes
_get_queue_attributes = SQSBackend.get_queue_attributes


def set_attributes(self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    """moto forgets a queue's policy whenever another attribute is set."""
    kept = getattr(self, "policy", None)
    _set_attributes(self, attributes, now)
    if "Policy" not in attributes and kept:
        self.policy = kept


def get_queue_attributes(self: Any, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
    """moto takes RedriveAllowPolicy, and does not give it back."""
    found = dict(_get_queue_attributes(self, queue_name, attribute_names))
    allowed = getattr(self.get_queue(queue_name), "redrive_allow_policy", None)
    return found | ({"RedriveAllowPolicy": allowed} if allowed and "All" in attribute_names else {})


# --- records of Route 53 ---------------------------------------------------------------------------------------------

_change_records = Route53Backend.change_resource_record_sets


def change_resource_record_sets(self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> None:
    """moto refuses to create a record again that has been deleted: its journal still has it."""
    _change_records(self, zoneid, change_list)
    journal = self.get_hosted_zone(zoneid).rr_changes
    gone = [_named(change) for change in change_list if change["Action"] == "DELETE"]
    journal[:] = [change for change in journal if _named(change) not in gone]


def _named(change: dict[str, Any]) -> tuple[str, str]:
    record = change["ResourceRecordSet"]
    return record["Name"].strip("."), record["Type"]


FILLED: tuple[tuple[type, str, Any], ...] = (
    (AthenaResponse, "update_work_group", update_work_group),
    (AthenaResponse, "delete_named_query", delete_named_query),
    # Its handler for alarms reads a composite alarm's rule too, but nothing calls it for one.
    (CloudWatchResponse, "put_composite_alarm", CloudWatchResponse.put_metric_alarm),
    *((ElastiCacheResponse, operation.__name__, operation) for operation in CACHE_GROUPS),
    (ApplicationAutoScalingResponse, "tag_resource", change_tags),
    (ApplicationAutoScalingResponse, "untag_resource", change_tags),
    (Queue, "_set_attributes", set_attributes),
    (SQSBackend, "get_queue_attributes", get_queue_attributes),
    (Route53Backend, "change_resource_record_sets", change_resource_record_sets),
    *rollouts.FILLED,
)


def fill() -> None:
    """Add it; once is enough, twice does no harm."""
    for holder, name, operation in FILLED:
        setattr(holder, name, operation)


@contextmanager
def filled() -> Iterator[None]:
    """With it for a while: tests of other folders run in the same process, and expect moto as it is."""
    before = [(holder, name, vars(holder).get(name)) for holder, name, _ in FILLED]
    fill()
    try:
        yield
    finally:
        for holder, name, operation in before:
            if operation is None:
                delattr(holder, name)
            else:
                setattr(holder, name, operation)
