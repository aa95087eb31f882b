"""Secrets as Pulumi decrypts them, which a stack file can't show."""

from __future__ import annotations

import base64

import pytest

from airflow_stack.config import SECRET_KEYS, ConfigError, parse

FERNET = base64.urlsafe_b64encode(bytes(range(32))).decode()
PLAIN_PASSWORD = "letters-and.digits_7"
EXTERNAL = {
    "database_url": {"database": {"kind": "external"}},
    "broker_url": {"broker": {"kind": "external"}},
    "secrets_backend_kwargs": {"secrets_backend": {"class_name": "a.B"}},
}


def error(key: str, value: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse({**EXTERNAL.get(key, {}), key: value}, {key}, "local", "Pulumi.local.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fernet_key", "c2hvcnQ=", "must be a Fernet key, 32 bytes in URL-safe base64"),
        ("fernet_key", FERNET[:-2], "must be a Fernet key"),
        ("fernet_key", f"{FERNET},", "must be a Fernet key"),
        ("fernet_key", f"{FERNET}\n", "must be a Fernet key"),
        ("fernet_key", FERNET.replace("A", "\N{LATIN SMALL LETTER E WITH ACUTE}"), "must be a Fernet key"),
        ("redis_password", "short", "must be 8 to 128 letters, digits or -._~!*+="),
        ("redis_password", "with a space", "must be 8 to 128 letters, digits or -._~!*+="),
        ("postgres_password", "with/slash@home", "must be 8 to 128 letters, digits or -._~!*+="),
        ("admin_password", "x" * 129, "must be 8 to 128 letters, digits or -._~!*+="),
        ("database_url", "sqlite:////tmp/x.db", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql:///airflow", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://h:99999/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:p@h/d\n", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:pa@ss@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:pa@ss:word@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:50%off@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:12?x@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:12#x@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u:pa:ss@h/d", "must be the URL of a PostgreSQL or MySQL database"),
        ("database_url", "postgresql://u@h/d?password=word", "must be the URL of a PostgreSQL or MySQL database"),
        ("broker_url", "redis://:pa@ss@h/0", "must be the URL of a Redis server"),
        ("broker_url", "amqp://guest@rabbit", "must be the URL of a Redis server"),
        ("broker_url", "redis://:p w@h/0", "must be the URL of a Redis server"),
        ("secrets_backend_kwargs", "{a", "must be a JSON object"),
        ("secrets_backend_kwargs", "[1]", "must be a JSON object"),
        ("admin_password", {"nested": "value"}, "must be text"),
    ],
)
def test_a_bad_secret_is_refused_by_key_rule_and_command(key: str, value: object, message: str) -> None:
    """The error says which secret, what it must be and how it is set: never what it is."""
    text = error(key, value)
    assert f"airflow-stack:{key}: {message}" in text
    assert f"mend:    pulumi config set --stack local --secret airflow-stack:{key}" in text
    assert str(value) not in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fernet_key", FERNET),
        ("fernet_key", f"{FERNET},{FERNET}"),
        ("redis_password", PLAIN_PASSWORD),
        ("database_url", "postgresql://u:p%40ss@db.example.com:5432/airflow"),
        ("database_url", "mysql+pymysql://u:p@db.example.com/airflow?charset=utf8mb4"),
        ("broker_url", "rediss://:p@redis.example.com:6379/0"),
        ("secrets_backend_kwargs", '{"connections_prefix": "airflow"}'),
    ],
)
def test_a_good_secret_is_kept_as_it_is(key: str, value: str) -> None:
    """What is valid reaches the backends unchanged, and a print of the secrets shows none of it."""
    _, secrets = parse({**EXTERNAL.get(key, {}), key: value}, {key}, "local")
    assert secrets.given() == {key: value}
    assert value not in repr(secrets)


def test_all_problems_are_told_at_once() -> None:
    """One run names every secret and every key that is wrong."""
    with pytest.raises(ConfigError) as caught:
        parse({"worker": {"count": 0}, "redis_password": "x", "fernet_key": "y"}, {"redis_password", "fernet_key"}, "s")
    assert {problem.key for problem in caught.value.problems} == {"worker.count", "redis_password", "fernet_key"}


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_in_plain_text_is_refused(key: str) -> None:
    """Whatever its value, with the command that stores it encrypted."""
    with pytest.raises(ConfigError, match="is a secret, but stands in plain text"):
        parse({key: PLAIN_PASSWORD}, set(), "local")


def test_a_stack_of_an_odd_name_is_quoted_in_commands() -> None:
    """A command that mends can be pasted into a shell, whatever the stack is called."""
    with pytest.raises(ConfigError, match=r"--stack 'my stack' "):
        parse({"worker": {"count": 0}}, set(), "my stack")
