"""Before the first deployment: what AWS says of zones, quotas, roles, domain and rights, well and not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from backends.aws.recorded import planned
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from airflow_stack.config import AwsConfig
from airflow_stack.operations import doctor
from airflow_stack.operations.doctor import aws_before
from airflow_stack.operations.doctor.aws_before import Before
from airflow_stack.operations.doctor.aws_needs import vcpus
from airflow_stack.operations.doctor.finding import Finding, State, run
from airflow_stack.operations.target import target_of

from .conftest import one

REGION = "us-east-1"
ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
BALANCER: dict[str, Any] = {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True}
HTTPS: dict[str, Any] = {"allowed_cidrs": ["203.0.113.0/24"], "domain": "airflow.example.com"}


def config(**target: Any) -> AwsConfig:
    known = {"kind": "aws", "region": REGION, "load_balancer": BALANCER}
    return AwsConfig.model_validate({"target": known | target})


class Account:
    """moto, and what it lacks: quotas of Fargate, and IAM's simulation. A test sets what they say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.quotas: dict[str, float] = {}
        """By Service Quotas' code; 100 where nothing is said."""
        self.denied: set[str] = set()
        self.simulated: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        """Operations that the caller may not ask."""
        self.zones = {"a": "use1-az1", "b": "use1-az2", "c": "use1-az4"}
        real = vars(BaseClient)["_make_api_call"]

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if operation in self.refused:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "you may not"}}, operation)
            if operation == "GetServiceQuota":
                return {"Quota": {"Value": self.quotas.get(parameters["QuotaCode"], 100.0)}}
            if operation == "SimulatePrincipalPolicy":
                self.simulated.append(parameters)
                results = [
                    {"EvalActionName": name, "EvalDecision": "implicitDeny" if name in self.denied else "allowed"}
                    for name in parameters["ActionNames"]
                ]
                return {"EvaluationResults": results}
            if operation == "DescribeAvailabilityZones":
                known = {"State": "available"}
                zones = [known | {"ZoneName": REGION + letter, "ZoneId": zone} for letter, zone in self.zones.items()]
                return {"AvailabilityZones": zones}
            return real(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def before(self, asked: AwsConfig, caller: str = USER) -> Before:
        return Before("prod", planned(asked), ACCOUNT, caller)

    def report(self, asked: AwsConfig) -> list[Finding]:
        (group,) = run(aws_before.looks("prod", planned(asked)))
        assert group.title == "Before the first deployment of prod"
        return list(group.findings)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield Account(monkeypatch)


def test_a_new_account(account: Account) -> None:
    """Rule: each thing has its line, and all that is amiss in a new account is its roles and its vCPUs."""
    account.quotas["L-3032A538"] = 5
    found = account.report(config())
    amiss = {finding.what for finding in found if finding.state is not State.OK}
    assert amiss == {"Service-linked role", "Quota: Fargate vCPUs, on demand"}
    assert {"Zones", "Quota: load balancers", "Quota: VPCs", "Domain", "Rights"} < {one_.what for one_ in found}
    assert all(finding.mend for finding in found if finding.state is not State.OK)


# --- zones -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zones", "seen"),
    [
        ({"a": "use1-az1", "c": "use1-az4", "d": "use1-az5"}, "us-east-1b is not there for this account"),
        ({"a": "use1-az1", "b": "use1-az3", "c": "use1-az4"}, "us-east-1b has no Fargate (use1-az3)"),
    ],
)
def test_a_zone_that_does_not_do(account: Account, zones: dict[str, str], seen: str) -> None:
    """Rule: the zone is named, with those that do, and the command sets zones that do."""
    account.zones = zones
    found = one(account.before(config()).zones(), "Zone b")
    assert found.state is State.MISSING
    assert found.seen.startswith(seen)
    key = "pulumi config set --stack prod --path 'airflow-stack:target.network.zones"
    assert found.mend == f"{key}[0]' a && {key}[1]' c"


