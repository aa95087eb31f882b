"""The stack's secrets: made once, stored for those who read them, and there as long as what they open."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pytest

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import BROKER_SERVER, DATABASE_SERVER, fernet_key
from airflow_stack.backends.aws.secrets import GeneratedSecrets, StoredSecrets
from airflow_stack.config import AwsConfig, Secrets
from airflow_stack.errors import OperationError
from backends.aws.recorded import Recorded, config, planned, record, resolved
from backends.recorder import generated_password

SECRET = "aws:secretsmanager/secret:Secret"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
PASSWORD = "random:index/randomPassword:RandomPassword"
THROW_AWAY = {"delete_data": True, "confirm_delete_data": "airflow"}
DATABASE_URL = "postgresql://ada:hunter2-hunter2@db.example.com/meta"
BROKER_URL = "rediss://:hunter2-hunter2@redis.example.com:6379/0"

# Config sections and given secrets of every kind of stack.
STACKS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "rds and sqs": ({}, {}),
    "elasticache": ({"broker": {"kind": "elasticache"}}, {}),
    "external": (
        {"database": {"kind": "external"}, "broker": {"kind": "external"}},
        {"database_url": DATABASE_URL, "broker_url": BROKER_URL},
    ),
    "hardened": ({"hardened": True}, {}),
    "no admin": ({"admin": {"create": False}}, {}),
}


def stored(stack: AwsConfig, **given: str) -> StoredSecrets:
    """Both components, with servers that are there."""
    generated = GeneratedSecrets("airflow", planned(stack).secrets, Secrets.model_validate(given))
    servers = {DATABASE_SERVER: "db.internal:5432", BROKER_SERVER: "cache.internal:6379"}
    return StoredSecrets("stored", planned(stack).secrets, generated.values, servers)


def recorded(stack: AwsConfig, **given: str) -> Recorded:
    return record(lambda: stored(stack, **given))


def contents(made: Recorded) -> dict[str, str]:
    """What is stored, by file name; fails for a value that is not a secret of Pulumi."""
    files = {secret: resource.inputs["namePrefix"] for secret, resource in made.of(SECRET).items()}
    values = {name: resource.inputs["secretString"] for name, resource in made.of(VERSION).items()}
    assert all(set(value) == {"secret"} for value in values.values())
    return {
        prefix.removeprefix("airflow/").removesuffix("-"): values[f"{name}-value"]["secret"]
        for name, prefix in files.items()
    }


@pytest.mark.parametrize("kind", STACKS)
def test_what_a_role_reads_is_stored_and_nothing_else(kind: str) -> None:
    """Rule: one secret a file; none missing, and no password that only a connection string needs."""
    sections, given = STACKS[kind]
    stack = config(**sections)
    made = recorded(stack, **given)
    deployment = describe(stack)
    read = {file for role in (deployment.init, *deployment.roles) for file in role.secrets}
    assert set(contents(made)) == set(made.result.arns) == set(made.result.versions) == read
    assert all(contents(made).values())
    assert ("admin_password" in read) == (kind not in ("hardened", "no admin"))
    assert ("broker_url" in read) == (kind in ("elasticache", "external"))
    assert "airflow_database_password" not in read


def test_connection_strings_lead_to_the_servers() -> None:
    """Rule: address and password of the stack's own servers, by TLS alone."""
    stack = config(broker={"kind": "elasticache"})
    texts = contents(recorded(stack, redis_password="Given-password-16", airflow_database_password="Given-too"))
    url = "postgresql+psycopg2://airflow:Given-too@db.internal:5432/airflow?sslmode=require"
    assert texts["sql_alchemy_conn"] == url
    assert texts["celery_result_backend"] == f"db+{url}"
    assert texts["broker_url"] == "rediss://:Given-password-16@cache.internal:6379/0?ssl_cert_reqs=required"


def test_external_servers_are_those_of_the_config() -> None:
    """Rule: nothing of ours is in their URLs."""
    sections, given = STACKS["external"]
    texts = contents(recorded(config(**sections), **given))
    assert texts["sql_alchemy_conn"] == "postgresql+psycopg2://ada:hunter2-hunter2@db.example.com/meta"
    assert texts["broker_url"] == BROKER_URL


