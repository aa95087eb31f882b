"""What AWS can say before a stack's first deployment: zones, quotas, roles of its services, domain, rights."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.github import linked_services
from airflow_stack.backends.aws.plan.github_rights import TAG, PartsRights
from airflow_stack.backends.aws.plan.network import ExistingVpc, OwnVpc
from airflow_stack.backends.aws.plan.refs import ACCOUNT, PARTITION, fill
from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.doctor.aws_needs import addresses, tasks_at_most, vcpus
from airflow_stack.operations.doctor.finding import Finding, Group, Look, State, missing, ok, run, warning
from airflow_stack.operations.image_build import Say

# Seconds for all that one look asks AWS.
LIMIT = 30.0

# Ids of the zones without Fargate; a zone's letter is another one in each account.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
WITHOUT_FARGATE = ("use1-az3", "usw1-az2", "apne1-az3")

# The name that a service gives its own role, by the service.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
LINKED = {
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
    "elasticache.amazonaws.com": "AWSServiceRoleForElastiCache",
}

# Actions of one call of SimulatePrincipalPolicy.
ASKED = 50
# Actions that are refused and named; the others are counted.
NAMED = 5


@dataclass(frozen=True)
class Quota:
    """What the stack takes of a quota, beside what the account takes already."""

    name: str
    service: str
    code: str
    """Service Quotas' own, the same in each region."""
    needed: float
    used: Callable[[], int] | None = None
    """None: AWS counts it nowhere that can be asked in one call."""


def examine(stack: str, plan: AwsPlan, say: Say) -> list[Group]:
    """What AWS says where nothing is deployed; one line where it can't be asked."""
    say(f"nothing of stack {stack!r} is deployed: asking AWS what its first deployment needs")
    try:
        return run(looks(stack, plan))
    except OperationError as error:
        wrong, _, rest = str(error).partition("\n")
        cost = "zones, quotas, roles, domain and rights are not known before the first deployment"
        line = Finding("Not asked", State.WARNING, wrong.rstrip("."), cost, rest)
        return [Group(f"Before the first deployment of {stack}", (line,))]


def looks(stack: str, plan: AwsPlan) -> list[Look]:
    """What to look at, in the report's order. Raises OperationError where there are no credentials to ask with."""
    with plain_errors(plan.region):
        identity = client("sts", plan.region).get_caller_identity()
    before = Before(stack, plan, str(identity["Account"]), str(identity["Arn"]))
    asked: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("Zones", before.zones),
        ("Addresses", before.addresses),
        *((f"Quota: {quota.name}", _one(before, quota)) for quota in before.quotas()),
        ("Service-linked roles", before.linked_roles),
        ("Domain", before.domain),
        ("Rights", before.rights),
    ]
    title = f"Before the first deployment of {stack}"
    return [Look(title, what, _plainly(plan.region, look), LIMIT) for what, look in asked]


def _one(before: Before, quota: Quota) -> Callable[[], Iterable[Finding]]:
    return lambda: [before.quota(quota)]


def _plainly(region: str, look: Callable[[], Iterable[Finding]]) -> Callable[[], list[Finding]]:
    def asked() -> list[Finding]:
        with plain_errors(region):
            return list(look())

    return asked


