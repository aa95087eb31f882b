"""``target.load_balancer``: the only thing that is reachable from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import acm, lb, route53

from airflow_stack.backends.aws.plan.entry import Entry
from airflow_stack.config.aws.network import LoadBalancerConfig, OidcConfig

if TYPE_CHECKING:
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups

# TLS 1.3 and 1.2 with forward secrecy and authenticated ciphers alone.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
# Seconds after which somebody who logged in at the load balancer does so again: half a day, where AWS has a week.
SESSION_SECONDS = 43_200


class LoadBalancer(pulumi.ComponentResource):
    """An application load balancer in front of the webserver, with certificate and name where there is a domain.

    There are no access logs: they would need a bucket policy for AWS's own account, and cost by what they hold.
    """

    url: pulumi.Output[str]
    """Of the UI, without a slash at the end."""
    target_group_arn: pulumi.Output[str]
    listeners: list[pulumi.Resource]
    """ECS refuses a service whose target group no listener has yet: the webserver's depends on them."""
    arn_suffix: pulumi.Output[str]
    """What CloudWatch knows it by."""
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        planned: Entry,
        network: Network,
        groups: SecurityGroups,
        oidc_client_secret: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """ValueError where config asks for OIDC and there is no client secret."""
        super().__init__("airflow-stack:aws:LoadBalancer", name, None, opts)
        self._name, self._prefix = name, planned.prefix
        self._child = pulumi.ResourceOptions(parent=self)
        settings = planned.asked
        balancer = lb.LoadBalancer(
            # AWS allows 32 characters, of which the name that Pulumi makes of this one adds 8.
            f"{name}-lb",
            load_balancer_type="application",
            internal=False,
            subnets=network.public_subnet_ids,
            security_groups=[groups.load_balancer_id],
            # Against request smuggling: what a proxy and gunicorn could read in two ways goes no further.
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            idle_timeout=60,
            # It holds no data: what protects the stack is the database, at which a destroy ends.
            enable_deletion_protection=False,
            tags=self._tags("lb"),
            opts=self._child,
        )
        target_group = lb.TargetGroup(
            # Port and VPC can't be changed: a new group needs a name beside the old one's, which Pulumi makes.
            f"{name}-web",
            target_type="ip",
            port=planned.port,
            protocol="HTTP",
            vpc_id=network.vpc_id,
            # Requests of the UI are short; AWS's own 300 would only delay each deployment.
            deregistration_delay=30,
            # It answers 200 with a dead scheduler too, which is right here: the UI that shows it must stay up.
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                path=planned.health,
                port="traffic-port",
                protocol="HTTP",
                matcher="200",
                interval=30,
                timeout=10,
                healthy_threshold=2,
                unhealthy_threshold=3,
            ),
            # Sessions are in a signed cookie or in the database: any webserver can answer.
            stickiness=lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=False),
            tags=self._tags("web"),
            opts=self._child,
        )
        login = [] if settings.oidc is None else [_login(settings.oidc, oidc_client_secret)]
        forward = lb.ListenerDefaultActionArgs(type="forward", order=len(login) + 1, target_group_arn=target_group.arn)
        if settings.domain is None:
            self.listeners = [self._http(balancer, forward)]
            self.url = balancer.dns_name.apply(lambda dns_name: f"http://{dns_name}")
        else:
            certificate_arn = self._certificate(settings, settings.domain, balancer)
            self.listeners = [
                self._https(balancer, certificate_arn, [*login, forward]),
                self._http(balancer, _redirect()),
            ]
            self.url = pulumi.Output.from_input(f"https://{settings.domain}")
        self.target_group_arn = target_group.arn
        self.arn_suffix, self.target_group_arn_suffix = balancer.arn_suffix, target_group.arn_suffix
        self.register_outputs({})

    def _certificate(self, settings: LoadBalancerConfig, domain: str, balancer: lb.LoadBalancer) -> pulumi.Input[str]:
        """The ARN of the one that is there; else of a new one, once it is validated by the domain's own zone."""
        if settings.hosted_zone_id is None:
            return settings.certificate_arn or ""
        certificate = acm.Certificate(
            f"{self._name}-certificate",
            domain_name=domain,
            validation_method="DNS",
            tags=self._tags("certificate"),
            opts=self._child,
        )
        asked = certificate.domain_validation_options[0]
        proof = route53.Record(
            f"{self._name}-certificate-proof",
            zone_id=settings.hosted_zone_id,
            name=asked.resource_record_name,
            type=asked.resource_record_type,
            records=[asked.resource_record_value],
            ttl=300,
            # The same for every certificate of this domain in this account: another stack may have left it there.
            allow_overwrite=True,
            opts=self._child,
        )
        validated = acm.CertificateValidation(
            f"{self._name}-certificate-validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn],
            opts=self._child,
        )
        route53.Record(
            f"{self._name}-domain",
            zone_id=settings.hosted_zone_id,
            name=domain,
            type="A",
            aliases=[
                # One load balancer: there is no other one that its health could lead to.
                route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False)
            ],
            opts=self._child,
        )
        return validated.certificate_arn

    def _http(self, balancer: lb.LoadBalancer, action: lb.ListenerDefaultActionArgs) -> lb.Listener:
        return lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[action],
            opts=self._child,
        )

    def _https(
        self,
        balancer: lb.LoadBalancer,
        certificate_arn: pulumi.Input[str],
        actions: list[lb.ListenerDefaultActionArgs],
    ) -> lb.Listener:
        return lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate_arn,
            default_actions=actions,
            opts=self._child,
        )

    def _tags(self, purpose: str) -> dict[str, str]:
        """What the console shows as a name."""
        return {"Name": f"{self._prefix}-{purpose}"}


def _redirect() -> lb.ListenerDefaultActionArgs:
    return lb.ListenerDefaultActionArgs(
        type="redirect",
        order=1,
        redirect=lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port="443", status_code="HTTP_301"),
    )


def _login(oidc: OidcConfig, client_secret: pulumi.Output[str] | None) -> lb.ListenerDefaultActionArgs:
    if client_secret is None:
        raise ValueError("target.load_balancer.oidc needs the secret oidc_client_secret")
    return lb.ListenerDefaultActionArgs(
        type="authenticate-oidc",
        order=1,
        authenticate_oidc=lb.ListenerDefaultActionAuthenticateOidcArgs(
            issuer=oidc.issuer,
            authorization_endpoint=oidc.authorization_endpoint,
            token_endpoint=oidc.token_endpoint,
            user_info_endpoint=oidc.user_info_endpoint,
            client_id=oidc.client_id,
            client_secret=pulumi.Output.secret(client_secret),
            scope="openid",
            on_unauthenticated_request="authenticate",
            session_timeout=SESSION_SECONDS,
        ),
    )
