"""Load balancer, certificate and its name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jmespath

from aws.translate.kind import Aws, Inputs, Kind, Properties, RefusedError, words


class Elb(Kind):
    service = "elbv2"
    tagged = True

    def attributes(self, inputs: Inputs, table: Mapping[str, str]) -> list[dict[str, str]]:
        """What AWS takes as a list of keys and values, all of them strings."""
        found = []
        for name, key in table.items():
            if (value := inputs.get(name)) is not None:
                found.append({"Key": key, "Value": str(value).lower() if isinstance(value, bool) else str(value)})
        return found


class LoadBalancer(Elb):
    type = "aws:lb/loadBalancer:LoadBalancer"
    creates, identity = "create_load_balancer", "LoadBalancers[0].LoadBalancerArn"
    reads, item, key = "describe_load_balancers", "LoadBalancers[0]", "LoadBalancerArns"
    deletes = "delete_load_balancer"
    rename = words({"loadBalancerType": "Type"})
    outputs = words(
        {"arn": "LoadBalancerArn", "dnsName": "DNSName", "zoneId": "CanonicalHostedZoneId", "vpcId": "VpcId"}
    )
    replaces = ("name", "namePrefix", "internal", "loadBalancerType", "customerOwnedIpv4Pool")
    named = ("name", 32)
    settings = words({
        "idleTimeout": "idle_timeout.timeout_seconds",
        "enableDeletionProtection": "deletion_protection.enabled",
        "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
        "desyncMitigationMode": "routing.http.desync_mitigation_mode",
        "enableHttp2": "routing.http2.enabled",
        "preserveHostHeader": "routing.http.preserve_host_header.enabled",
        "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
        "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "enableXffClientPort": "routing.http.xff_client_port.enabled",
        "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
        "enableWafFailOpen": "waf.fail_open.enabled",
    })  # fmt: skip

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs["scheme"] = "internal" if inputs.get("internal") else "internet-facing"
        identifier = super().create(aws, inputs)
        inputs.pop("scheme")
        return identifier

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        if settings := self.attributes(inputs, self.settings):
            aws.call("elbv2", "modify_load_balancer_attributes", LoadBalancerArn=identifier, Attributes=settings)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        if old.get("securityGroups") != new.get("securityGroups"):
            groups = {"SecurityGroups": new["securityGroups"]}
            aws.call("elbv2", "set_security_groups", LoadBalancerArn=identifier, **groups)
        if old.get("subnets") != new.get("subnets"):
            aws.call("elbv2", "set_subnets", LoadBalancerArn=identifier, Subnets=new["subnets"])
        new.used.update(new)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        answer = aws.call("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=identifier)["Attributes"]
        values = {one["Key"]: one["Value"] for one in answer}
        known = {name: _value(values[key]) for name, key in self.settings.items() if key in values}
        return super().computed(aws, identifier, raw) | known | {"arnSuffix": identifier.split("loadbalancer/")[1]}


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)


class TargetGroup(Elb):
    type = "aws:lb/targetGroup:TargetGroup"
    creates, identity = "create_target_group", "TargetGroups[0].TargetGroupArn"
    reads, item, key = "describe_target_groups", "TargetGroups[0]", "TargetGroupArns"
    deletes = "delete_target_group"
    # Which load balancers use it is found out later: a refresh must not call that a drift.
    outputs = words({"arn": "TargetGroupArn"})
    replaces = ("name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId", "ipAddressType")
    named = ("name", 32)
    health = words({
        "enabled": "HealthCheckEnabled", "path": "HealthCheckPath", "port": "HealthCheckPort",
        "protocol": "HealthCheckProtocol", "interval": "HealthCheckIntervalSeconds",
        "timeout": "HealthCheckTimeoutSeconds", "healthyThreshold": "HealthyThresholdCount",
        "unhealthyThreshold": "UnhealthyThresholdCount", "matcher": "Matcher",
    })  # fmt: skip
    settings = words({
        "deregistrationDelay": "deregistration_delay.timeout_seconds",
        "slowStart": "slow_start.duration_seconds",
        "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    })  # fmt: skip

    def _health(self, inputs: Inputs) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in (inputs.get("healthCheck") or {}).items():
            if name not in self.health:
                raise RefusedError(f"{self.type}: AWS has no health check's {name}")
            number = name in ("interval", "timeout", "healthyThreshold", "unhealthyThreshold")
            found[self.health[name]] = (
                {"HttpCode": str(value)} if name == "matcher" else int(value) if number else value
            )
        return found

    def create(self, aws: Aws, inputs: Inputs) -> str:
        rest = Inputs({key: value for key, value in inputs.items() if key != "healthCheck"})
        parameters = self.fit(aws, self.creates, rest)
        inputs.used |= rest.used
        parameters |= self._health(inputs) | self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        return str(aws.call("elbv2", self.creates, **parameters)["TargetGroups"][0]["TargetGroupArn"])

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        settings = self.attributes(inputs, dict(self.settings))
        sticky = dict(inputs.get("stickiness") or {})
        if sticky:
            settings.append({"Key": "stickiness.enabled", "Value": str(sticky.pop("enabled", True)).lower()})
            settings.append({"Key": "stickiness.type", "Value": sticky.pop("type")})
            if "cookieDuration" in sticky:
                duration = str(sticky.pop("cookieDuration"))
                settings.append({"Key": "stickiness.lb_cookie.duration_seconds", "Value": duration})
            if sticky:
                raise RefusedError(f"{self.type}: stickiness of AWS has no {', '.join(sticky)}")
        if settings:
            aws.call("elbv2", "modify_target_group_attributes", TargetGroupArn=identifier, Attributes=settings)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        if health := self._health(new):
            aws.call("elbv2", "modify_target_group", TargetGroupArn=identifier, **health)
        new.used.update(new)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return super().computed(aws, identifier, raw) | {"arnSuffix": identifier.rpartition(":")[2]}


class Listener(Elb):
    type = "aws:lb/listener:Listener"
    creates, identity = "create_listener", "Listeners[0].ListenerArn"
    reads, item, key = "describe_listeners", "Listeners[0]", "ListenerArns"
    updates, deletes = "modify_listener", "delete_listener"
    outputs = words({"arn": "ListenerArn"})
    rename = words({
        "defaultActions.redirect": "RedirectConfig", "defaultActions.fixedResponse": "FixedResponseConfig",
        "defaultActions.forward": "ForwardConfig", "defaultActions.authenticateOidc": "AuthenticateOidcConfig",
    })  # fmt: skip
    replaces = ("loadBalancerArn",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self._parameters(aws, inputs, self.creates)
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        return str(aws.call("elbv2", self.creates, **parameters)["Listeners"][0]["ListenerArn"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        parameters = self._parameters(aws, new, self.updates)
        new.used.update(new)
        aws.call("elbv2", self.updates, ListenerArn=identifier, **parameters)

    def _parameters(self, aws: Aws, inputs: Inputs, operation: str) -> dict[str, Any]:
        certificate = inputs.get("certificateArn")
        actions = inputs.get("defaultActions") or []
        ordered = [{"order": number} | action for number, action in enumerate(actions, 1)]
        rest = Inputs(
            {key: value for key, value in inputs.items() if key != "certificateArn"} | {"defaultActions": ordered}
        )
        parameters = self.fit(aws, operation, rest)
        inputs.used |= rest.used
        return parameters | ({"Certificates": [{"CertificateArn": certificate}]} if certificate else {})


class Certificate(Kind):
    type = "aws:acm/certificate:Certificate"
    service, tagged = "acm", True
    creates, identity = "request_certificate", "CertificateArn"
    reads, item, key, deletes = "describe_certificate", "Certificate", "CertificateArn", "delete_certificate"
    outputs = words({"arn": "CertificateArn", "status": "Status"})
    replaces = ("domainName", "validationMethod", "subjectAlternativeNames", "keyAlgorithm")
    unread = ("subjectAlternativeNames", "validationMethod")

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        options = [
            {
                "domainName": one["DomainName"],
                "resourceRecordName": one["ResourceRecord"]["Name"],
                "resourceRecordType": one["ResourceRecord"]["Type"],
                "resourceRecordValue": one["ResourceRecord"]["Value"],
            }
            for one in raw.get("DomainValidationOptions", [])
            if "ResourceRecord" in one
        ]
        # Its status goes on by itself; a refresh must not call that a drift.
        return {"arn": identifier, "domainValidationOptions": options}


class CertificateValidation(Kind):
    """Nothing of AWS: it waits until the certificate is issued."""

    type = "aws:acm/certificateValidation:CertificateValidation"
    service = "acm"
    replaces = ("certificateArn", "validationRecordFqdns")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        certificate = inputs["certificateArn"]
        inputs.get("validationRecordFqdns")
        raw = aws.call("acm", "describe_certificate", CertificateArn=certificate)["Certificate"]
        if raw["Status"] not in ("ISSUED", "PENDING_VALIDATION"):
            raise RefusedError(f"certificate {certificate} is {raw['Status']}")
        return f"{time.strftime('%Y-%m-%d')} {certificate.rpartition('/')[2]}"

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("acm", "describe_certificate", CertificateArn=state["certificateArn"])["Certificate"] and {}


class Record(Kind):
    type = "aws:route53/record:Record"
    service = "route53"
    replaces = ("zoneId", "name")
    aside = ("allowOverwrite",)

    def _change(self, aws: Aws, action: str, inputs: Inputs) -> None:
        record: dict[str, Any] = {"Name": inputs["name"], "Type": inputs["type"]}
        inputs.get("allowOverwrite")
        if aliases := inputs.get("aliases"):
            alias = aliases[0]
            record["AliasTarget"] = {
                "DNSName": alias["name"],
                "HostedZoneId": alias["zoneId"],
                "EvaluateTargetHealth": alias["evaluateTargetHealth"],
            }
        else:
            record |= {"TTL": int(inputs["ttl"]), "ResourceRecords": [{"Value": one} for one in inputs["records"]]}
        changes = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        zone = inputs["zoneId"]
        aws.call("route53", "change_resource_record_sets", HostedZoneId=zone, ChangeBatch=changes)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        self._change(aws, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs)
        return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        if old["type"] != new["type"]:
            self._change(aws, "DELETE", Inputs(old))
        self._change(aws, "UPSERT", new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        records = aws.call("route53", "list_resource_record_sets", HostedZoneId=state["zoneId"])["ResourceRecordSets"]
        wanted = state["name"].rstrip("."), state["type"]
        found = next((one for one in records if (one["Name"].rstrip("."), one["Type"]) == wanted), None)
        if found and state.get("records"):
            return {"records": jmespath.search("ResourceRecords[].Value", found), "ttl": found["TTL"]}
        return found and {}

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {"fqdn": identifier.split("_", 1)[1].rpartition("_")[0].rstrip(".")}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        self._change(aws, "DELETE", Inputs(state))


KINDS = (LoadBalancer, TargetGroup, Listener, Certificate, CertificateValidation, Record)
