"""Logs, their delivery and queries; alarms, dashboard, who is told."""

from __future__ import annotations

import json
from typing import Any

from aws.translate.kind import Aws, Inputs, Kind, Properties, words


class LogGroup(Kind):
    type = "aws:cloudwatch/logGroup:LogGroup"
    service, tagged = "logs", True
    aside = ("skipDestroy",)
    replaces = ("name", "namePrefix", "logGroupClass")
    named = ("name", 512)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.get("skipDestroy")
        parameters: dict[str, Any] = {"logGroupName": inputs["name"], "tags": inputs.get("tagsAll") or {}}
        parameters |= {word: inputs[word] for word in ("kmsKeyId", "logGroupClass") if inputs.get(word)}
        aws.call("logs", "create_log_group", **parameters)
        return str(inputs["name"])

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        if days := inputs.get("retentionInDays"):
            aws.call("logs", "put_retention_policy", logGroupName=identifier, retentionInDays=int(days))
        else:
            aws.call("logs", "delete_retention_policy", logGroupName=identifier)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("logs", "describe_log_groups", logGroupNamePrefix=identifier)["logGroups"]
        return next((one for one in found if one["logGroupName"] == identifier), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["arn"].removesuffix(":*"), "name": identifier}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if not state.get("skipDestroy"):
            aws.call("logs", "delete_log_group", logGroupName=identifier)


