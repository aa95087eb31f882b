"""The end of a stack, and what is there after it."""

from __future__ import annotations

from e2e.conftest import Shared, engine_tests
from e2e.pulumi import Pulumi
from e2e.stack import Stack

pytestmark = engine_tests
PASSWORD = "known-to-this-test"


def test_destroyed_and_made_again_a_stack_finds_its_data(pulumied: Stack, shared: Shared) -> None:
    """Destroy leaves the volumes that config keeps and nothing else; a new `up` reads them with the old secrets."""
    connection = {"connection_id": "old", "conn_type": "http", "host": "example.com", "password": PASSWORD}
    pulumied.api().call("POST", "/connections", connection)
    secrets = pulumied.secrets()

    shared.tool = "none"
    Pulumi(pulumied).run("destroy", "--yes", config=True).check()
    assert pulumied.containers() == {}
    assert pulumied.listed("network") == []
    assert pulumied.listed("volume") == [f"{pulumied.name}-af-postgres-data", f"{pulumied.name}-af-redis-data"]

    pulumied.up()
    shared.tool = "pulumi"
    assert pulumied.unhealthy() == []
    assert pulumied.secrets() == secrets
    assert pulumied.sql("select is_encrypted from connection where conn_id = 'old'") == [["t"]]
    code = "from airflow.hooks.base import BaseHook; print('read:', BaseHook.get_connection('old').password)"
    assert f"read: {PASSWORD}" in pulumied.exec("scheduler", "python", "-c", code)
    assert pulumied.api().call("GET", "/variables/by_compose")["value"] == "forty-two"


def test_a_throw_away_stack_leaves_nothing(pulumied: Stack, shared: Shared) -> None:
    """With target.throw_away, `down` removes data and secrets too; the project's own folders stay."""
    pulumied.config["target"]["throw_away"] = True
    pulumied.write()
    shared.tool = "none"
    pulumied.down()
    assert pulumied.containers() == {}
    assert pulumied.listed("network") == []
    assert pulumied.listed("volume") == []
    assert not (pulumied.state / "secrets").exists()
    assert (pulumied.program / "dags" / "example_workers.py").exists()
