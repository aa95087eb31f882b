"""initialize.py: what happens to the database, and that a failure is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType

import pytest
from airflow_stack_runtime import migrations
from airflow_stack_runtime.boot import initialize


@pytest.fixture
def done(stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Airflow's own functions, played; the installed version's head is "head". Returns what was called."""
    called: list[str] = []
    stand_in(
        "airflow.utils.db",
        upgradedb=lambda: called.append("upgraded"),
        add_default_pool_if_not_exists=lambda: called.append("pool"),
        synchronize_log_template=lambda: called.append("template"),
    )
    stand_in("airflow.utils.providers_configuration_loader", providers_configuration_loaded=lambda function: function)
    monkeypatch.setattr(migrations, "revisions", lambda: (frozenset({"old", "head"}), "head"))
    monkeypatch.delenv("AIRFLOW_STACK_MIGRATE", raising=False)
    return called


@pytest.mark.parametrize("revision", [None, "old"])
def test_migrates(done: list[str], revision: str | None) -> None:
    """An empty database and an older one, by Airflow's own function."""
    initialize.migrate(revision)
    assert done == ["upgraded"]


def test_nothing_to_migrate(done: list[str]) -> None:
    """What a migration does beside tables is done all the same: a newer Airflow may have another log template."""
    initialize.migrate("head")
    assert done == ["pool", "template"]


@pytest.mark.parametrize("failure", [RuntimeError("boom"), SystemExit(1)])
def test_a_failed_migration_fails_the_initialization(
    done: list[str], failure: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Airflow ends some of its failures with SystemExit, which must not pass for an end that was meant."""
    import airflow.utils.db

    def fail() -> None:
        raise failure

    monkeypatch.setattr(airflow.utils.db, "upgradedb", fail)
    with pytest.raises(initialize.InitializationError, match="the migration did not succeed"):
        initialize.migrate("old")
    assert "Traceback" in capsys.readouterr().err
    assert done == []


def test_the_process_ends_with_that_failure(
    done: list[str], stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence and a status that Docker and ECS take for a failure; nothing after it is tried."""
    import airflow.utils.db

    def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(airflow.utils.db, "upgradedb", fail)
    stand_in("airflow.providers.fab.auth_manager.models")
    monkeypatch.setattr(os, "geteuid", lambda: 50000)
    monkeypatch.setattr(initialize, "locked_connection", lambda _seconds: None)
    monkeypatch.setattr(migrations, "current_revision", lambda _connection: "old")
    monkeypatch.setattr(initialize, "synchronize_permissions", lambda: done.append("permissions"))
    monkeypatch.setattr(initialize, "create_admin", lambda: done.append("admin"))
    monkeypatch.setenv("AIRFLOW_STACK_CREATE_ADMIN", "true")
    with pytest.raises(SystemExit) as end:
        initialize.main()
    assert "The initialization failed: the migration did not succeed (RuntimeError" in str(end.value)
    assert done == []


@pytest.mark.parametrize(("revision", "fails"), [("head", False), ("old", True), (None, True)])
def test_migration_switched_off(
    done: list[str], monkeypatch: pytest.MonkeyPatch, revision: str | None, fails: bool
) -> None:
    """An older database is then somebody else's matter."""
    monkeypatch.setenv("AIRFLOW_STACK_MIGRATE", "false")
    if fails:
        with pytest.raises(initialize.InitializationError, match="switched off"):
            initialize.migrate(revision)
    else:
        initialize.migrate(revision)
    assert done == []


def test_a_newer_database_is_refused(done: list[str]) -> None:
    """A roll-back of the image must not touch what it does not know."""
    migrations.check_not_newer("old")
    with pytest.raises(migrations.DatabaseError, match="a newer Airflow made it"):
        migrations.check_not_newer("future")
    assert done == []