class LogStream(Kind):
    type = "aws:cloudwatch/logStream:LogStream"
    service = "logs"
    replaces = ("name", "logGroupName")
    named = ("name", 512)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        name = str(inputs["name"])
        aws.call("logs", "create_log_stream", logGroupName=inputs["logGroupName"], logStreamName=name)
        return name

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        parameters = {"logGroupName": state["logGroupName"], "logStreamNamePrefix": identifier}
        found = aws.call("logs", "describe_log_streams", **parameters)["logStreams"]
        return next((one for one in found if one["logStreamName"] == identifier), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["arn"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("logs", "delete_log_stream", logGroupName=state["logGroupName"], logStreamName=identifier)


class DeliveryStream(Kind):
    type = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
    service, tagged = "firehose", True
    creates, identity = "create_delivery_stream", "DeliveryStreamARN"
    replaces = ("name", "destination")
    aside = ("destination",)
    named = ("name", 64)
    rename = words({
        "name": "DeliveryStreamName", "extendedS3Configuration": "ExtendedS3DestinationConfiguration",
    })  # fmt: skip
    hints = words({"bufferingInterval": "IntervalInSeconds", "bufferingSize": "SizeInMBs"})

    def _parameters(self, aws: Aws, inputs: Inputs) -> dict[str, Any]:
        configuration = dict(inputs.get("extendedS3Configuration") or {})
        hints = {word: int(configuration.pop(name)) for name, word in self.hints.items() if name in configuration}
        encryption = dict(inputs.get("serverSideEncryption") or {})
        inputs.get("destination")
        rest = Inputs({"name": inputs["name"], "extendedS3Configuration": configuration})
        parameters = self.fit(aws, self.creates, rest)
        parameters["ExtendedS3DestinationConfiguration"]["BufferingHints"] = hints
        if encryption.pop("enabled", False):
            word = "DeliveryStreamEncryptionConfigurationInput"
            parameters[word] = {key[0].upper() + key[1:]: value for key, value in encryption.items()}
        return parameters

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self._parameters(aws, inputs) | self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        return str(aws.call("firehose", self.creates, **parameters)["DeliveryStreamARN"])

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        name = identifier.rpartition("/")[2]
        return aws.call("firehose", "describe_delivery_stream", DeliveryStreamName=name)["DeliveryStreamDescription"]

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {
            "arn": raw["DeliveryStreamARN"],
            "name": raw["DeliveryStreamName"],
            "destinationId": raw["Destinations"][0]["DestinationId"],
        }

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        raw = self.raw(aws, identifier, old)
        wanted = self._parameters(aws, new)["ExtendedS3DestinationConfiguration"]
        aws.call(
            "firehose", "update_destination", DeliveryStreamName=new["name"],
            CurrentDeliveryStreamVersionId=raw["VersionId"], DestinationId=raw["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=wanted,
        )  # fmt: skip

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("firehose", "delete_delivery_stream", DeliveryStreamName=identifier.rpartition("/")[2])


class GlueDatabase(Kind):
    type = "aws:glue/catalogDatabase:CatalogDatabase"
    service, tagged = "glue", True
    replaces = ("name", "catalogId")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        value = {key: inputs[key] for key in inputs if key not in ("tags", "tagsAll", "region", "catalogId")}
        aws.call("glue", "create_database", **self.fit(aws, "create_database", Inputs({"databaseInput": value})))
        return f"{aws.account}:{inputs['name']}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        value = {key: new[key] for key in new if key not in ("tags", "tagsAll", "region", "catalogId")}
        parameters = self.fit(aws, "update_database", Inputs({"databaseInput": value}))
        aws.call("glue", "update_database", Name=new["name"], **parameters)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("glue", "get_database", Name=identifier.partition(":")[2])["Database"]

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        account, _, name = identifier.partition(":")
        return {"arn": f"arn:aws:glue:{aws.region}:{account}:database/{name}", "catalogId": account, "name": name}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("glue", "delete_database", Name=identifier.partition(":")[2])


class GlueTable(Kind):
    type = "aws:glue/catalogTable:CatalogTable"
    service = "glue"
    replaces = ("name", "databaseName", "catalogId")
    named = ("name", 255)

    def _put(self, aws: Aws, call: str, inputs: Inputs) -> None:
        aside = ("tags", "tagsAll", "region", "catalogId", "databaseName")
        value = {key: inputs[key] for key in inputs if key not in aside}
        parameters = self.fit(aws, call, Inputs({"tableInput": value}))
        aws.call("glue", call, DatabaseName=inputs["databaseName"], **parameters)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        self._put(aws, "create_table", inputs)
        return f"{aws.account}:{inputs['databaseName']}:{inputs['name']}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self._put(aws, "update_table", new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        _, database, name = identifier.split(":")
        return aws.call("glue", "get_table", DatabaseName=database, Name=name)["Table"]

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        account, database, name = identifier.split(":")
        return {"arn": f"arn:aws:glue:{aws.region}:{account}:table/{database}/{name}", "catalogId": account}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        _, database, name = identifier.split(":")
        aws.call("glue", "delete_table", DatabaseName=database, Name=name)


class Workgroup(Kind):
    type = "aws:athena/workgroup:Workgroup"
    service, tagged = "athena", True
    creates, identity = "create_work_group", "=name"
    reads, item, key, deletes = "get_work_group", "WorkGroup", "WorkGroup", "delete_work_group"
    aside = ("forceDestroy", "state")
    replaces = ("name",)
    named = ("name", 128)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        for name in self.aside:
            inputs.get(name)
        return super().create(aws, inputs)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": f"arn:aws:athena:{aws.region}:{aws.account}:workgroup/{identifier}", "name": identifier}

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        fitted = self.fit(aws, self.creates, new)
        updates = {"WorkGroup": identifier, "Description": fitted.get("Description", "")}
        result = fitted.get("Configuration", {})
        if "ResultConfiguration" in result:
            result["ResultConfigurationUpdates"] = result.pop("ResultConfiguration")
        new.used.update(new)
        aws.call("athena", "update_work_group", ConfigurationUpdates=result, **updates)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call(
            "athena", "delete_work_group", WorkGroup=identifier, RecursiveDeleteOption=bool(state.get("forceDestroy"))
        )


class NamedQuery(Kind):
    type = "aws:athena/namedQuery:NamedQuery"
    service = "athena"
    creates, identity = "create_named_query", "NamedQueryId"
    reads, item, key = "get_named_query", "NamedQuery", "NamedQueryId"
    deletes = "delete_named_query"
    rename = words({"query": "QueryString"})
    replaces = ("name", "database", "workgroup", "query", "description")
    named = ("name", 128)


class Dashboard(Kind):
    type = "aws:cloudwatch/dashboard:Dashboard"
    service = "cloudwatch"
    replaces = ("dashboardName",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        value = inputs["dashboardBody"]
        text = value if isinstance(value, str) else json.dumps(value)
        json.loads(text)
        aws.call("cloudwatch", "put_dashboard", DashboardName=inputs["dashboardName"], DashboardBody=text)
        return str(inputs["dashboardName"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("cloudwatch", "get_dashboard", DashboardName=identifier)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"dashboardArn": raw["DashboardArn"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("cloudwatch", "delete_dashboards", DashboardNames=[identifier])


class MetricAlarm(Kind):
    type = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service, tagged = "cloudwatch", True
    creates = "put_metric_alarm"
    rename = words({
        "name": "AlarmName", "metricQueries": "Metrics", "evaluateLowSampleCountPercentiles":
        "EvaluateLowSampleCountPercentile",
    })  # fmt: skip
    replaces = ("name",)
    unread = ("actionsEnabled",)
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        dimensions = inputs.get("dimensions") or {}
        rest = Inputs({key: value for key, value in inputs.items() if key not in ("dimensions", "metricQueries")})
        parameters = self.fit(aws, self.creates, rest)
        inputs.used |= rest.used
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        if dimensions:
            parameters["Dimensions"] = _pairs(dimensions)
        if queries := inputs.get("metricQueries"):
            shaped = []
            for query in queries:
                metric = dict(query.get("metric") or {})
                stat: dict[str, Any] = {
                    key.capitalize(): metric.pop(key) for key in ("stat", "period", "unit") if key in metric
                }
                inner = {"Namespace": metric.pop("namespace", None), "MetricName": metric.pop("metricName", None)}
                inner["Dimensions"] = _pairs(metric.pop("dimensions", None) or {})
                if stat:
                    stat["Metric"] = {key: value for key, value in inner.items() if value}
                one = {"MetricStat": stat} if stat else {}
                shaped.append(one | {key[0].upper() + key[1:]: query[key] for key in query if key != "metric"})
            parameters["Metrics"] = shaped
        aws.call("cloudwatch", self.creates, **parameters)
        return str(inputs["name"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("cloudwatch", "describe_alarms", AlarmNames=[identifier])["MetricAlarms"]
        return found[0] if found else None

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["AlarmArn"], "name": identifier}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("cloudwatch", "delete_alarms", AlarmNames=[identifier])


class CompositeAlarm(Kind):
    type = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    service, tagged = "cloudwatch", True
    creates = "put_composite_alarm"
    replaces = ("alarmName",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        suppressor = inputs.get("actionsSuppressor") or {}
        rest = Inputs({key: value for key, value in inputs.items() if key != "actionsSuppressor"})
        parameters = self.fit(aws, self.creates, rest)
        inputs.used |= rest.used
        words_ = {"alarm": "ActionsSuppressor", "waitPeriod": "ActionsSuppressorWaitPeriod",
                  "extensionPeriod": "ActionsSuppressorExtensionPeriod"}  # fmt: skip
        parameters |= {words_[key]: value for key, value in suppressor.items()}
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        aws.call("cloudwatch", self.creates, **parameters)
        return str(inputs["alarmName"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        parameters = {"AlarmNames": [identifier], "AlarmTypes": ["CompositeAlarm"]}
        found = aws.call("cloudwatch", "describe_alarms", **parameters)["CompositeAlarms"]
        return found[0] if found else None

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["AlarmArn"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("cloudwatch", "delete_alarms", AlarmNames=[identifier])


class LogResourcePolicy(Kind):
    type = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
    service = "logs"
    replaces = ("policyName",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        aws.call("logs", "put_resource_policy", **self.fit(aws, "put_resource_policy", inputs))
        return str(inputs["policyName"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("logs", "describe_resource_policies")["resourcePolicies"]
        return next((one for one in found if one["policyName"] == identifier), None)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("logs", "delete_resource_policy", policyName=identifier)


def _pairs(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


KINDS = (
    LogGroup, LogStream, DeliveryStream, GlueDatabase, GlueTable, Workgroup, NamedQuery, Dashboard, MetricAlarm,
    CompositeAlarm, LogResourcePolicy,
)  # fmt: skip
