"""The JSON Schema that editors use says what the model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_stack.config.schema import render, schema

PROGRAM = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"

# Beyond JSON Schema: rules that are code, rules that join keys, what secrets decrypt to, and what YAML itself refuses.
NOT_STRUCTURE = {
    "airflow-is-the-superuser",
    "alarm-email-without-at",
    "allowed-cidr-is-an-address",
    "allowed-cidr-of-ipv6",
    "allowed-cidrs-over-the-quota",
    "allowed-cidrs-over-the-quota-by-http",
    "allowed-cidrs-overlap",
    "apt-package-is-an-option",
    "apt-package-to-remove",
    "bind-address-is-a-name",
    "bind-address-octet-too-large",
    "bind-address-with-scope",
    "broker-url-without-celery",
    "broker-url-without-external-broker",
    "capacity-without-weight",
    "certificate-is-no-arn",
    "certificate-of-another-region",
    "confirmation-without-delete-data",
    "cron-hour-25",
    "cron-in-words",
    "cron-of-five-fields",
    "cron-with-both-days",
    "database-on-the-port-of-flower",
    "database-role-of-postgres",
    "database-url-without-external-database",
    "delete-data-of-another-name",
    "delete-data-without-confirmation",
    "domain-is-a-url",
    "domain-with-zone-and-certificate",
    "domain-without-zone",
    "email-without-at",
    "endpoints-without-side-images",
    "github-boundary-is-a-name",
    "github-environment-with-a-wildcard",
    "github-provider-of-another",
    "github-repository-is-an-address",
    "github-repository-with-a-wildcard",
    "github-state-bucket-is-an-address",
    "github-state-key-is-an-alias",
    "existing-network-one-list-for-both",
    "existing-network-with-nat-per-zone",
    "external-broker-without-url",
    "external-database-without-url",
    "flower-prefix-nested",
    "flower-prefix-without-slash",
    "hardened-with-config-exposed",
    "hardened-with-examples",
    "queue-with-spaces",
    "queues-on-sqs",
    "queues-without-the-default-one",
    "http-with-domain",
    "http-without-asking",
    "instance-class-unknown",
    "instance-class-without-db",
    "local-executor",
    "local-executor-with-broker",
    "local-executor-with-flower",
    "local-executor-with-workers",
    "lookup-is-no-expression",
    "memory-not-in-steps",
    "memory-not-of-cpu",
    "memory-of-large-cpu",
    "metric-name-with-star",
    "name-begins-with-internal",
    "name-begins-with-sg",
    "name-too-long",
    "name-with-capitals",
    "name-with-line-break",
    "name-with-two-hyphens",
    "network-is-no-cidr",
    "network-is-public",
    "network-overlaps-docker",
    "network-too-large",
    "network-too-small",
    "network-with-host-bits",
    "nobody-allowed",
    "node-type-unknown",
    "oidc-over-http",
    "oidc-secret-without-oidc",
    "oidc-without-domain",
    "oidc-without-secret",
    "option-essential",
    "option-essential-by-another-spelling",
    "option-essential-cmd",
    "option-name-in-capitals",
    "option-not-a-number",
    "option-of-the-stack",
    "option-sensitive-in-plain",
    "option-with-control-character",
    "password-of-no-redis",
    "password-of-no-superuser",
    "prefix-with-capitals",
    "project-dir-with-colon",
    "region-in-words",
    "region-is-a-zone",
    "requirement-is-a-url",
    "requirement-is-airflow",
    "requirement-is-an-option",
    "requirement-with-space",
    "schedule-of-no-length",
    "scheduler-hours-without-worker-hours",
    "secrets-backend-kwargs-without-backend",
    "secrets-backend-without-module",
    "sql-name-with-hyphen",
    "storage-does-not-grow",
    "subnet-id-of-something-else",
    "tag-is-taken",
    "tag-with-comma",
    "time-zone-as-offset",
    "time-zone-misspelt",
    "two-services-on-one-port",
    "username-with-space",
    "workers-for-a-larger-database",
    "workers-min-over-max",
    "zone-is-a-name",
    "zone-twice",
    "zone-with-region",
    "zone-without-domain",
}
NOT_YAML = {"yaml-broken", "yaml-with-python-object", "key-twice"}


def what(file: Path) -> str:
    return file.stem.split(".", 2)[2]


def document(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def valid(file: Path) -> bool:
    return bool(Draft202012Validator(schema()).is_valid(document(file)))


def test_the_committed_schema_is_the_models() -> None:
    """airflow-stack.schema.json is what `airflow-stack schema` prints. Else: make schema, and commit."""
    assert (PROGRAM / "airflow-stack.schema.json").read_text(encoding="utf-8") == render()


def test_it_is_a_schema() -> None:
    """The schema is valid JSON Schema 2020-12 itself."""
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", [*GOLDEN.glob("*.ok.*.yaml"), *PROGRAM.glob("Pulumi.?*.yaml")], ids=lambda f: f.stem)
def test_good_stack_files_are_valid(file: Path) -> None:
    """What the model accepts, an editor does not mark."""
    assert document(file) is None or valid(file)


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(GOLDEN.glob("*.error.*.yaml")) if what(file) not in NOT_STRUCTURE | NOT_YAML],
    ids=lambda file: file.stem,
)
def test_structural_errors_are_invalid(file: Path) -> None:
    """An editor marks wrong keys, types, ranges and choices, and secrets in plain text."""
    assert not valid(file)


@pytest.mark.parametrize("name", sorted(NOT_STRUCTURE))
def test_what_schema_cannot_say_is_listed_for_a_reason(name: str) -> None:
    """A file on the list of what JSON Schema can't say would be valid; else it belongs off the list."""
    files = list(GOLDEN.glob(f"*.error.{name}.yaml"))
    assert files
    assert all(map(valid, files))