def test_subnets_that_are_there(account: Account) -> None:
    """Rule: of an existing network, a subnet that is not there is named by its key; moto's own ones are all well."""
    subnets = [one_["SubnetId"] for one_ in boto3.client("ec2", REGION).describe_subnets()["Subnets"]][:4]
    vpc = boto3.client("ec2", REGION).describe_vpcs()["Vpcs"][0]["VpcId"]
    place = {"kind": "existing", "vpc_id": vpc, "public_subnet_ids": subnets[:2], "private_subnet_ids": subnets[2:]}
    asked = config(network=place, egress="nat")
    assert one(account.before(asked).zones(), "Zones").state is State.OK
    asked = config(network=place | {"private_subnet_ids": [subnets[2], "subnet-0a1b2c3d4e5f67890"]}, egress="nat")
    found = one(account.before(asked).zones(), "Subnet")
    assert found.seen == "subnet-0a1b2c3d4e5f67890 of target.network.private_subnet_ids is not there"


def test_addresses_for_all_tasks(account: Account) -> None:
    """Rule: with all workers, each task has an address of its subnets; else the command lowers their number."""
    assert one(account.before(config()).addresses(), "Addresses").seen.endswith("502 free addresses in their subnets")
    ec2 = boto3.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.0.{16 * number}/28")["Subnet"]["SubnetId"] for number in range(4)
    ]
    place = {"kind": "existing", "vpc_id": vpc, "public_subnet_ids": subnets[:2], "private_subnet_ids": subnets[2:]}
    target = {"kind": "aws", "region": REGION, "load_balancer": BALANCER, "network": place, "egress": "nat"}

    def asked(most: int) -> Finding:
        raw = {"target": target | {"worker": {"max": most}}, "database": {"kind": "external"}}
        return one(account.before(AwsConfig.model_validate(raw)).addresses(), "Addresses")

    found = asked(30)
    assert found.state is State.WARNING
    assert found.seen == "34 tasks at most, 22 free addresses in their subnets"
    assert found.mend == "pulumi config set --stack prod --path airflow-stack:target.worker.max 18"
    assert asked(18).state is State.OK


# --- quotas ----------------------------------------------------------------------------------------------------------


def test_vcpus_are_those_of_all_workers() -> None:
    """Rule: on demand and Spot are counted by themselves, by base and weights, with one migration."""
    base = {"cpu": 1024, "memory": 4096}
    sizes = {role: base | {"count": 1, "capacity": {}} for role in ("webserver", "scheduler", "triggerer")}
    workers = base | {"max": 5, "capacity": {"on_demand_base": 1, "on_demand_weight": 1, "spot_weight": 3}}
    asked = AwsConfig.model_validate(
        {
            "target": {"kind": "aws", "region": REGION, "load_balancer": BALANCER, "worker": workers, "one_off": base}
            | sizes,
            "database": {"kind": "rds", "instance_class": "db.t4g.large"},
        }
    )
    assert vcpus(planned(asked)) == (6.0, 3.0)


def test_quotas_with_what_is_taken(account: Account) -> None:
    """Rule: what the account has already counts; the request names the value that would do."""
    account.quotas |= {"L-F678F1CE": 1, "L-0263D0A3": 1}
    asked = config(egress="nat_per_zone")
    before = account.before(asked)
    found = {quota.name: before.quota(quota) for quota in before.quotas()}
    assert found["VPCs"].state is State.MISSING
    assert found["VPCs"].seen == "1 needed, 1 allowed, of which 1 are taken"
    assert found["VPCs"].mend.endswith("--service-code vpc --quota-code L-F678F1CE --desired-value 2")
    assert found["Elastic IPs"].seen.startswith("2 needed, 1 allowed")
    assert found["NAT gateways in a zone"].state is State.OK
    assert "Elastic IPs" not in {quota.name for quota in account.before(config()).quotas()}


