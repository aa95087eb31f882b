"""Topics, their key, and the rules that speak to them."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from aws.translate.kind import Aws, Inputs, Kind, Properties, gone, words


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


class Topic(Kind):
    type = "aws:sns/topic:Topic"
    service, tagged = "sns", True
    replaces = ("name", "namePrefix", "fifoTopic")
    named = ("name", 256)
    attributes = words({
        "displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy",
        "deliveryPolicy": "DeliveryPolicy", "tracingConfig": "TracingConfig", "signatureVersion": "SignatureVersion",
    })  # fmt: skip

    def _attributes(self, inputs: Inputs) -> dict[str, str]:
        return {word: text(inputs[name]) for name, word in self.attributes.items() if inputs.get(name) is not None}

    def create(self, aws: Aws, inputs: Inputs) -> str:
        tags = self.tags_for(aws, "create_topic", inputs.get("tagsAll") or {})
        parameters = {"Name": inputs["name"], "Attributes": self._attributes(inputs)}
        return str(aws.call("sns", "create_topic", **parameters, **tags)["TopicArn"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        for word, value in self._attributes(new).items():
            aws.call("sns", "set_topic_attributes", TopicArn=identifier, AttributeName=word, AttributeValue=value)
        new.used.update(new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = aws.call("sns", "get_topic_attributes", TopicArn=identifier)["Attributes"]
        return {name: raw[word] for name, word in self.attributes.items() if word in raw and name != "policy"}

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": identifier, "name": identifier.rpartition(":")[2], "owner": identifier.split(":")[4]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("sns", "delete_topic", TopicArn=identifier)


class TopicPolicy(Kind):
    """Its deletion gives the topic back the policy that AWS made: nothing to see for a topic that goes next."""

    type = "aws:sns/topicPolicy:TopicPolicy"
    service = "sns"
    replaces = ("arn",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        change = {"AttributeName": "Policy", "AttributeValue": text(inputs["policy"])}
        aws.call("sns", "set_topic_attributes", TopicArn=inputs["arn"], **change)
        return str(inputs["arn"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return {"policy": aws.call("sns", "get_topic_attributes", TopicArn=identifier)["Attributes"]["Policy"]}


class TopicSubscription(Kind):
    type = "aws:sns/topicSubscription:TopicSubscription"
    service = "sns"
    rename = words({"topic": "TopicArn"})
    replaces = ("topic", "protocol", "endpoint")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self.fit(aws, "subscribe", inputs)
        return str(aws.call("sns", "subscribe", ReturnSubscriptionArn=True, **parameters)["SubscriptionArn"])

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("sns", "get_subscription_attributes", SubscriptionArn=identifier)["Attributes"]

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": identifier, "ownerId": identifier.split(":")[4]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("sns", "unsubscribe", SubscriptionArn=identifier)


class Key(Kind):
    type = "aws:kms/key:Key"
    service = "kms"
    creates, identity = "create_key", "KeyMetadata.KeyId"
    reads, key = "describe_key", "KeyId"
    item = "KeyMetadata"
    outputs = words({"arn": "Arn", "keyId": "KeyId"})
    aside = ("deletionWindowInDays", "enableKeyRotation", "isEnabled", "rotationPeriodInDays")
    tagged = True
    replaces = ("keyUsage", "customerMasterKeySpec", "multiRegion")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        for name in self.aside:
            inputs.get(name)
        return super().create(aws, inputs)

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        if inputs.get("enableKeyRotation"):
            aws.call("kms", "enable_key_rotation", KeyId=identifier)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        if new.get("policy") != old.get("policy"):
            aws.call("kms", "put_key_policy", KeyId=identifier, PolicyName="default", Policy=text(new["policy"]))
        if new.get("description") != old.get("description"):
            aws.call("kms", "update_key_description", KeyId=identifier, Description=new.get("description") or "")
        new.used.update(new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = super().raw(aws, identifier, state)
        return None if raw["KeyState"] == "PendingDeletion" else raw

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        days = int(state.get("deletionWindowInDays") or 30)
        aws.call("kms", "schedule_key_deletion", KeyId=identifier, PendingWindowInDays=days)


class EventRule(Kind):
    type = "aws:cloudwatch/eventRule:EventRule"
    service = "events"
    creates, identity = "put_rule", "=name"
    reads, item, key, deletes = "describe_rule", "@", "Name", "delete_rule"
    outputs = words({"arn": "Arn"})
    aside = ("forceDestroy",)
    tagged = True
    replaces = ("name", "namePrefix", "eventBusName")
    named = ("name", 64)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        aws.call("events", "put_rule", **self.fit(aws, "put_rule", new))


class EventTarget(Kind):
    type = "aws:cloudwatch/eventTarget:EventTarget"
    service = "events"
    rename = words({"targets.targetId": "Id"})
    replaces = ("rule", "targetId", "eventBusName")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        target = {key: inputs[key] for key in inputs if key not in ("rule", "eventBusName", "region")}
        fitted = self.fit(aws, "put_targets", Inputs({"rule": inputs["rule"], "targets": [target]}))
        failed = aws.call("events", "put_targets", **fitted)["FailedEntryCount"]
        assert failed == 0
        return f"{inputs['rule']}-{inputs['targetId']}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("events", "list_targets_by_rule", Rule=state["rule"])["Targets"]
        return next((one for one in found if one["Id"] == state["targetId"]), None)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        try:
            aws.call("events", "remove_targets", Rule=state["rule"], Ids=[state["targetId"]])
        except ClientError as error:
            if not gone(error):
                raise


KINDS = (Topic, TopicPolicy, TopicSubscription, Key, EventRule, EventTarget)
