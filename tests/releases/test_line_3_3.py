"""Airflow 3.3 as data: who holds which secret, who reaches whom, and which options the stack sets."""

from __future__ import annotations

import pytest
from backends.recorder import PROGRAM

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import BROKER_SERVER, DATABASE_SERVER, files, generated
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.releases import DEFAULT, RELEASES, line_3_3

SERVERS = {DATABASE_SERVER: "af-postgres:5432", BROKER_SERVER: "af-redis:6379"}
PASSWORD = "the-password-of-the-database"
VALUES = {
    "admin_password": "a",
    "airflow_database_password": PASSWORD,
    "api_secret_key": "b",
    "fernet_key": "c",
    "jwt_secret": "d",
    "postgres_password": "e",
    "redis_password": "f",
}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every config of this file is for it."""
    monkeypatch.setitem(RELEASES, DEFAULT, line_3_3.release("3.3.2", python="3.13"))


def planned() -> Plan:
    config = LocalConfig()
    machine = Machine(PROGRAM, PROGRAM, PROGRAM / "nowhere", 1000, 999, "registry")
    return plan(config, describe(config), machine)


@pytest.mark.parametrize("name", ["worker", "flower"])
def test_what_runs_tasks_opens_nothing_but_the_broker(name: str) -> None:
    """Rule: no Fernet key, no secret of the tokens, no account of the metadata database, in whatever file."""
    role = RELEASES[DEFAULT].role(name)
    assert role is not None
    assert not {"fernet_key", "jwt_secret", "sql_alchemy_conn", "sql_alchemy_conn_async"} & {*role.secrets}
    assert not role.database
    contents = files(LocalConfig(), VALUES, SERVERS)
    assert [secret for secret in role.secrets if PASSWORD in contents.get(secret, "")] == []
    assert PASSWORD in contents["sql_alchemy_conn"]


def test_results_of_tasks_are_kept_beside_their_queue() -> None:
    """Rule: in the broker's server, under a database number of its own."""
    contents = files(LocalConfig(), VALUES, SERVERS)
    assert contents["broker_url"] == "redis://:f@af-redis:6379/0"
    assert contents["celery_result_backend"] == "redis://:f@af-redis:6379/1"


def test_the_asynchronous_url_is_of_the_same_server() -> None:
    contents = files(LocalConfig(), VALUES, SERVERS)
    both = {contents[name].partition("://")[2] for name in ("sql_alchemy_conn", "sql_alchemy_conn_async")}
    assert len(both) == 1
    assert contents["sql_alchemy_conn_async"].startswith("postgresql+psycopg_async://")


def test_the_secret_of_the_tokens_is_as_long_as_its_signature_needs() -> None:
    """Rule: 64 bytes, the key of HMAC-SHA512."""
    assert {secret.key: secret.length for secret in generated(LocalConfig())}["jwt_secret"] == 64


def test_tasks_reach_the_api_server_and_a_browser_does_not_reach_what_they_do() -> None:
    """Rule: the address is the container's; the proxy answers its path with 404."""
    containers = {container.service: container for container in planned().containers}
    for service in ("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2"):
        url = containers[service].environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        assert url == "http://af-api-server:8080/execution/"
    assert containers["proxy"].environment["CLOSED_PATHS"] == "/execution"
    assert containers["proxy"].environment["WEBSERVER_UPSTREAM"] == "af-api-server:8080"


def test_only_a_proxy_that_config_trusts_is_believed() -> None:
    """Rule: proxy.proxy_fix decides for the server and for FAB's pages alike."""
    for trusted, addresses in ((True, "*"), (False, "127.0.0.1")):
        config = LocalConfig.model_validate({"proxy": {"proxy_fix": trusted}})
        environment = describe(config).one(serves="ui").environment
        assert environment["FORWARDED_ALLOW_IPS"] == addresses
        assert environment["AIRFLOW__FAB__ENABLE_PROXY_FIX"] == str(trusted)


@pytest.mark.parametrize("version", ["2.10", "3.3"])
def test_the_release_knows_every_option_that_the_stack_sets(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: an option of another release's name would change nothing, and nobody would see it."""
    if version == "2.10":
        monkeypatch.undo()
    release = RELEASES[DEFAULT]
    assert release.version.startswith(version)
    deployment = describe(LocalConfig())
    variables = dict(deployment.environment)
    for role in (deployment.init, *deployment.roles):
        variables |= role.environment
    names = {
        f"AIRFLOW__{section.upper()}__{key.upper()}{suffix}"
        for section, key in release.options.known
        for suffix in (("", "_CMD") if (section, key) in release.options.sensitive else ("",))
    }
    unknown = [name for name in variables if name.startswith("AIRFLOW__") and name not in names]
    assert unknown == []