def test_a_value_of_config_wins_and_all_others_are_generated() -> None:
    """Rule: the resources are the same either way, so that a value taken back has been there all the time."""
    without, given = recorded(config()), recorded(config(), admin_password="Given-password")
    assert contents(without)["admin_password"] == generated_password("airflow-admin-password")
    assert contents(given)["admin_password"] == "Given-password"
    assert set(without.of(PASSWORD)) == set(given.of(PASSWORD)) != set()


def test_the_fernet_key_is_a_valid_one() -> None:
    """Rule: 32 bytes in URL-safe base64, and not what pulumi-random's state holds."""
    made = recorded(config())
    assert contents(made)["fernet_key"] == fernet_key(generated_password("airflow-fernet-key"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}=", contents(made)["fernet_key"])


def test_single_values_are_secrets_too() -> None:
    """Rule: the database and the broker are made with them before there are connection strings."""
    seen: list[Any] = []

    def build() -> pulumi.Output[None]:
        value = GeneratedSecrets("airflow", planned(config()).secrets, Secrets()).values["airflow_database_password"]

        async def secrecy() -> None:
            seen.append((await value.is_secret(), await value.future()))

        return pulumi.Output.from_input(secrecy())

    resolved(build)
    assert seen == [(True, generated_password("airflow-airflow-database-password"))]


def test_the_load_balancers_secret_is_among_the_values() -> None:
    """Rule: it is given, never generated, and no task reads it."""
    given = {"oidc_client_secret": "hunter2-hunter2"}
    secrets = Secrets.model_validate(given)
    value = resolved(
        lambda: GeneratedSecrets("airflow", planned(config()).secrets, secrets).values["oidc_client_secret"]
    )
    assert value == "hunter2-hunter2"
    assert "oidc_client_secret" not in contents(recorded(config(), **given))


@pytest.mark.parametrize("throw_away", [False, True])
def test_what_a_destroy_leaves(throw_away: bool) -> None:
    """Rule: by default all stay, for the kept database; with delete_data they go at once, and their names with them."""
    made = recorded(config(THROW_AWAY if throw_away else {}))
    for secret in made.of(SECRET).values():
        assert secret.inputs["recoveryWindowInDays"] == (0 if throw_away else 30)
        assert secret.retained is not throw_away
    assert {version.retained for version in made.of(VERSION).values()} == {not throw_away}


def test_secrets_are_named_by_the_provider() -> None:
    """Rule: below the target's name, and free of the names of deleted ones."""
    for name, secret in recorded(config({"name": "etl"})).of(SECRET).items():
        assert re.fullmatch(r"etl/[a-z_]+-", secret.inputs["namePrefix"]), name
        assert "name" not in secret.inputs


def test_others_learn_arn_and_version() -> None:
    """Rule: of the secret and its current value, by file name."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:stored-fernet-key"
    assert resolved(lambda: stored(config()).arns["fernet_key"]) == arn
    assert resolved(lambda: stored(config()).versions["fernet_key"]) == "stored-fernet-key-value-version"


@pytest.mark.parametrize("password", ["short-15-chars-", "no_underscore_allowed", "no.dot.is.allowed.", "a" * 8])
def test_a_password_that_elasticache_refuses_is_refused_first(password: str) -> None:
    """Rule: before anything is created, without showing it; for other brokers it is as good as ever."""
    secrets = Secrets.model_validate({"redis_password": password})
    with pytest.raises(OperationError, match="16 to 128") as error:
        record(lambda: GeneratedSecrets("airflow", planned(config(broker={"kind": "elasticache"})).secrets, secrets))
    assert password not in str(error.value)
    record(lambda: GeneratedSecrets("airflow", planned(config()).secrets, secrets))


def test_a_preview_knows_no_generated_value() -> None:
    """Rule: it ends, with the same resources."""
    there = recorded(config())
    made = record(lambda: stored(config()), preview=True, unmade={*there.of(PASSWORD)})
    assert set(made.of(SECRET)) == set(there.of(SECRET))
    assert not any("secretString" in version.inputs for version in made.of(VERSION).values())
