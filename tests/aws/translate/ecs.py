"""Cluster, task definitions, services, autoscaling."""

from __future__ import annotations

import json
from typing import Any

import jmespath

from aws.translate.kind import Aws, Inputs, Kind, Properties, RefusedError, UnsettledError, fitted, words
from aws.translate.users import services


class Ecs(Kind):
    service = "ecs"
    tagged = True


class Cluster(Ecs):
    type = "aws:ecs/cluster:Cluster"
    creates, identity = "create_cluster", "cluster.clusterArn"
    reads, key = "describe_clusters", "clusters"
    item = "clusters[?status=='ACTIVE'] | [0]"
    updates, deletes = "update_cluster", "delete_cluster"
    rename = words({"name": "clusterName"})
    outputs = words({"arn": "clusterArn", "name": "clusterName"})
    replaces = ("name",)
    named = ("name", 255)

    def identified(self, aws: Aws, operation: str, identifier: str) -> dict[str, Any]:
        return {"clusters": [identifier]} if operation == self.reads else {"cluster": identifier}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        # moto lists deleted services for ever; ECS calls them INACTIVE.
        if left := [arn for arn, _ in services(aws) if arn.split("/")[-2] == identifier.rpartition("/")[2]]:
            raise RefusedError(f"ClusterContainsServicesException: {', '.join(left)}")
        super().delete(aws, identifier, state)


class ClusterCapacityProviders(Ecs):
    type = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
    reads, key = "describe_clusters", "clusters"
    item = "clusters[?status=='ACTIVE'] | [0].{capacityProviders: capacityProviders}"
    replaces = ("clusterName",)
    tagged = False

    def create(self, aws: Aws, inputs: Inputs) -> str:
        call = "put_cluster_capacity_providers"
        empty: dict[str, Any] = {"capacityProviders": [], "defaultCapacityProviderStrategy": []}
        rest = Inputs({key: value for key, value in inputs.items() if key != "clusterName"})
        parameters = empty | self.fit(aws, call, rest)
        cluster = inputs["clusterName"]
        inputs.used |= rest.used
        aws.call("ecs", call, cluster=cluster, **parameters)
        return str(cluster)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        nothing: dict[str, Any] = {"capacityProviders": [], "defaultCapacityProviderStrategy": []}
        aws.call("ecs", "put_cluster_capacity_providers", cluster=identifier, **nothing)


