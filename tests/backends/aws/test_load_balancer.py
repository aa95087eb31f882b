"""The load balancer: the only way in, encrypted unless config says otherwise."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from airflow_stack.backends.aws.load_balancer import LoadBalancer
from airflow_stack.backends.aws.network import Network
from airflow_stack.backends.aws.security_groups import SecurityGroups
from airflow_stack.config import AwsConfig
from backends.aws.recorded import Recorded, config, planned, record

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
RECORD = "aws:route53/record:Record"

ZONE = "Z0123456789ABCDEFGHIJ"
ARN = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
DOMAIN = {"allowed_cidrs": ["203.0.113.0/24"], "domain": "airflow.example.com"}
BY_ZONE = {"load_balancer": DOMAIN | {"hosted_zone_id": ZONE}}
BY_ARN = {"load_balancer": DOMAIN | {"certificate_arn": ARN}}
OIDC = {
    "issuer": "https://login.example.com",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "user_info_endpoint": "https://login.example.com/userinfo",
    "client_id": "airflow",
}
WITH_OIDC = {"load_balancer": DOMAIN | {"hosted_zone_id": ZONE, "oidc": OIDC}}
EXISTING = {
    "kind": "existing",
    "vpc_id": "vpc-0a1b2c3d4e5f67890",
    "public_subnet_ids": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnet_ids": ["subnet-00000000000000003", "subnet-00000000000000004"],
}


def balancer_of(stack: AwsConfig, client_secret: pulumi.Output[str] | None = None) -> LoadBalancer:
    network = Network("airflow", stack.target.name, stack.target.region, planned(stack).network)
    return LoadBalancer(
        "airflow",
        planned(stack).entry,
        network,
        SecurityGroups("airflow", stack.target.name, planned(stack).rules, network),
        client_secret,
    )


def made(target: dict[str, Any] | None = None, *, client_secret: str | None = None, **sections: Any) -> Recorded:
    """The load balancer of this target, and something that uses its outputs: kept as ``outputs``."""
    stack = config(target, **sections)

    def build() -> LoadBalancer:
        balancer = balancer_of(stack, None if client_secret is None else pulumi.Output.from_input(client_secret))
        names = ("url", "target_group_arn", "arn_suffix", "target_group_arn_suffix")
        random.RandomId("outputs", byte_length=1, keepers={name: getattr(balancer, name) for name in names})
        random.RandomId("service", byte_length=1, opts=pulumi.ResourceOptions(depends_on=balancer.listeners))
        return balancer

    return record(build)


def outputs(recorded: Recorded) -> dict[str, str]:
    return dict(recorded.of("random:index/randomId:RandomId")["outputs"].inputs["keepers"])


def listeners(recorded: Recorded) -> dict[int, dict[str, Any]]:
    """By port."""
    found = recorded.of(LISTENER).values()
    assert {listener.inputs["loadBalancerArn"] for listener in found} == {balancer_arn(recorded)}
    return {listener.inputs["port"]: listener.inputs for listener in found}


def balancer_arn(recorded: Recorded) -> str:
    return f"arn:aws:lb:eu-central-1:123456789012:{recorded.one(BALANCER).name}"


FORWARD = {"type": "forward", "targetGroupArn": "arn:aws:lb:eu-central-1:123456789012:airflow-web"}


def test_it_stands_in_the_public_subnets_with_its_own_group() -> None:
    """It faces the internet, and waits for the subnets' route there, without which AWS refuses it."""
    balancer = made().one(BALANCER)
    assert balancer.inputs["subnets"] == ["airflow-public-a-id", "airflow-public-b-id"]
    assert balancer.inputs["securityGroups"] == ["airflow-load-balancer-id"]
    assert balancer.inputs["internal"] is False
    assert balancer.inputs["loadBalancerType"] == "application"
    assert balancer.inputs["tags"] == {"Name": "airflow-lb"}
    assert "airflow-public-internet" in balancer.depends_on


def test_it_drops_what_can_be_read_in_two_ways() -> None:
    """Request smuggling needs headers on which a proxy and gunicorn differ."""
    balancer = made().one(BALANCER).inputs
    assert balancer["dropInvalidHeaderFields"] is True
    assert balancer["desyncMitigationMode"] == "defensive"
    assert balancer["idleTimeout"] == 60
    assert "accessLogs" not in balancer


