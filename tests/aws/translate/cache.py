"""ElastiCache."""

from __future__ import annotations

from typing import Any

from aws.translate.kind import EVERYWHERE, Aws, Inputs, Kind, Properties, same, words


class Cache(Kind):
    service, tagged = "elasticache", True


class CacheSubnetGroup(Cache):
    type = "aws:elasticache/subnetGroup:SubnetGroup"
    creates, identity = "create_cache_subnet_group", "CacheSubnetGroup.CacheSubnetGroupName"
    reads, item, key = "describe_cache_subnet_groups", "CacheSubnetGroups[0]", "CacheSubnetGroupName"
    deletes = "delete_cache_subnet_group"
    rename = words({"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription"})
    outputs = words({"arn": "ARN", "name": "CacheSubnetGroupName", "vpcId": "VpcId"})
    replaces = ("name",)
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.setdefault("description", "Managed by Pulumi")
        return super().create(aws, inputs)


class CacheParameterGroup(Cache):
    type = "aws:elasticache/parameterGroup:ParameterGroup"
    creates = "create_cache_parameter_group"
    reads, item, key = "describe_cache_parameter_groups", "CacheParameterGroups[0]", "CacheParameterGroupName"
    deletes = "delete_cache_parameter_group"
    identity = "CacheParameterGroup.CacheParameterGroupName"
    rename = words({"name": "CacheParameterGroupName", "family": "CacheParameterGroupFamily"})
    outputs = words({"arn": "ARN", "name": "CacheParameterGroupName"})
    replaces = ("name", "family", "description")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.setdefault("description", "Managed by Pulumi")
        return super().create(aws, inputs)

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        given = inputs.get("parameters") or []
        values = [{"ParameterName": one["name"], "ParameterValue": str(one["value"])} for one in given]
        if values:
            target = {"CacheParameterGroupName": identifier, "ParameterNameValues": values}
            aws.call("elasticache", "modify_cache_parameter_group", **target)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)


class ReplicationGroup(Cache):
    type = "aws:elasticache/replicationGroup:ReplicationGroup"
    creates, identity = "create_replication_group", "ReplicationGroup.ReplicationGroupId"
    reads, key = "describe_replication_groups", "ReplicationGroupId"
    item = "ReplicationGroups[?Status!='deleting'] | [0]"
    updates = "modify_replication_group"
    rename = words({
        "description": "ReplicationGroupDescription", "nodeType": "CacheNodeType",
        "subnetGroupName": "CacheSubnetGroupName",
        "parameterGroupName": "CacheParameterGroupName", "maintenanceWindow": "PreferredMaintenanceWindow",
        "preferredCacheClusterAzs": "PreferredCacheClusterAZs",
    })  # fmt: skip
    aside = ("applyImmediately", "finalSnapshotIdentifier")
    replaces = (
        "replicationGroupId", "subnetGroupName", "atRestEncryptionEnabled", "port", "kmsKeyId", "snapshotName",
        "snapshotArns", "dataTieringEnabled", "globalReplicationGroupId", "networkType", "securityGroupNames",
    )  # fmt: skip
    unread = ("authToken", "engineVersion", "multiAzEnabled", "automaticFailoverEnabled")
    secret = ("authToken",)
    named = ("replicationGroupId", 40)

    def forces(self, old: Properties, new: Properties) -> tuple[str, ...]:
        """Another engine is an update from Redis to Valkey alone, and another version one from an older to a newer."""
        back = (old.get("engine"), new.get("engine")) == ("valkey", "redis")
        older = _number(new) < _number(old)
        return (*self.replaces, *(["engine"] if back else []), *(["engineVersion"] if older else []))

    def create(self, aws: Aws, inputs: Inputs) -> str:
        for name in self.aside:
            inputs.get(name)
        return super().create(aws, inputs)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        keep = (*EVERYWHERE, *self.aside)
        changed = {key: value for key, value in new.items() if key not in keep and not same(old.get(key), value)}
        new.used.update(new)
        if changed:
            parameters = self.fit(aws, self.updates, Inputs(changed), loose=True)
            parameters["ApplyImmediately"] = bool(new.get("applyImmediately"))
            aws.call("elasticache", self.updates, ReplicationGroupId=identifier, **parameters)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        group = (raw.get("NodeGroups") or [{}])[0]
        name = f"master.{identifier}.abcdef.{aws.region}.cache.amazonaws.com"
        primary = group.get("PrimaryEndpoint", {}).get("Address") or name
        return {
            "arn": raw["ARN"],
            "primaryEndpointAddress": primary,
            "readerEndpointAddress": group.get("ReaderEndpoint", {}).get("Address") or f"replica.{name[7:]}",
            "memberClusters": raw.get("MemberClusters", []),
            "replicationGroupId": identifier,
        }

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        last = state.get("finalSnapshotIdentifier")
        more = {"FinalSnapshotIdentifier": last} if last else {}
        aws.call("elasticache", "delete_replication_group", ReplicationGroupId=identifier, **more)


def _number(properties: Properties) -> tuple[int, ...]:
    return tuple(int(part) for part in str(properties.get("engineVersion", "0")).split("."))


KINDS = (CacheSubnetGroup, CacheParameterGroup, ReplicationGroup)
