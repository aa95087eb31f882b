"""initialize.py: what happens to the database, and that a failure is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from airflow_stack_runtime import migrations
from airflow_stack_runtime.boot import initialize

SCRIPTS = {
    "ancient": migrations.Script(frozenset(), (2, 9, 2)),
    "first of two": migrations.Script(frozenset({"ancient"}), (2, 10, 0)),
    "other line": migrations.Script(frozenset({"first of two"}), (2, 10, 0)),
    "line's first": migrations.Script(frozenset({"other line"}), (2, 10, 3)),
    "old": migrations.Script(frozenset({"line's first"}), (2, 11, 1)),
    "head": migrations.Script(frozenset({"old"}), (2, 11, 2)),
}
"""Of a made-up 2.11.2, by revision: what comes before, and the version that brought it."""


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
    monkeypatch.setattr(migrations, "scripts", lambda: SCRIPTS)
    monkeypatch.setattr(migrations, "installed", lambda: "2.11.2")
    for variable in ("AIRFLOW_STACK_MIGRATE", "AIRFLOW_STACK_UPGRADE_FROM"):
        monkeypatch.delenv(variable, raising=False)
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
    with pytest.raises(
        migrations.DatabaseError, match=r"which Airflow 2\.11\.2 does not know: a newer Airflow made it"
    ):
        migrations.check_not_newer("future")
    assert done == []


@pytest.mark.parametrize(
    ("revision", "named", "goes"),
    [
        pytest.param("other line", "", False, id="a new default"),
        pytest.param("other line", "2.10.2", True, id="asked for"),
        pytest.param("other line", "2.10.0", True, id="asked for, from the first that made it"),
        pytest.param("other line", "2.10.3", False, id="named another"),
        pytest.param("other line", "2.9.3", False, id="named an older one"),
        pytest.param("ancient", "2.10.2", False, id="the name of an upgrade before"),
        pytest.param("ancient", "2.9.10", True, id="the last patch of its line"),
        pytest.param("line's first", "", True, id="of this line"),
        pytest.param("old", "", True, id="a patch release of this line"),
        pytest.param("first of two", "", True, id="broken off amid"),
        pytest.param(None, "", True, id="empty"),
    ],
)
def test_another_release_line_is_migrated_only_where_its_version_is_named(
    done: list[str], monkeypatch: pytest.MonkeyPatch, revision: str | None, named: str, goes: bool
) -> None:
    """Rule: a changed default upgrades nobody; one error says both ways on."""
    monkeypatch.setenv("AIRFLOW_STACK_UPGRADE_FROM", named)
    if goes:
        initialize.migrate(revision)
        assert done == ["upgraded"]
        return
    with pytest.raises(migrations.DatabaseError, match="only when that is asked for") as refused:
        initialize.migrate(revision)
    said = str(refused.value)
    assert "this is Airflow 2.11.2" in said
    assert "To stay, set airflow-stack:airflow.version" in said
    assert "airflow-stack:airflow.upgrade_from to it" in said
    assert (f"says {named}, which it is not" in said) is bool(named)
    assert done == []


def test_the_version_of_a_database_is_told(done: list[str]) -> None:
    """Rule: the error names it as closely as its migration does."""
    with pytest.raises(migrations.DatabaseError, match=r"is of Airflow 2\.10\.0 or later, before 2\.10\.3"):
        migrations.check_is_of_this_line("other line", {})
    assert done == []


def test_migrations_are_read_from_their_files(tmp_path: Path, stand_in: Callable[..., ModuleType]) -> None:
    """Rule: each has its parents and its version, without a line of Airflow's code."""
    folder = tmp_path / "airflow" / "migrations" / "versions"
    folder.mkdir(parents=True)
    texts = {
        "__init__.py": "",
        "0001_2_9_2_first.py": 'revision = "aaa"\ndown_revision = None\n',
        "0002_2_10_0_second.py": "revision: str = 'bbb'\ndown_revision: str = 'aaa'\n",
        "0003_2_10_3_both.py": "revision = 'ccc'\ndown_revision = ('bbb', 'aaa')\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(f"raise RuntimeError\n{text}")
    stand_in("airflow").__spec__ = SimpleNamespace(submodule_search_locations=[str(tmp_path / "airflow")])  # type: ignore[assignment]
    migrations.scripts.cache_clear()
    try:
        found = migrations.scripts()
        assert {name: (sorted(one.parents), one.since) for name, one in found.items()} == {
            "aaa": ([], (2, 9, 2)),
            "bbb": (["aaa"], (2, 10, 0)),
            "ccc": (["aaa", "bbb"], (2, 10, 3)),
        }
        assert migrations.revisions() == (frozenset({"aaa", "bbb", "ccc"}), "ccc")
    finally:
        migrations.scripts.cache_clear()