def test_vcpus_that_are_too_few_are_a_warning(account: Account) -> None:
    """Rule: ECS does not fail for want of vCPUs, its tasks wait: so the deployment may go on."""
    account.quotas["L-3032A538"] = 1
    before = account.before(config())
    found = before.quota(before.quotas()[0])
    assert found.state is State.WARNING
    assert "--service-code fargate --quota-code L-3032A538" in found.mend


# --- roles, domain, rights -------------------------------------------------------------------------------------------


def test_linked_roles(account: Account) -> None:
    """Rule: each role that is not there has its own command, and is no longer amiss once it is made."""
    before = account.before(config())
    found = list(before.linked_roles())
    assert [finding.mend.rpartition(" ")[2] for finding in found] == [
        "ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com",
        "rds.amazonaws.com",
    ]  # fmt: skip
    for service, role in aws_before.LINKED.items():
        boto3.client("iam").create_role(
            RoleName=role, AssumeRolePolicyDocument="{}", Path=f"/aws-service-role/{service}/"
        )
    assert one(before.linked_roles(), "Service-linked roles").state is State.OK


def zone(name: str, *, private: bool = False) -> str:
    made = boto3.client("route53").create_hosted_zone(
        Name=name, CallerReference="test", HostedZoneConfig={"PrivateZone": private},
        **({"VPC": {"VPCRegion": REGION, "VPCId": "vpc-1"}} if private else {}),
    )  # fmt: skip
    return str(made["HostedZone"]["Id"].rpartition("/")[2])


