"""Rules of secrets: encrypted, under keys of their own, and each of them used."""

from __future__ import annotations

from config.rows import AWS, Row, table


@table(
    Row(
        "secret-inside-a-list",
        "airflow: {extra_requirements: [{secure: AAABAKx9}]}",
        "airflow",
        "holds an encrypted value, but is no secret",
        fix="edit",
    ),
    Row(
        "broker-url-without-celery",
        "airflow: {executor: LocalExecutor}\nbroker_url: {secure: AAABAKx9}",
        "broker_url",
        "has no effect: airflow.executor is LocalExecutor",
        fix="remove",
        editor=False,
    ),
    Row(
        "broker-url-without-external-broker",
        "broker_url: {secure: AAABAKx9}",
        "broker_url",
        "has no effect: broker.kind is container",
        fix="remove",
        editor=False,
    ),
    Row(
        "external-broker-without-url",
        "broker: {kind: external}",
        "broker_url",
        "is required by broker.kind: external",
        "rediss://:PASSWORD@redis.example.com:6379/0",
        fix="secret",
        editor=False,
    ),
    Row(
        "database-url-without-external-database",
        "database_url: {secure: AAABAKx9}",
        "database_url",
        "has no effect: database.kind is container",
        fix="remove",
        editor=False,
    ),
    Row(
        "secret-inside-a-section",
        "admin: {username: {secure: AAABAKx9}}",
        "admin",
        "holds an encrypted value, but is no secret",
        fix="edit",
    ),
    Row(
        "secret-as-a-plain-mapping",
        "fernet_key: {value: hunter2hunter2}",
        "fernet_key",
        "is a secret, but stands in plain text",
        fix="secret",
    ),
    Row(
        "secret-in-plain-text",
        "redis_password: hunter2hunter2",
        "redis_password",
        "is a secret, but stands in plain text",
        fix="secret",
    ),
    Row(
        "secrets-backend-kwargs-without-backend",
        "secrets_backend_kwargs: {secure: AAABAKx9}",
        "secrets_backend_kwargs",
        "has no effect: secrets_backend is not set",
        fix="remove",
        editor=False,
    ),
    Row(
        "secrets-backend-without-class",
        "secrets_backend: {}",
        "secrets_backend.class_name",
        "is required",
        "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
    ),
    Row(
        "secrets-backend-without-module",
        "secrets_backend: {class_name: SecretsManagerBackend}",
        "secrets_backend.class_name",
        "must be the path of a Python class, its module first, with dots",
        "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
        editor=False,
    ),
    Row("setting-as-secret", "hardened: {secure: AAABAKx9}", "hardened", "is encrypted, but is no secret", fix="edit"),
)
def test_what_breaks_a_rule_is_refused_here(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "password-in-the-wrong-place",
        "database: {password: hunter2}",
        "database.password",
        "there is no such key; a secret has a key of its own: admin_password",
        fix="remove",
    ),
    Row(
        "external-database-without-url",
        "database: {kind: external}",
        "database_url",
        "is required by database.kind: external",
        "postgresql://airflow:PASSWORD@db.example.com:5432/airflow",
        fix="secret",
        editor=False,
    ),
    Row(
        "oidc-secret-without-oidc",
        "oidc_client_secret: {secure: AAABAKx9}",
        "oidc_client_secret",
        "has no effect: target.load_balancer.oidc is not set",
        fix="remove",
        editor=False,
    ),
    Row(
        "password-of-no-redis",
        "redis_password: {secure: AAABAKx9}",
        "redis_password",
        "has no effect: broker.kind is sqs",
        fix="remove",
        editor=False,
    ),
    Row(
        "password-of-no-superuser",
        "postgres_password: {secure: AAABAKx9}",
        "postgres_password",
        "has no effect: database.kind is rds",
        fix="remove",
        editor=False,
    ),
    target=AWS,
)
def test_what_breaks_a_rule_is_refused_on_aws(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