def test_a_destroy_does_not_stumble_over_it() -> None:
    """It holds no data: the database alone ends a destroy."""
    assert made({}).one(BALANCER).inputs["enableDeletionProtection"] is False


def test_the_target_group_is_what_fargate_and_the_webserver_need() -> None:
    """Tasks by address, health by /health, short drain, no stickiness."""
    group = made().one(TARGET_GROUP).inputs
    assert (group["targetType"], group["port"], group["protocol"]) == ("ip", 8080, "HTTP")
    assert group["vpcId"] == "airflow-vpc-id"
    assert group["deregistrationDelay"] == 30
    assert group["stickiness"]["enabled"] is False
    check = group["healthCheck"]
    assert (check["path"], check["matcher"], check["protocol"]) == ("/health", "200", "HTTP")
    assert check["timeout"] < check["interval"], "AWS refuses it otherwise"


def test_a_new_target_group_finds_its_name_free() -> None:
    """Pulumi makes both names, from ours and 8 characters: of 32 at most, with a target's name of 20."""
    stack = config({"name": "a" * 20})
    recorded = record(lambda: _named("a" * 20, stack))
    for type_ in (BALANCER, TARGET_GROUP):
        resource = recorded.one(type_)
        assert "name" not in resource.inputs
        assert "namePrefix" not in resource.inputs
        assert len(resource.name) + 8 <= 32
        assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", resource.name)


def _named(name: str, stack: AwsConfig) -> LoadBalancer:
    network = Network(name, stack.target.name, stack.target.region, planned(stack).network)
    return LoadBalancer(
        name,
        planned(stack).entry,
        network,
        SecurityGroups(name, stack.target.name, planned(stack).rules, network),
    )


def test_plain_http_is_one_listener() -> None:
    """Port 80 forwards; no certificate, no name; the URL is what AWS calls the load balancer."""
    recorded = made()
    found = listeners(recorded)
    assert set(found) == {80}
    assert found[80]["protocol"] == "HTTP"
    assert found[80]["defaultActions"] == [FORWARD | {"order": 1}]
    assert "certificateArn" not in found[80]
    assert recorded.of(CERTIFICATE) == recorded.of(VALIDATION) == recorded.of(RECORD) == {}
    assert outputs(recorded)["url"] == "http://airflow-lb.elb.amazonaws.com"


