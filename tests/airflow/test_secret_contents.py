"""What becomes of secrets: the files that containers read, and the fingerprint that tells nothing of them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import (
    BROKER_SERVER,
    DATABASE_SERVER,
    FERNET,
    fernet_key,
    files,
    fingerprint,
    generated,
    recipes,
)
from airflow_stack.config import LocalConfig
from airflow_stack.releases import DEFAULT, RELEASES

FERNET_LENGTH = RELEASES[DEFAULT].generated[FERNET]

SERVERS = {DATABASE_SERVER: "af-postgres:5432", BROKER_SERVER: "af-redis:6379"}
VALUES = {
    key: f"{key}-value"
    for key in (
        "admin_password",
        "airflow_database_password",
        "flower_password",
        "internal_api_secret_key",
        "postgres_password",
        "redis_password",
        "webserver_secret_key",
    )
} | {"fernet_key": base64.urlsafe_b64encode(bytes(32)).decode()}

CONFIGS: list[dict[str, Any]] = [
    {},
    {"flower": {"enabled": True}},
    {"hardened": True},
    {"admin": {"create": False}},
    {"airflow": {"executor": "LocalExecutor"}},
    {"database": {"kind": "external"}},
    {"broker": {"kind": "external"}},
    {"secrets_backend": {"class_name": "a.B"}},
]


def config(**raw: Any) -> LocalConfig:
    return LocalConfig.model_validate(raw)


@given(password=st.text(min_size=1, max_size=40))
def test_any_password_survives_the_urls(password: str) -> None:
    """A password of any characters is read back from the database's and the broker's URL as it was."""
    values = VALUES | {"airflow_database_password": password, "redis_password": password}
    contents = files(config(), values, SERVERS)
    for name in ("sql_alchemy_conn", "broker_url", "celery_result_backend"):
        url = urlsplit(contents[name])
        assert unquote(url.password or "") == password
        assert url.hostname in ("af-postgres", "af-redis")


def test_the_addresses_name_the_configured_role_and_database() -> None:
    """Derived values follow the user's answers, not the defaults."""
    contents = files(config(database={"user": "af", "name": "meta"}), VALUES, SERVERS)
    assert contents["sql_alchemy_conn"] == (
        "postgresql+psycopg2://af:airflow_database_password-value@af-postgres:5432/meta"
    )
    assert contents["celery_result_backend"] == f"db+{contents['sql_alchemy_conn']}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40@h:5432/d?sslmode=require", "postgresql+psycopg2://u:p%40@h:5432/d?sslmode=require"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("mysql://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("mysql+pymysql://u:p@h/d", "mysql+pymysql://u:p@h/d"),
    ],
)
def test_an_external_database_is_used_with_the_images_driver(url: str, expected: str) -> None:
    """The URL is the user's own but for the driver, which is the one that the image holds."""
    assert (
        files(config(database={"kind": "external"}), VALUES | {"database_url": url}, SERVERS)["sql_alchemy_conn"]
        == expected
    )


def test_an_external_broker_is_used_as_it_is() -> None:
    """Its URL may hold options that only its administrator understands."""
    url = "rediss://:p%2F@h:6380/1?ssl_cert_reqs=required"
    assert files(config(broker={"kind": "external"}), VALUES | {"broker_url": url}, SERVERS)["broker_url"] == url


@pytest.mark.parametrize("raw", CONFIGS, ids=str)
def test_every_secret_file_that_a_role_reads_is_written(raw: dict[str, Any]) -> None:
    """No role waits for a file that nobody writes, from generated and required secrets alone."""
    chosen = config(**raw)
    values = {secret.key: VALUES[secret.key] for secret in generated(chosen)}
    values |= {"database_url": "postgresql://u:p@h/d"} if chosen.database.kind == "external" else {}
    values |= {"broker_url": "redis://:p@h"} if chosen.celery and chosen.broker.kind == "external" else {}
    contents = files(chosen, values, SERVERS)
    deployment = describe(chosen)
    for role in (deployment.init, *deployment.roles):
        assert set(role.secrets) <= contents.keys()


@pytest.mark.parametrize("raw", CONFIGS, ids=str)
def test_a_file_follows_just_its_sources(raw: dict[str, Any]) -> None:
    """Rule: the sources make the content without any other value, and each of them changes it."""
    values = VALUES | {"database_url": "mysql://u:p@h/d", "broker_url": "redis://:p@h", "secrets_backend_kwargs": "{}"}
    known = values | SERVERS
    for recipe in recipes(config(**raw)).values():
        sources = {key: known[key] for key in recipe.sources}
        content = recipe.content(sources)
        for key in sources:
            assert recipe.content(sources | {key: f"{sources[key]}-other"}) != content


@pytest.mark.parametrize("raw", CONFIGS, ids=str)
def test_nothing_is_generated_that_the_stack_does_not_use(raw: dict[str, Any]) -> None:
    """An external service brings its own secrets, and a switched-off part needs none."""
    chosen = config(**raw)
    keys = {secret.key for secret in generated(chosen)}
    assert ("postgres_password" in keys) == (chosen.database.kind == "container")
    assert ("redis_password" in keys) == (chosen.celery and chosen.broker.kind == "container")
    assert ("flower_password" in keys) == chosen.flower.enabled
    assert ("admin_password" in keys) == chosen.creates_admin


@given(random=st.lists(st.text(min_size=FERNET_LENGTH, max_size=FERNET_LENGTH), min_size=2, max_size=2, unique=True))
def test_a_generated_fernet_key_is_a_valid_one(random: list[str]) -> None:
    """URL-safe base64 of 32 bytes, as Fernet wants it, and another one for another text."""
    one, other = map(fernet_key, random)
    assert len(base64.urlsafe_b64decode(one)) == 32
    assert not set(one) & set("+/")
    assert one != other


def test_a_fingerprint_follows_the_files_that_are_read_and_no_other() -> None:
    """It changes with a content and with a name, not with the order, nor with what the container never reads."""
    contents = {"fernet_key": "k", "a": "1", "b": "2", "c": "3"}
    mark = fingerprint(("a", "b"), contents)
    assert mark == fingerprint(("b", "a"), contents)
    assert mark == fingerprint(("a", "b"), contents | {"c": "4"})
    assert mark != fingerprint(("a", "b"), contents | {"a": "4"})
    assert mark != fingerprint(("a", "c"), contents | {"c": "2"})
    assert mark != fingerprint(("a",), contents)


def test_a_fingerprint_cannot_be_guessed_without_the_fernet_key() -> None:
    """The same secrets under another key have another fingerprint: no table of passwords finds them."""
    assert fingerprint(("a",), {"fernet_key": "k", "a": "1"}) != fingerprint(("a",), {"fernet_key": "l", "a": "1"})


@given(contents=st.dictionaries(st.sampled_from("abc"), st.text(min_size=4), min_size=3))
def test_a_fingerprint_shows_no_content(contents: dict[str, str]) -> None:
    """16 hex digits, whatever goes in."""
    mark = fingerprint(tuple(contents), contents | {"fernet_key": "k"})
    assert len(mark) == 16
    assert set(mark) <= set("0123456789abcdef")
