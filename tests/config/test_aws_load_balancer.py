"""Rules of `target.load_balancer` on AWS: who reaches the UI, and by which way."""

from __future__ import annotations

import json

from config.rows import AWS, Row, merged, table

BARE = {"kind": "aws", "region": "us-east-1"}
CLOSED = {**BARE, "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"]}}
DOMAIN = merged(CLOSED, {"load_balancer": {"domain": "airflow.example.com"}})
HTTPS = merged(DOMAIN, {"load_balancer": {"hosted_zone_id": "Z0123456789ABCDEFGHIJ"}})
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
ELSEWHERE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
SIGN_IN = {
    "issuer": "https://login.example.com",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "user_info_endpoint": "https://login.example.com/userinfo",
    "client_id": "airflow",
}
WITHOUT_TOKENS = {key: value for key, value in SIGN_IN.items() if key != "token_endpoint"}
OIDC = merged(HTTPS, {"load_balancer": {"oidc": SIGN_IN}})


@table(
    Row(
        "allowed-cidr-is-an-address",
        "target: {load_balancer: {allowed_cidrs: [203.0.113.7]}}",
        "target.load_balancer.allowed_cidrs[0]",
        "must be an IPv4 CIDR, with its mask",
        "203.0.113.0/24",
        editor=False,
    ),
    Row(
        "allowed-cidr-of-ipv6",
        "target: {load_balancer: {allowed_cidrs: ['2001:db8::/32']}}",
        "target.load_balancer.allowed_cidrs[0]",
        "must be an IPv4 CIDR; it is none",
        "203.0.113.0/24",
        editor=False,
    ),
    Row(
        "allowed-cidrs-overlap",
        "target: {load_balancer: {allowed_cidrs: [203.0.113.0/24, 203.0.113.128/25]}}",
        "target.load_balancer.allowed_cidrs",
        "203.0.113.0/24 overlaps 203.0.113.128/25: keep the larger one",
        '["203.0.113.0/24"]',
        fix="edit",
        editor=False,
    ),
    Row(
        "nobody-allowed",
        "target: {load_balancer: {allowed_cidrs: []}}",
        "target.load_balancer.allowed_cidrs",
        "must name the networks that may reach the UI; 0.0.0.0/0 is everyone",
        '["203.0.113.0/24"]',
        fix="edit",
        editor=False,
    ),
    Row(
        "oidc-without-domain",
        f"target: {{load_balancer: {{oidc: {json.dumps(SIGN_IN)}}}}}\noidc_client_secret: {{secure: AAABAKx9}}",
        "target.load_balancer.oidc",
        "needs HTTPS, and that needs domain",
        "airflow.example.com",
        fix="set target.load_balancer.domain",
        editor=False,
        at_once=False,
    ),
    Row(
        "zone-without-domain",
        "target: {load_balancer: {hosted_zone_id: Z0123456789ABCDEFGHIJ}}",
        "target.load_balancer.hosted_zone_id",
        "needs HTTPS, and that needs domain",
        "airflow.example.com",
        fix="set target.load_balancer.domain",
        editor=False,
        at_once=False,
    ),
    target=AWS,
)
def test_who_may_reach_the_ui_and_how(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "domain-is-a-url",
        "target: {load_balancer: {domain: 'https://airflow.example.com'}}",
        "target.load_balancer.domain",
        "must be a domain name of at most 64 characters, in lower case, without https:// and without a path",
        "airflow.example.com",
        editor=False,
    ),
    Row(
        "domain-with-zone-and-certificate",
        f"target: {{load_balancer: {{certificate_arn: '{CERTIFICATE}'}}}}",
        "target.load_balancer.certificate_arn",
        "excludes hosted_zone_id, with which the stack makes its own",
        fix="remove",
        editor=False,
    ),
    Row(
        "http-with-domain",
        "target: {load_balancer: {plain_http: true}}",
        "target.load_balancer.plain_http",
        "excludes domain, with which the UI is served by HTTPS",
        fix="remove",
        editor=False,
    ),
    Row(
        "oidc-without-token-endpoint",
        f"target: {{load_balancer: {{oidc: {json.dumps(WITHOUT_TOKENS)}}}}}\noidc_client_secret: {{secure: AAABAKx9}}",
        "target.load_balancer.oidc.token_endpoint",
        "is required",
        "https://login.example.com/oauth2/token",
    ),
    Row(
        "zone-is-a-name",
        "target: {load_balancer: {hosted_zone_id: example.com}}",
        "target.load_balancer.hosted_zone_id",
        "must be the id of a Route 53 hosted zone",
        "Z0123456789ABCDEFGHIJ",
        editor=False,
    ),
    target=HTTPS,
)
def test_what_breaks_a_rule_of_https_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "certificate-is-no-arn",
        "target: {load_balancer: {certificate_arn: hunter2}}",
        "target.load_balancer.certificate_arn",
        "must be the ARN of an ACM certificate",
        ELSEWHERE,
        editor=False,
        at_once=False,
    ),
    Row(
        "certificate-of-another-region",
        f"target: {{load_balancer: {{certificate_arn: '{ELSEWHERE}'}}}}",
        "target.load_balancer.certificate_arn",
        "is of another region than the stack: the load balancer needs one of us-east-1",
        CERTIFICATE,
        editor=False,
    ),
    Row(
        "domain-without-zone",
        "",
        "target.load_balancer.hosted_zone_id",
        "is required by domain: its zone in Route 53; or certificate_arn, where the zone is elsewhere",
        "Z0123456789ABCDEFGHIJ",
        editor=False,
    ),
    target=DOMAIN,
)
def test_a_domain_needs_its_certificate(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "http-without-asking",
        "",
        "target.load_balancer.domain",
        "is required for HTTPS, with hosted_zone_id or certificate_arn; without it, say plain_http: true",
        "airflow.example.com",
        editor=False,
        at_once=False,
    ),
    target=CLOSED,
)
def test_plain_http_is_asked_for(row: Row) -> None:
    """A UI without HTTPS is a choice, and said."""
    row.check()


@table(
    Row(
        "load-balancer-missing",
        "",
        "target.load_balancer",
        "is required",
        '{"allowed_cidrs": ["203.0.113.0/24"], "plain_http": true}',
        fix="edit",
    ),
    target=BARE,
)
def test_a_load_balancer_is_asked_for(row: Row) -> None:
    """Nothing is open to anybody by default."""
    row.check()


@table(
    Row(
        "oidc-over-http",
        "target: {load_balancer: {oidc: {token_endpoint: 'http://login.example.com/token?secret=hunter2'}}}"
        "\noidc_client_secret: {secure: AAABAKx9}",
        "target.load_balancer.oidc.token_endpoint",
        "must be an https:// URL without a query",
        "https://login.example.com/oauth2/token",
        editor=False,
    ),
    Row(
        "oidc-secret-in-the-section",
        "target: {load_balancer: {oidc: {client_secret: hunter2}}}\noidc_client_secret: {secure: AAABAKx9}",
        "target.load_balancer.oidc.client_secret",
        "there is no such key; a secret has a key of its own: admin_password",
        fix="remove",
    ),
    Row(
        "oidc-without-secret",
        "",
        "oidc_client_secret",
        "is required by target.load_balancer.oidc",
        fix="secret",
        editor=False,
    ),
    target=OIDC,
)
def test_what_breaks_a_rule_of_sign_in_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