def test_the_zone_is_the_domains(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a zone of another domain, a private one and none at all are told apart, and the key is named."""
    # moto's own ids are longer than AWS's.
    ids = iter(f"Z012345678{number}" for number in range(3))
    monkeypatch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: next(ids))
    there = zone("example.com")
    for identifier, seen in (
        (there, ""),
        (zone("example.org"), "is not in zone"),
        (zone("example.com", private=True), "is a private one"),
        ("Z0123456789ABCDEFGHIJ", "there is no zone"),
    ):
        found = one(account.before(config(load_balancer=HTTPS | {"hosted_zone_id": identifier})).domain(), "Domain")
        assert found.state is (State.MISSING if seen else State.OK)
        assert seen in found.seen
        assert not seen or "target.load_balancer.hosted_zone_id" in found.seen
        path = "airflow-stack:target.load_balancer.hosted_zone_id"
        assert not seen or found.mend == f"pulumi config set --stack prod --path {path} {there}"
    boto3.client("route53").delete_hosted_zone(Id=there)
    made = config(load_balancer=HTTPS | {"hosted_zone_id": there})
    assert one(account.before(made).domain(), "Domain").mend.startswith("aws route53 create-hosted-zone ")


def test_the_certificate_is_the_domains(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: it is issued, in this region, and for this name or the whole domain."""
    arn = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/01234567-89ab-cdef-0123-456789abcdef"
    before = account.before(config(load_balancer=HTTPS | {"certificate_arn": arn}))
    found = one(before.domain(), "Certificate")
    assert "it is not there in us-east-1" in found.seen
    assert found.mend.endswith("--validation-method DNS --domain-name airflow.example.com")
    real = vars(BaseClient)["_make_api_call"]
    known: dict[str, Any] = {"DomainName": "airflow.example.com", "Status": "ISSUED"}

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        return {"Certificate": known} if operation == "DescribeCertificate" else real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    assert one(before.domain(), "Certificate").state is State.OK
    known["DomainName"] = "*.example.com"
    assert one(before.domain(), "Certificate").state is State.OK
    known["DomainName"] = "example.com"
    assert "it is for example.com, and not for airflow.example.com" in one(before.domain(), "Certificate").seen
    known["Status"] = "PENDING_VALIDATION"
    assert "it is pending validation" in one(before.domain(), "Certificate").seen


def test_rights(account: Account) -> None:
    """Rule: what IAM's simulation refuses is named; resources and tags are the stack's, so a narrow role passes."""
    account.denied = {"iam:PassRole", "ecs:CreateService"}
    found = one(account.before(config()).rights(), "Rights")
    assert found.state is State.WARNING
    assert found.seen == "ann may not ecs:CreateService, iam:PassRole"
    command, _, document = found.mend.partition(" --policy-document ")
    assert command == "aws iam put-user-policy --user-name ann --policy-name airflow-stack-deploy"
    (allowed,) = json.loads(document.strip("'"))["Statement"]
    assert set(allowed["Action"]) == account.denied
    boto3.client("iam").create_user(UserName="ann")
    boto3.client("iam").put_user_policy(UserName="ann", PolicyName="deploy", PolicyDocument=document.strip("'"))
    for asked in account.simulated:
        (resource,) = asked["ResourceArns"]
        assert resource == "*" or ("*" not in resource and resource.startswith("arn:aws:"))
        assert {entry["ContextKeyName"] for entry in asked["ContextEntries"]} == {
            "aws:ResourceTag/airflow-stack", "aws:RequestTag/airflow-stack",
        }  # fmt: skip
    names = [name for asked in account.simulated for name in asked["ActionNames"]]
    assert len(names) == len(set(names)) > 150


@pytest.mark.parametrize("path", ["/", "/sso/"])
def test_whose_rights(account: Account, path: str) -> None:
    """Rule: a session is asked for by its role, wherever that stands; the account's root may do everything."""
    role = boto3.client("iam").create_role(RoleName="Deployer", AssumeRolePolicyDocument="{}", Path=path)["Role"]["Arn"]
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/ann@example.com"
    assert one(account.before(config(), session).rights(), "Rights").state is State.OK
    assert {asked["PolicySourceArn"] for asked in account.simulated} == {role}
    root = one(account.before(config(), f"arn:aws:iam::{ACCOUNT}:root").rights(), "Rights")
    assert "root" in root.seen


# --- what can't be asked ---------------------------------------------------------------------------------------------


def test_what_may_not_be_asked_is_one_line_each(account: Account) -> None:
    """Rule: a refusal costs its own line alone, says which call it was, and shows no traceback."""
    account.refused = {"GetServiceQuota", "SimulatePrincipalPolicy"}
    found = account.report(config())
    refused = [finding for finding in found if "AWS refuses" in finding.seen]
    assert {finding.what for finding in refused} == {
        "Rights", "Quota: Fargate vCPUs, on demand", "Quota: Fargate vCPUs, Spot", "Quota: load balancers",
        "Quota: VPCs", "Quota: rules of a security group",
    }  # fmt: skip
    assert {finding.state for finding in refused} == {State.WARNING}
    assert one(found, "Zones").state is State.OK
    assert all("you may not" in finding.seen for finding in refused)


def test_no_credentials_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: without credentials nothing is asked, and that is said once."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    (group,) = aws_before.examine("prod", planned(config()), lambda _: None)
    (found,) = group.findings
    assert found.seen == "there are no AWS credentials"
    assert "aws sso login" in found.mend


def test_a_stack_that_is_not_deployed_is_looked_at(
    account: Account, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: doctor says that nothing is deployed yet, and asks AWS what the first deployment needs."""
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.delenv("PULUMI_ACCESS_TOKEN", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(program / "home"))
    account.zones = {"a": "euc1-az1", "b": "euc1-az2"}
    said: list[str] = []
    groups = doctor._running(target_of(config(), program, "prod"), said.append, deep=False)
    assert groups[0].findings[0].seen == "stack 'prod' is not up: nothing of it is deployed yet"
    assert groups[0].findings[0].mend == "pulumi up --stack prod"
    assert groups[1].title == "Before the first deployment of prod"
    assert said == ["nothing of stack 'prod' is deployed: asking AWS what its first deployment needs"]
