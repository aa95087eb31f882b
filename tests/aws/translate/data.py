"""Database, queues, secrets."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from aws.translate.kind import Aws, Inputs, Kind, Properties, RefusedError, gone, words


class Rds(Kind):
    service, tagged = "rds", True


class ParameterGroup(Rds):
    type = "aws:rds/parameterGroup:ParameterGroup"
    creates, identity = "create_db_parameter_group", "DBParameterGroup.DBParameterGroupName"
    reads, item, key = "describe_db_parameter_groups", "DBParameterGroups[0]", "DBParameterGroupName"
    deletes = "delete_db_parameter_group"
    rename = words({"name": "DBParameterGroupName", "family": "DBParameterGroupFamily"})
    outputs = words({"arn": "DBParameterGroupArn", "name": "DBParameterGroupName"})
    aside = ("skipDestroy",)
    replaces = ("name", "namePrefix", "family", "description")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.setdefault("description", "Managed by Pulumi")
        return super().create(aws, inputs)

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        parameters = [
            {"ParameterName": one["name"], "ParameterValue": str(one["value"]),
             "ApplyMethod": one.get("applyMethod", "immediate")}
            for one in inputs.get("parameters") or []
        ]  # fmt: skip
        for start in range(0, len(parameters), 20):
            some = parameters[start : start + 20]
            aws.call("rds", "modify_db_parameter_group", DBParameterGroupName=identifier, Parameters=some)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        for one in aws.call("rds", "describe_db_instances")["DBInstances"]:
            if identifier in [group["DBParameterGroupName"] for group in one.get("DBParameterGroups", [])]:
                user = one["DBInstanceIdentifier"]
                raise RefusedError(f"InvalidDBParameterGroupState: {identifier} is used by {user}")
        super().delete(aws, identifier, state)


class SubnetGroup(Rds):
    type = "aws:rds/subnetGroup:SubnetGroup"
    creates, identity = "create_db_subnet_group", "DBSubnetGroup.DBSubnetGroupName"
    reads, item, key = "describe_db_subnet_groups", "DBSubnetGroups[0]", "DBSubnetGroupName"
    updates, deletes = "modify_db_subnet_group", "delete_db_subnet_group"
    rename = words({"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"})
    outputs = words({"arn": "DBSubnetGroupArn", "name": "DBSubnetGroupName", "vpcId": "VpcId"})
    replaces = ("name", "namePrefix")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.setdefault("description", "Managed by Pulumi")
        return super().create(aws, inputs)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        for one in aws.call("rds", "describe_db_instances")["DBInstances"]:
            if one.get("DBSubnetGroup", {}).get("DBSubnetGroupName") == identifier:
                user = one["DBInstanceIdentifier"]
                raise RefusedError(f"InvalidDBSubnetGroupStateFault: {identifier} is used by {user}")
        super().delete(aws, identifier, state)


# What RDS changes in the next maintenance window, where it is not told to do so at once.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html
DEFERRED = (
    "DBInstanceClass", "EngineVersion", "DBParameterGroupName", "AllocatedStorage", "MultiAZ", "StorageType",
    "NewDBInstanceIdentifier",
)  # fmt: skip


class Instance(Rds):
    type = "aws:rds/instance:Instance"
    creates, identity = "create_db_instance", "DBInstance.DbiResourceId"
    updates = "modify_db_instance"
    rename = words({
        "identifier": "DBInstanceIdentifier", "instanceClass": "DBInstanceClass", "username": "MasterUsername",
        "password": "MasterUserPassword", "parameterGroupName": "DBParameterGroupName",
        "caCertIdentifier": "CACertificateIdentifier", "maintenanceWindow": "PreferredMaintenanceWindow",
        "backupWindow": "PreferredBackupWindow", "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
        "performanceInsightsEnabled": "EnablePerformanceInsights", "name": "DBName",
        "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
        "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    })  # fmt: skip
    aside = (
        "skipFinalSnapshot", "finalSnapshotIdentifier", "deleteAutomatedBackups", "blueGreenUpdate", "applyImmediately",
        "allowMajorVersionUpgrade",
    )  # fmt: skip
    replaces = (
        "identifierPrefix", "engine", "username", "dbName", "availabilityZone", "storageEncrypted",
        "kmsKeyId", "characterSetName", "timezone", "snapshotIdentifier",
    )  # fmt: skip
    unread = (
        "password", "engineVersion", "parameterGroupName", "performanceInsightsEnabled", "applyImmediately", "dbName",
        "enabledCloudwatchLogsExports", "caCertIdentifier", "dbSubnetGroupName", "performanceInsightsRetentionPeriod",
    )  # fmt: skip
    secret = ("password",)
    named = ("identifier", 63)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        for name in self.aside:
            inputs.get(name)
        if not inputs.get("skipFinalSnapshot") and not inputs.get("finalSnapshotIdentifier"):
            raise RefusedError("finalSnapshotIdentifier is required when skipFinalSnapshot is false")
        return super().create(aws, inputs)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        # The id is the resource's: the identifier can change.
        found = aws.call("rds", "describe_db_instances")["DBInstances"]
        return next((one for one in found if one["DbiResourceId"] == identifier), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        end = raw["Endpoint"]
        return {
            "arn": raw["DBInstanceArn"],
            "address": end["Address"],
            "port": end["Port"],
            "endpoint": f"{end['Address']}:{end['Port']}",
            "identifier": raw["DBInstanceIdentifier"],
            "resourceId": identifier,
            "engineVersionActual": raw["EngineVersion"],
            "hostedZoneId": end.get("HostedZoneId") or "Z1RLNUO7B9Q6NB",
        }

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        keep = ("port", *self.aside, "tags", "tagsAll", "region")
        changed = {key: value for key, value in new.items() if key not in keep and old.get(key) != value}
        exports = changed.pop("enabledCloudwatchLogsExports", None)
        renamed = changed.pop("identifier", None)
        parameters = self.fit(aws, self.updates, Inputs(changed), loose=True)
        if exports is not None:
            before = set(old.get("enabledCloudwatchLogsExports") or [])
            off = sorted(before - set(exports))
            change = {"EnableLogTypes": sorted(set(exports) - before)} | ({"DisableLogTypes": off} if off else {})
            parameters["CloudwatchLogsExportConfiguration"] = change
        if renamed is not None:
            parameters["NewDBInstanceIdentifier"] = renamed
        new.used.update(new)
        for name, word in (
            ("applyImmediately", "ApplyImmediately"),
            ("allowMajorVersionUpgrade", "AllowMajorVersionUpgrade"),
        ):
            parameters[word] = bool(new.get(name))
        if not parameters["ApplyImmediately"]:
            # moto knows no window: what is asked for is not what there is, and the provider reads the old values.
            parameters = {name: value for name, value in parameters.items() if name not in DEFERRED}
        aws.call("rds", self.updates, DBInstanceIdentifier=old["identifier"], **parameters)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        last: dict[str, Any] = {"SkipFinalSnapshot": bool(state.get("skipFinalSnapshot"))}
        if not state.get("skipFinalSnapshot"):
            last["FinalDBSnapshotIdentifier"] = state["finalSnapshotIdentifier"]
        aws.call("rds", "delete_db_instance", DBInstanceIdentifier=state["identifier"], **last)


class Queue(Kind):
    type = "aws:sqs/queue:Queue"
    service, tagged = "sqs", True
    replaces = ("name", "namePrefix", "fifoQueue")
    named = ("name", 80)
    attributes = words({
        "visibilityTimeoutSeconds": "VisibilityTimeout", "messageRetentionSeconds": "MessageRetentionPeriod",
        "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds", "sqsManagedSseEnabled": "SqsManagedSseEnabled",
        "delaySeconds": "DelaySeconds", "maxMessageSize": "MaximumMessageSize", "policy": "Policy",
        "redrivePolicy": "RedrivePolicy", "redriveAllowPolicy": "RedriveAllowPolicy",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "fifoQueue": "FifoQueue",
    })  # fmt: skip

    def _attributes(self, inputs: Inputs) -> dict[str, str]:
        found = {}
        for name, word in self.attributes.items():
            if (value := inputs.get(name)) is not None:
                found[word] = json.dumps(value) if isinstance(value, dict | bool) else str(value)
        return found

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = {"QueueName": inputs["name"], "Attributes": self._attributes(inputs)}
        return str(aws.call("sqs", "create_queue", tags=inputs.get("tagsAll") or {}, **parameters)["QueueUrl"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        aws.call("sqs", "set_queue_attributes", QueueUrl=identifier, Attributes=self._attributes(new))
        new.used.update(new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = aws.call("sqs", "get_queue_attributes", QueueUrl=identifier, AttributeNames=["All"])["Attributes"]
        # Attributes that have a resource of their own are that one's.
        return {name: raw[word] for name, word in self.attributes.items() if word in raw} | {"arn": raw["QueueArn"]}

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["arn"], "url": identifier, "name": identifier.rpartition("/")[2]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("sqs", "delete_queue", QueueUrl=identifier)


class _QueueAttribute(Kind):
    """One attribute of a queue, as a resource."""

    service = "sqs"
    replaces = ("queueUrl",)
    name, word = "", ""

    def create(self, aws: Aws, inputs: Inputs) -> str:
        value = inputs[self.name]
        text = value if isinstance(value, str) else json.dumps(value)
        url = str(inputs["queueUrl"])
        aws.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={self.word: text})
        return url

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = aws.call("sqs", "get_queue_attributes", QueueUrl=identifier, AttributeNames=["All"])["Attributes"]
        return {self.name: raw[self.word]} if raw.get(self.word) else None

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        try:
            aws.call("sqs", "set_queue_attributes", QueueUrl=identifier, Attributes={self.word: ""})
        except ClientError as error:
            if not gone(error):
                raise


class QueuePolicy(_QueueAttribute):
    type = "aws:sqs/queuePolicy:QueuePolicy"
    name, word = "policy", "Policy"


class RedrivePolicy(_QueueAttribute):
    type = "aws:sqs/redrivePolicy:RedrivePolicy"
    name, word = "redrivePolicy", "RedrivePolicy"


class RedriveAllowPolicy(_QueueAttribute):
    type = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
    name, word = "redriveAllowPolicy", "RedriveAllowPolicy"


class Secret(Kind):
    type = "aws:secretsmanager/secret:Secret"
    service, tagged = "secretsmanager", True
    creates, identity = "create_secret", "ARN"
    reads, item, key = "describe_secret", "@", "SecretId"
    updates = "update_secret"
    outputs = words({"arn": "ARN", "name": "Name"})
    aside = ("recoveryWindowInDays",)
    replaces = ("name", "namePrefix")
    named = ("name", 512)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.get("recoveryWindowInDays")
        return super().create(aws, inputs)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = super().raw(aws, identifier, state)
        return None if raw.get("DeletedDate") else raw

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)
        if new.get("description") != old.get("description"):
            aws.call(self.service, self.updates, SecretId=identifier, Description=new.get("description") or "")

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        days = int(state.get("recoveryWindowInDays", 30))
        how: dict[str, Any] = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        aws.call(self.service, "delete_secret", SecretId=identifier, **how)


class SecretVersion(Kind):
    type = "aws:secretsmanager/secretVersion:SecretVersion"
    service = "secretsmanager"
    replaces = ("secretId", "secretString", "secretBinary")
    secret = ("secretString", "secretBinary")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self.fit(aws, "put_secret_value", inputs)
        answer = aws.call(self.service, "put_secret_value", **parameters)
        return f"{answer['ARN']}|{answer['VersionId']}"

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        secret, version = identifier.split("|")
        return aws.call(self.service, "get_secret_value", SecretId=secret, VersionId=version)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        secret, version = identifier.split("|")
        return {"arn": secret, "versionId": version}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        """AWS forgets a version without a label by itself; the provider only takes labels away."""


KINDS = (
    ParameterGroup, SubnetGroup, Instance, Queue, QueuePolicy, RedrivePolicy, RedriveAllowPolicy, Secret, SecretVersion,
)  # fmt: skip
