"""``target.network``, ``target.load_balancer``: where the stack stands, and who reaches it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from airflow_stack.config.aws.types import (
    CertificateArn,
    Cidr,
    Domain,
    HostedZoneId,
    HttpsUrl,
    SubnetId,
    Unique,
    VpcId,
    ZoneLetter,
    cidr,
)
from airflow_stack.config.errors import RuleError
from airflow_stack.config.types import Line, Section, kind_by_default

PREFIXES = range(16, 25)


class OwnNetwork(Section):
    """A VPC of the stack's own: a public and a private subnet in each zone."""

    kind: Literal["own"] = "own"
    cidr: Cidr = Field(
        "10.0.0.0/21",
        description="Addresses of the VPC, /16 to /24. Each zone gets a public and a private subnet of equal size.",
        examples=["10.0.0.0/21"],
    )
    zones: Annotated[list[ZoneLetter], Unique] = Field(
        default_factory=lambda: ["a", "b"],
        min_length=2,
        max_length=4,
        description="Letters of the availability zones. Two at least: the load balancer and the database need them.",
        examples=[["a", "b"]],
    )

    @field_validator("cidr")
    @classmethod
    def _size(cls, value: str) -> str:
        if cidr(value).prefixlen not in PREFIXES:
            raise ValueError("must be a network of /16 to /24: its subnets are an eighth of it at the least")
        if not cidr(value).is_private:
            raise ValueError("must be a private network, of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
        if cidr(value).overlaps(cidr("172.17.0.0/16")):
            raise ValueError("overlaps 172.17.0.0/16, which AWS's own services use for Docker: take another one")
        return value


class ExistingNetwork(Section):
    """A VPC that is already there. Its private subnets must lead to the internet or to VPC endpoints."""

    kind: Literal["existing"]
    vpc_id: VpcId = Field(description="Id of the VPC.")
    public_subnet_ids: Annotated[list[SubnetId], Unique] = Field(
        min_length=2,
        description="Subnets of the load balancer, in two zones at least.",
        examples=[["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"]],
    )
    private_subnet_ids: Annotated[list[SubnetId], Unique] = Field(
        min_length=2,
        description="Subnets of the tasks and the database, in two zones at least.",
        examples=[["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"]],
    )

    @model_validator(mode="after")
    def _public_is_not_private(self) -> ExistingNetwork:
        """One subnet in both lists would put the database where the load balancer is."""
        if set(self.public_subnet_ids) & set(self.private_subnet_ids):
            raise RuleError("private_subnet_ids", "names a subnet of public_subnet_ids: a subnet is one or the other")
        return self


NetworkConfig = Annotated[OwnNetwork | ExistingNetwork, Field(discriminator="kind"), kind_by_default("own")]


class OidcConfig(Section):
    """Login at the load balancer, before Airflow's own. The client's secret is the secret ``oidc_client_secret``."""

    issuer: HttpsUrl = Field(description="The provider's issuer.", examples=["https://login.example.com"])
    authorization_endpoint: HttpsUrl = Field(description="Where a browser logs in.")
    token_endpoint: HttpsUrl = Field(description="Where the load balancer gets the token.")
    user_info_endpoint: HttpsUrl = Field(description="Where the load balancer gets the claims.")
    client_id: Line = Field(description="Client id that the provider has given.", examples=["airflow"])


# Inbound rules of a security group, by AWS's default quota. Each network takes one for each port.
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
INBOUND_RULES = 60


class LoadBalancerConfig(Section):
    """``target.load_balancer``: the only thing that is reachable from outside."""

    allowed_cidrs: Annotated[list[Cidr], Unique] = Field(
        default_factory=list,
        description="Who may reach the UI. Nobody by default, which is an error: name your office or VPN."
        " 0.0.0.0/0 is everyone.",
        examples=[["203.0.113.0/24"]],
    )
    domain: Domain | None = Field(None, description="Name of the UI, for HTTPS.", examples=["airflow.example.com"])
    hosted_zone_id: HostedZoneId | None = Field(
        None, description="Route 53 zone of the domain: the certificate is validated and the name is set there."
    )
    certificate_arn: CertificateArn | None = Field(
        None, description="Certificate for the domain, where its zone is not in Route 53. You set the name yourself."
    )
    plain_http: bool = Field(
        False, description="Serve HTTP without encryption: passwords and sessions cross the network in clear."
    )
    oidc: OidcConfig | None = Field(None, description="Login by OpenID Connect at the load balancer.")

    @field_validator("allowed_cidrs")
    @classmethod
    def _somebody(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("must name the networks that may reach the UI; 0.0.0.0/0 is everyone")
        for number, one in enumerate(value):
            for other in value[number + 1 :]:
                if cidr(one).overlaps(cidr(other)):
                    raise ValueError(f"{one} overlaps {other}: keep the larger one")
        return value

    @model_validator(mode="after")
    def _encrypted_or_asked_for(self) -> LoadBalancerConfig:
        """HTTPS needs a name and a certificate for it; HTTP must be somebody's wish."""
        if self.domain is None:
            if not self.plain_http:
                raise RuleError(
                    "domain",
                    "is required for HTTPS, with hosted_zone_id or certificate_arn; without it, say plain_http: true",
                    put=("domain", "airflow.example.com"),
                )
            for key in ("hosted_zone_id", "certificate_arn", "oidc"):
                if getattr(self, key) is not None:
                    raise RuleError(key, "needs HTTPS, and that needs domain", put=("domain", "airflow.example.com"))
            return self
        if self.plain_http:
            raise RuleError("plain_http", "excludes domain, with which the UI is served by HTTPS", remove="plain_http")
        if self.hosted_zone_id is not None and self.certificate_arn is not None:
            raise RuleError(
                "certificate_arn",
                "excludes hosted_zone_id, with which the stack makes its own",
                remove="certificate_arn",
            )
        if self.hosted_zone_id is None and self.certificate_arn is None:
            raise RuleError(
                "hosted_zone_id",
                "is required by domain: its zone in Route 53; or certificate_arn, where the zone is elsewhere",
                put=("hosted_zone_id", "Z0123456789ABCDEFGHIJ"),
            )
        return self

    @model_validator(mode="after")
    def _fit_a_security_group(self) -> LoadBalancerConfig:
        """AWS refuses the rule beyond its quota, in the middle of a deployment."""
        ports, taken = (2, "two, for HTTPS and the redirect from HTTP,") if self.https else (1, "one")
        most = INBOUND_RULES // ports
        if len(self.allowed_cidrs) > most:
            raise RuleError(
                "allowed_cidrs",
                f"must name at most {most} networks, not {len(self.allowed_cidrs)}: each takes {taken} of the"
                f" {INBOUND_RULES} inbound rules that AWS allows a security group; join networks to larger ones",
            )
        return self

    @property
    def https(self) -> bool:
        """Whether the UI is served by HTTPS."""
        return self.domain is not None