@dataclass(frozen=True)
class Before:
    """An account and a region, asked for what one stack needs of them."""

    stack: str
    plan: AwsPlan
    account: str
    caller: str
    """ARN of who asks."""

    def _client(self, service: str) -> Any:
        return client(service, self.plan.region)

    @property
    def _own(self) -> OwnVpc | None:
        vpc = self.plan.network.vpc
        return vpc if isinstance(vpc, OwnVpc) else None

    # --- zones -------------------------------------------------------------------------------------------------------

    def zones(self) -> Iterator[Finding]:
        """Each zone is there for this account, and runs Fargate."""
        vpc = self.plan.network.vpc
        if isinstance(vpc, ExistingVpc):
            yield from self._existing_zones(vpc)
            return
        region = self.plan.region
        answer = self._client("ec2").describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
        )
        ids = {one["ZoneName"]: one["ZoneId"] for one in answer["AvailabilityZones"] if one["State"] == "available"}
        good = [name.removeprefix(region) for name in sorted(ids) if ids[name] not in WITHOUT_FARGATE]
        bad = [letter for letter in vpc.letters if letter not in good]
        for letter in bad:
            name = f"{region}{letter}"
            wrong = f"has no Fargate ({ids[name]})" if name in ids else "is not there for this account"
            cost = "no task runs there" if name in ids else "the first deployment fails at its subnets"
            yield missing(
                f"Zone {letter}", f"{name} {wrong}; there are {', '.join(good)}", cost, self._other(bad, good)
            )
        if not bad:
            yield ok("Zones", ", ".join(f"{letter} is {ids[region + letter]}" for letter in vpc.letters))

    def _existing_zones(self, vpc: ExistingVpc) -> Iterator[Finding]:
        ids = [*vpc.public, *vpc.private]
        found = self._client("ec2").describe_subnets(Filters=[{"Name": "subnet-id", "Values": ids}])["Subnets"]
        there = {one["SubnetId"]: one for one in found}
        bad = False
        for subnet in ids:
            key = "public_subnet_ids" if subnet in vpc.public else "private_subnet_ids"
            listed = f"aws ec2 describe-subnets --region {self.plan.region} --filters Name=vpc-id,Values={vpc.vpc_id}"
            wrong = "is not there" if subnet not in there else ""
            if not wrong and subnet in vpc.private and there[subnet].get("AvailabilityZoneId") in WITHOUT_FARGATE:
                wrong = f"is in a zone without Fargate ({there[subnet]['AvailabilityZoneId']})"
            if wrong:
                bad = True
                yield missing("Subnet", f"{subnet} of target.network.{key} {wrong}", "no task runs there", listed)
        if not bad:
            yield ok("Zones", f"{len(ids)} subnets are there")

    def addresses(self) -> Iterator[Finding]:
        """Each task has one of its subnets' addresses: whether there are enough with all workers."""
        network, plan = self.plan.network, self.plan
        tasks = tasks_at_most(plan)
        subnets = list(network.vpc.public if network.public_ip else network.vpc.private)
        if isinstance(network.vpc, OwnVpc):
            free = sum(addresses(subnet) for subnet in subnets)
        else:
            found = self._client("ec2").describe_subnets(Filters=[{"Name": "subnet-id", "Values": subnets}])["Subnets"]
            free = sum(int(one["AvailableIpAddressCount"]) for one in found)
        seen = f"{tasks} tasks at most, {free} free addresses in their subnets"
        if tasks <= free:
            yield ok("Addresses", seen)
            return
        elastic = next(service for service in plan.services if service.elastic)
        most = max(1, elastic.most - (tasks - free))
        yield warning(
            "Addresses", seen, "tasks beyond it do not start: they wait",
            f"pulumi config set --stack {self.stack} --path airflow-stack:{elastic.family.section}.max {most}",
        )  # fmt: skip

    def _other(self, bad: list[str], good: list[str]) -> str:
        """The command that takes other zones instead."""
        kept = [letter for letter in (self._own.letters if self._own else ()) if letter not in bad]
        free = [letter for letter in good if letter not in kept]
        zones = [*kept, *free[: len(bad)]]
        path = f"pulumi config set --stack {self.stack} --path 'airflow-stack:target.network.zones[{{}}]' {{}}"
        return " && ".join(path.format(number, letter) for number, letter in enumerate(zones))

    # --- quotas ------------------------------------------------------------------------------------------------------

    def quotas(self) -> list[Quota]:
        """Those that a new account may not have enough of."""
        on_demand, spot = vcpus(self.plan)
        found = [Quota("Fargate vCPUs, on demand", "fargate", "L-3032A538", on_demand)]
        if spot:
            found.append(Quota("Fargate vCPUs, Spot", "fargate", "L-36FBB829", spot))
        balancers = self._counted("elbv2", "describe_load_balancers", "LoadBalancers")
        found.append(Quota("load balancers", "elasticloadbalancing", "L-53DA6B97", 1, balancers))
        if self._own is not None:
            found.append(Quota("VPCs", "vpc", "L-F678F1CE", 1, self._counted("ec2", "describe_vpcs", "Vpcs")))
            if gateways := len(self._own.nat_zones):
                addresses = self._counted("ec2", "describe_addresses", "Addresses")
                found.append(Quota("Elastic IPs", "ec2", "L-0263D0A3", gateways, addresses))
                found.append(Quota("NAT gateways in a zone", "vpc", "L-FE5A380F", 1))
        balancer = self.plan.entry.asked
        rules = len(balancer.allowed_cidrs) * (2 if balancer.https else 1)
        found.append(Quota("rules of a security group", "vpc", "L-0EA8095F", rules))
        return found

    def _counted(self, service: str, call: str, key: str) -> Callable[[], int]:
        def count() -> int:
            asked = self._client(service)
            if not asked.can_paginate(call):
                return len(getattr(asked, call)()[key])
            return sum(len(page[key]) for page in asked.get_paginator(call).paginate())

        return count

    def quota(self, quota: Quota) -> Finding:
        """Whether there is room for the stack beside what there is."""
        answer = self._client("service-quotas").get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
        allowed = float(answer["Quota"]["Value"])
        used = quota.used() if quota.used else 0
        what = f"Quota: {quota.name}"
        taken = f", of which {used} are taken" if quota.used else ""
        seen = f"{quota.needed:g} needed, {allowed:g} allowed{taken}"
        if used + quota.needed <= allowed:
            return ok(what, seen)
        vcpu = quota.service == "fargate"
        cost = "tasks beyond it do not start: they wait" if vcpu else "the deployment ends with an error of AWS"
        return (warning if vcpu else missing)(
            what, seen, cost,
            f"aws service-quotas request-service-quota-increase --region {self.plan.region}"
            f" --service-code {quota.service} --quota-code {quota.code}"
            f" --desired-value {math.ceil(used + quota.needed)}",
        )  # fmt: skip

    # --- roles, domain, rights ---------------------------------------------------------------------------------------

    def linked_roles(self) -> Iterator[Finding]:
        """The roles that AWS's services make for themselves, once in an account."""
        iam = self._client("iam")
        lacking = []
        for service in linked_services(self.plan):
            try:
                iam.get_role(RoleName=LINKED[service])
            except iam.exceptions.NoSuchEntityException:
                lacking.append(service)
        for service in lacking:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
            cost = (
                "the first update makes it, and waits up to three minutes until ECS can use it"
                if service == "ecs.amazonaws.com"
                else "the first update makes it, which needs iam:CreateServiceLinkedRole"
            )
            mend = f"aws iam create-service-linked-role --aws-service-name {service}"
            yield warning("Service-linked role", f"{LINKED[service]} is not there yet", cost, mend)
        if not lacking:
            yield ok("Service-linked roles", "all are there")

    def domain(self) -> Iterator[Finding]:
        """The zone is the domain's own and public; a certificate is valid, and for that domain."""
        balancer = self.plan.entry.asked
        if balancer.hosted_zone_id is not None and balancer.domain is not None:
            yield self._zone(balancer.hosted_zone_id, balancer.domain)
        elif balancer.certificate_arn is not None and balancer.domain is not None:
            yield self._certificate(balancer.certificate_arn, balancer.domain)
        else:
            yield ok("Domain", "none: plain HTTP at the load balancer's own name")

    def _zone(self, zone_id: str, domain: str) -> Finding:
        key = "target.load_balancer.hosted_zone_id"
        cost = "the certificate is never validated, and the first deployment waits for it until it fails"
        route53 = self._client("route53")
        try:
            zone = route53.get_hosted_zone(Id=zone_id)["HostedZone"]
        except route53.exceptions.NoSuchHostedZone:
            mend = self._other_zone(route53, domain)
            return missing("Domain", f"there is no zone {zone_id} in this account: {key}", cost, mend)
        name = str(zone["Name"]).rstrip(".")
        if zone.get("Config", {}).get("PrivateZone"):
            mend = self._other_zone(route53, domain)
            return missing("Domain", f"zone {zone_id} ({name}) is a private one: {key}", cost, mend)
        if domain != name and not domain.endswith(f".{name}"):
            mend = self._other_zone(route53, domain)
            return missing("Domain", f"{domain} is not in zone {zone_id}, which is {name}: {key}", cost, mend)
        return ok("Domain", f"{domain} is in zone {name}")

    def _other_zone(self, route53: Any, domain: str) -> str:
        """The command that names the domain's own public zone, or makes one where there is none."""
        zones = {
            str(zone["Name"]).rstrip("."): str(zone["Id"]).rpartition("/")[2]
            for page in route53.get_paginator("list_hosted_zones").paginate()
            for zone in page["HostedZones"]
            if not zone.get("Config", {}).get("PrivateZone")
        }
        if fitting := [name for name in zones if domain == name or domain.endswith(f".{name}")]:
            key = "airflow-stack:target.load_balancer.hosted_zone_id"
            return f"pulumi config set --stack {self.stack} --path {key} {zones[max(fitting, key=len)]}"
        return f"aws route53 create-hosted-zone --caller-reference airflow-stack --name {domain.partition('.')[2]}"

    def _certificate(self, arn: str, domain: str) -> Finding:
        key, region = "target.load_balancer.certificate_arn", self.plan.region
        request = f"aws acm request-certificate --region {region} --validation-method DNS --domain-name {domain}"
        cost = "the load balancer refuses it, and the first deployment fails"
        acm = self._client("acm")
        try:
            found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        except acm.exceptions.ResourceNotFoundException:
            return missing("Certificate", f"it is not there in {region}: {key}", cost, request)
        names = {str(found["DomainName"]), *found.get("SubjectAlternativeNames", [])}
        if found["Status"] != "ISSUED":
            look = f"aws acm describe-certificate --region {region} --certificate-arn {arn}"
            wrong = f"it is {found['Status'].lower().replace('_', ' ')}: {key}"
            return missing("Certificate", wrong, cost, look)
        if not names & {domain, f"*.{domain.partition('.')[2]}"}:
            wrong = f"it is for {', '.join(sorted(names))}, and not for {domain}: {key}"
            return missing("Certificate", wrong, "browsers warn of the name", request)
        return ok("Certificate", f"issued for {domain}")

    def rights(self) -> Iterator[Finding]:
        """What IAM says of the calls of a deployment; whoever asks may have no right to ask."""
        source = self._principal()
        if source is None:
            yield ok("Rights", "the account's root may do everything")
            return
        denied: set[str] = set()
        asked = 0
        for actions, resource in self._wanted():
            asked += len(actions)
            denied |= self._denied(source, actions, resource)
        if denied:
            named = sorted(denied)[:NAMED]
            more = f" and {len(denied) - NAMED} more" if len(denied) > NAMED else ""
            yield warning(
                "Rights", f"{source.rpartition('/')[2]} may not {', '.join(named)}{more}",
                "the deployment ends where it needs the first",
                _allow(source, named),
            )  # fmt: skip
        else:
            yield ok("Rights", f"{asked} actions of a deployment are allowed, by IAM's simulation")

    def _principal(self) -> str | None:
        """ARN of the user or role that asks; None for the account's root."""
        kind, _, name = self.caller.split(":", 5)[5].partition("/")
        if kind == "root":
            return None
        if kind == "assumed-role":
            # A session's name says nothing of the role's path.
            return str(self._client("iam").get_role(RoleName=name.partition("/")[0])["Role"]["Arn"])
        return self.caller

    def _wanted(self) -> Iterator[tuple[list[str], str]]:
        """Actions, and one resource of each statement that the deploy role has: a resource of the stack's names."""
        plan, rights = self.plan, PartsRights(self.plan)
        known_arns = {PARTITION: self.caller.split(":")[1], ACCOUNT: self.account}
        known: set[str] = set()
        for statement in (
            *rights.network(), *rights.entry(), *rights.data(), *rights.compute(), *rights.watching(),
        ):  # fmt: skip
            actions = sorted(set(statement["Action"]) - known)
            known |= set(actions)
            if actions:
                yield actions, fill(str(statement["Resource"][0]), known_arns)
        # The name of any role of its tasks: what may be done with one may be done with all.
        one = plan.families[0].role.name
        role = fill(f"arn:{PARTITION}:iam::{ACCOUNT}:role/{plan.name}-{plan.region}-{one}", known_arns)
        yield [f"iam:{action}" for action in ("CreateRole", "DeleteRole", "GetRole", "PassRole", "PutRolePolicy")], role

    def _denied(self, source: str, actions: list[str], resource: str) -> set[str]:
        tags = [
            {"ContextKeyName": f"aws:{kind}/{TAG}", "ContextKeyType": "string",
             "ContextKeyValues": [self.plan.name]}
            for kind in ("ResourceTag", "RequestTag")
        ]  # fmt: skip
        found: set[str] = set()
        for start in range(0, len(actions), ASKED):
            answer = self._client("iam").simulate_principal_policy(
                PolicySourceArn=source,
                ActionNames=actions[start : start + ASKED],
                ResourceArns=["*" if resource == "*" else resource.replace("*", "x")],
                ContextEntries=tags,
            )
            found |= {one["EvalActionName"] for one in answer["EvaluationResults"] if one["EvalDecision"] != "allowed"}
        return found


def _allow(source: str, actions: list[str]) -> str:
    """The command by which an administrator gives a user or a role these rights."""
    kind = source.split(":", 5)[5].partition("/")[0]
    document = {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
    }  # fmt: skip
    return (
        f"aws iam put-{kind}-policy --{kind}-name {source.rpartition('/')[2]} --policy-name airflow-stack-deploy"
        f" --policy-document '{json.dumps(document, separators=(',', ':'))}'"
    )