class TaskDefinition(Ecs):
    """Any change makes a new revision."""

    type = "aws:ecs/taskDefinition:TaskDefinition"
    creates, identity = "register_task_definition", "taskDefinition.family"
    aside = ("skipDestroy", "trackLatest")
    replaces = ("*",)
    unread = ("cpu", "memory")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        shape = aws.shape("ecs", self.creates).members["containerDefinitions"]
        containers = [_exact(shape.member, one) for one in json.loads(inputs["containerDefinitions"])]
        for name in self.aside:
            inputs.get(name)
        rest = Inputs({key: value for key, value in inputs.items() if key != "containerDefinitions"})
        parameters = self.fit(aws, self.creates, rest) | {"containerDefinitions": containers}
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        inputs.used |= rest.used
        self._possible(parameters)
        aws.call("ecs", self.creates, **parameters)
        return str(inputs["family"])

    def _possible(self, parameters: dict[str, Any]) -> None:
        """Rules of RegisterTaskDefinition that moto does not have."""
        limit = int(parameters.get("memory", 0))
        claimed = sum(
            int(one.get("memory") or one.get("memoryReservation") or 0) for one in parameters["containerDefinitions"]
        )
        if "FARGATE" in parameters.get("requiresCompatibilities", []) and claimed > limit:
            raise RefusedError(f"ClientException: the containers' {claimed} MiB are more than the task's {limit}")
        if not any(one.get("essential", True) for one in parameters["containerDefinitions"]):
            raise RefusedError("ClientException: no container is essential")

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        # A new revision of the family, by someone else, is none of this resource's business.
        wanted = state.get("arn") or self._latest(aws, identifier)
        raw = aws.call("ecs", "describe_task_definition", taskDefinition=wanted)["taskDefinition"]
        return None if raw["status"] == "INACTIVE" else raw

    def _latest(self, aws: Aws, family: str) -> str:
        arns = aws.call("ecs", "list_task_definitions", familyPrefix=family, status="ACTIVE")["taskDefinitionArns"]
        return str(max(arns, key=lambda arn: int(arn.rpartition(":")[2])))

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        arn = raw["taskDefinitionArn"]
        return {"arn": arn, "arnWithoutRevision": arn.rpartition(":")[0], "revision": raw["revision"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if not state.get("skipDestroy"):
            aws.call("ecs", "deregister_task_definition", taskDefinition=state["arn"])


def _exact(shape: Any, value: Any) -> Any:
    """Container definitions are AWS's own JSON: a name of another spelling is no mistake of the translation's."""
    if shape.type_name == "structure":
        if unknown := value.keys() - shape.members.keys():
            raise RefusedError(f"container definition: {shape.name} of AWS has no {', '.join(sorted(unknown))}")
        return {key: _exact(shape.members[key], inner) for key, inner in value.items()}
    if shape.type_name == "list":
        return [_exact(shape.member, inner) for inner in value]
    return fitted(shape, value, {}, "containerDefinitions")


class Service(Ecs):
    type = "aws:ecs/service:Service"
    creates, identity = "create_service", "service.serviceArn"
    updates = "update_service"
    aside = ("waitForSteadyState", "forceDelete", "triggers", "sigintRollback")
    replaces = ("name", "cluster", "iamRole", "launchType", "schedulingStrategy")
    unread = (
        "taskDefinition", "platformVersion", "launchType", "cluster", "forceNewDeployment", "enableExecuteCommand",
        "availabilityZoneRebalancing",
    )  # fmt: skip
    named = ("name", 255)
    deployment = words({
        "deploymentMaximumPercent": "maximumPercent",
        "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
        "deploymentCircuitBreaker": "deploymentCircuitBreaker",
        "alarms": "alarms",
    })  # fmt: skip

    def forces(self, old: Properties, new: Properties) -> tuple[str, ...]:
        """The provider refuses another capacity where it may not force a deployment."""
        capacities = [one.get("capacityProviderStrategies") for one in (old, new)]
        if capacities[0] != capacities[1] and not new.get("forceNewDeployment"):
            raise RefusedError("force_new_deployment should be true when capacity_provider_strategy is being updated")
        return self.replaces

    def _parameters(self, aws: Aws, operation: str, inputs: Inputs) -> dict[str, Any]:
        for name in self.aside:
            inputs.get(name)
        deployment = {self.deployment[key]: inputs[key] for key in self.deployment if inputs.get(key) is not None}
        aside = {*self.deployment, *self.aside, "networkConfiguration"}
        if operation == self.creates:
            aside.add("forceNewDeployment")
            inputs.get("forceNewDeployment")
        rest = Inputs({key: value for key, value in inputs.items() if key not in aside})
        parameters = self.fit(aws, operation, rest)
        inputs.used |= rest.used
        members = aws.shape("ecs", operation).members
        if deployment:
            parameters["deploymentConfiguration"] = fitted(
                members["deploymentConfiguration"], deployment, {}, "deploymentConfiguration"
            )
        if network := inputs.get("networkConfiguration"):
            public = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
            vpc = {key: value for key, value in network.items() if value is not None} | {"assignPublicIp": public}
            inner = fitted(members["networkConfiguration"], {"awsvpcConfiguration": vpc}, {}, "networkConfiguration")
            parameters["networkConfiguration"] = inner
        return parameters

    def create(self, aws: Aws, inputs: Inputs) -> str:
        self._possible(aws, inputs)
        inputs.setdefault("schedulingStrategy", "REPLICA")
        if "desiredCount" not in inputs:
            inputs["desiredCount"] = 0
        parameters = self._parameters(aws, self.creates, inputs)
        parameters["serviceName"] = inputs["name"]
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        return str(aws.call("ecs", self.creates, **parameters)["service"]["serviceArn"])

    def _possible(self, aws: Aws, inputs: Inputs) -> None:
        """What ECS refuses, and moto does not."""
        raw = aws.call("ecs", "describe_clusters", clusters=[inputs["cluster"]])["clusters"][0]
        for one in inputs.get("capacityProviderStrategies") or []:
            if one["capacityProvider"] not in raw.get("capacityProviders", []):
                raise RefusedError(
                    f"InvalidParameterException: {one['capacityProvider']} is not associated with the cluster"
                )
        for one in inputs.get("loadBalancers") or []:
            groups = aws.call("elbv2", "describe_target_groups", TargetGroupArns=[one["targetGroupArn"]])
            if not groups["TargetGroups"][0].get("LoadBalancerArns"):
                raise RefusedError(
                    "InvalidParameterException: the target group does not have an associated load balancer:"
                    " the service must come after the listener"
                )

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        where = state.get("cluster") or identifier.split("/")[-2]
        found = aws.call("ecs", "describe_services", cluster=where, services=[identifier])["services"]
        return next((one for one in found if one["status"] != "INACTIVE"), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        found = {"arn": raw["serviceArn"], "name": raw["serviceName"]}
        return found | {"taskDefinition": raw["taskDefinition"], "desiredCount": raw["desiredCount"]}

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        aside = (*self.replaces, *EVER, "schedulingStrategy")
        rest = Inputs({key: value for key, value in new.items() if key not in aside})
        parameters = self._parameters(aws, self.updates, rest)
        new.used.update(new)
        aws.call("ecs", self.updates, cluster=new["cluster"], service=identifier, **parameters)

    def wait(self, aws: Aws, identifier: str, inputs: Properties) -> None:
        """statusServiceWaitForStable: until the deployment that it has found first is complete, or has failed."""
        if not inputs.get("waitForSteadyState"):
            return
        ours = None
        while True:
            deployments = self.raw(aws, identifier, inputs)["deployments"]
            ours = ours or deployments[0]["id"]
            found = next((one for one in deployments if one["id"] == ours), {"rolloutState": "ROLLED_BACK"})
            if found["rolloutState"] == "COMPLETED":
                return
            if found["rolloutState"] != "IN_PROGRESS":
                raise UnsettledError(f"waiting for ECS Service ({identifier}): tasks failed to start.")

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if not state.get("forceDelete"):
            aws.call("ecs", "update_service", cluster=state["cluster"], service=identifier, desiredCount=0)
        aws.call("ecs", "delete_service", cluster=state["cluster"], service=identifier, force=True)


EVER = ("tags", "tagsAll", "region", "iamRole")


class Scaling(Kind):
    service = "application-autoscaling"

    def where(self, state: Properties) -> dict[str, str]:
        words_ = {"serviceNamespace": "ServiceNamespace", "resourceId": "ResourceId"}
        return {word: state[name] for name, word in words_.items()} | {"ScalableDimension": state["scalableDimension"]}


class ScalingTarget(Scaling):
    type = "aws:appautoscaling/target:Target"
    creates = "register_scalable_target"
    tagged = True
    replaces = ("resourceId", "scalableDimension", "serviceNamespace")
    unread = ("roleArn",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self.fit(aws, self.creates, inputs)
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        aws.call(self.service, self.creates, **parameters)
        return str(inputs["resourceId"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        aws.call(self.service, self.creates, **self.fit(aws, self.creates, new))

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        parameters = {"ServiceNamespace": state["serviceNamespace"], "ResourceIds": [identifier]}
        found = aws.call(self.service, "describe_scalable_targets", **parameters)["ScalableTargets"]
        return next((one for one in found if one["ScalableDimension"] == state["scalableDimension"]), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["ScalableTargetARN"]} if raw.get("ScalableTargetARN") else {}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call(self.service, "deregister_scalable_target", **self.where(state))


class ScalingPolicy(Scaling):
    type = "aws:appautoscaling/policy:Policy"
    creates = "put_scaling_policy"
    rename = words({"name": "PolicyName"})
    replaces = ("name", "resourceId", "scalableDimension", "serviceNamespace")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        aws.call(self.service, self.creates, **self.fit(aws, self.creates, inputs))
        return str(inputs["name"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        parameters = {"ServiceNamespace": state["serviceNamespace"], "ResourceId": state["resourceId"]}
        found = aws.call(self.service, "describe_scaling_policies", **parameters)["ScalingPolicies"]
        return next((one for one in found if one["PolicyName"] == identifier), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["PolicyARN"], "alarmArns": jmespath.search("Alarms[].AlarmARN", raw) or []}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call(self.service, "delete_scaling_policy", PolicyName=identifier, **self.where(state))


class ScheduledAction(Scaling):
    type = "aws:appautoscaling/scheduledAction:ScheduledAction"
    creates = "put_scheduled_action"
    rename = words({"name": "ScheduledActionName"})
    replaces = ("name", "resourceId", "scalableDimension", "serviceNamespace")
    named = ("name", 255)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        aws.call(self.service, self.creates, **self.fit(aws, self.creates, inputs))
        return f"{inputs['name']}-{inputs['serviceNamespace']}-{inputs['resourceId']}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        parameters = {"ServiceNamespace": state["serviceNamespace"], "ScheduledActionNames": [state["name"]]}
        found = aws.call(self.service, "describe_scheduled_actions", **parameters)["ScheduledActions"]
        return next((one for one in found if one["ResourceId"] == state["resourceId"]), None)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"arn": raw["ScheduledActionARN"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call(self.service, "delete_scheduled_action", ScheduledActionName=state["name"], **self.where(state))


KINDS = (Cluster, ClusterCapacityProviders, TaskDefinition, Service, ScalingTarget, ScalingPolicy, ScheduledAction)