@pytest.mark.parametrize("target", [BY_ZONE, BY_ARN])
def test_https_forwards_and_http_redirects(target: dict[str, Any]) -> None:
    """With a domain nothing is served without encryption, nor by a version of TLS below 1.2."""
    recorded = made(target)
    found = listeners(recorded)
    assert set(found) == {80, 443}
    assert found[443]["protocol"] == "HTTPS"
    assert found[443]["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert found[443]["defaultActions"] == [FORWARD | {"order": 1}]
    assert found[80]["protocol"] == "HTTP"
    assert found[80]["defaultActions"] == [
        {
            "type": "redirect",
            "order": 1,
            "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
        }
    ]
    assert outputs(recorded)["url"] == "https://airflow.example.com"


def test_a_hosted_zone_validates_the_certificate_and_holds_the_name() -> None:
    """The listener takes the certificate once it is valid, and the domain leads to the load balancer."""
    recorded = made(BY_ZONE)
    certificate = recorded.one(CERTIFICATE).inputs
    assert (certificate["domainName"], certificate["validationMethod"]) == ("airflow.example.com", "DNS")
    records = {name: resource.inputs for name, resource in recorded.of(RECORD).items()}
    proof = records.pop("airflow-certificate-proof")
    assert {key: proof[key] for key in ("zoneId", "name", "type", "records", "allowOverwrite")} == {
        "zoneId": ZONE,
        "name": "_x.example.com.",
        "type": "CNAME",
        "records": ["_y.acm.aws."],
        "allowOverwrite": True,
    }
    assert proof["ttl"] > 0
    assert records == {
        "airflow-domain": {
            "zoneId": ZONE,
            "name": "airflow.example.com",
            "type": "A",
            "aliases": [
                {"name": "airflow-lb.elb.amazonaws.com", "zoneId": "ZELB", "evaluateTargetHealth": False},
            ],
        }
    }
    validation = recorded.one(VALIDATION)
    assert validation.inputs["certificateArn"] == "arn:aws:acm:eu-central-1:123456789012:airflow-certificate"
    assert validation.inputs["validationRecordFqdns"] == ["airflow-certificate-proof.example.com"]
    https = recorded.of(LISTENER)["airflow-https"]
    assert https.inputs["certificateArn"] == validation.inputs["certificateArn"]
    assert "airflow-certificate-validated" in https.depends_on


def test_a_certificate_that_is_there_is_used() -> None:
    """Its domain's zone is elsewhere: nothing is made in Route 53, and no other certificate is asked for."""
    recorded = made(BY_ARN)
    assert listeners(recorded)[443]["certificateArn"] == ARN
    assert recorded.of(CERTIFICATE) == recorded.of(VALIDATION) == recorded.of(RECORD) == {}


def test_oidc_is_asked_before_anything_is_forwarded() -> None:
    """The login comes first in the order of actions; its client secret is a secret of the state too."""
    found = listeners(made(WITH_OIDC, client_secret="client-secret-1"))
    # Pulumi marks the whole property.
    login, forward = found[443]["defaultActions"]["secret"]
    assert forward == FORWARD | {"order": 2}
    assert (login["type"], login["order"]) == ("authenticate-oidc", 1)
    asked = login["authenticateOidc"]
    assert asked.pop("clientSecret") == "client-secret-1"
    assert asked.pop("onUnauthenticatedRequest") == "authenticate"
    assert asked.pop("scope") == "openid"
    assert 0 < asked.pop("sessionTimeout") <= 86_400
    assert asked == {
        "issuer": "https://login.example.com",
        "authorizationEndpoint": "https://login.example.com/authorize",
        "tokenEndpoint": "https://login.example.com/token",
        "userInfoEndpoint": "https://login.example.com/userinfo",
        "clientId": "airflow",
    }
    assert [action["type"] for action in found[80]["defaultActions"]] == ["redirect"]


def test_oidc_without_its_secret_is_refused() -> None:
    """A login that always fails would be found by the first user."""
    with pytest.raises(ValueError, match="oidc_client_secret"):
        made(WITH_OIDC)


def test_without_oidc_nobody_is_asked() -> None:
    """A client secret that is handed over all the same reaches no resource."""
    recorded = made(BY_ZONE, client_secret="client-secret-1")
    assert "client-secret-1" not in str([resource.inputs for resource in recorded.resources])


@pytest.mark.parametrize(("target", "names"), [({}, {"airflow-http"}), (BY_ZONE, {"airflow-http", "airflow-https"})])
def test_the_service_can_wait_for_the_listeners(target: dict[str, Any], names: set[str]) -> None:
    """ECS refuses a service whose target group no load balancer has yet."""
    assert made(target).of("random:index/randomId:RandomId")["service"].depends_on >= names


def test_outputs_are_what_ecs_and_cloudwatch_ask_for() -> None:
    """ARN for the service, suffixes for the dimensions of metrics."""
    found = outputs(made())
    assert found["target_group_arn"] == FORWARD["targetGroupArn"]
    assert found["arn_suffix"] == "app/airflow-lb/0123456789abcdef"
    assert found["target_group_arn_suffix"] == "app/airflow-web/0123456789abcdef"


def test_an_existing_network_holds_it() -> None:
    """In the public subnets and the VPC that config names."""
    recorded = made({"network": EXISTING})
    assert recorded.one(BALANCER).inputs["subnets"] == EXISTING["public_subnet_ids"]
    assert recorded.one(TARGET_GROUP).inputs["vpcId"] == EXISTING["vpc_id"]


@pytest.mark.parametrize("target", [{}, BY_ZONE, BY_ARN])
def test_everything_is_the_component_s_child(target: dict[str, Any]) -> None:
    """A child elsewhere would escape the options that a caller gives the component."""
    recorded = made(target)
    types = (BALANCER, TARGET_GROUP, LISTENER, CERTIFICATE, VALIDATION, RECORD)
    assert sorted(child._name for child in recorded.result._childResources) == sorted(
        resource.name for resource in recorded.resources if resource.type in types
    )
