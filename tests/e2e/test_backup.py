"""Backup and restore, from one stack into another: what is found again, and what changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import signal
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.airflow_api import AirflowApi
from e2e.conftest import Shared
from e2e.secrets_in_logs import leaks
from e2e.session import Finished, Session, poll
from e2e.stack import Stack, docker

PASSPHRASE = "correct horse battery staple"
DAG, RUN = "example_connection", "before-the-backup"
LOGIN, EXTRA, VALUE = "S3cret-of-a-connection~1", "S3cret-of-its-extra~1", "S3cret-of-a-variable~1"
CONNECTION = {
    "connection_id": "backed_up", "conn_type": "http", "host": "example.com", "login": "ada", "password": LOGIN,
    "extra": json.dumps({"token": EXTRA}),
}  # fmt: skip
# Airflow's audit log repeats what is set through its API, but for variables whose name says that they are secret.
VARIABLE = "backed_up_secret"
OURS = (("connections", "backed_up"), ("variables", VARIABLE), ("pools", "backed_up"))


@dataclass(frozen=True)
class Saved:
    """A backup of the shared stack, and who is logged in there."""

    stack: Stack
    file: Path
    passphrase: Path
    output: str


@pytest.fixture(scope="module")
def saved(_composed: None, shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    """Taken while the stack works; what was made for it is taken away again."""
    stack, folder = shared.stack, tmp_path_factory.mktemp("backup")
    passphrase = folder / "passphrase"
    passphrase.write_text(f"{PASSPHRASE}\n")
    api = stack.api()
    api.call("POST", "/connections", CONNECTION)
    api.call("POST", "/variables", {"key": VARIABLE, "value": VALUE})
    api.call("POST", "/pools", {"name": "backed_up", "slots": 7})
    api.trigger(DAG, RUN)
    assert api.wait(DAG, RUN) == "success"
    file = folder / "shared.tar.gz"
    done = stack.cli("backup", "-s", stack.name, "--to", str(file), "--passphrase-file", str(passphrase)).check()
    yield Saved(stack, file, passphrase, done.output)
    for kind, name in OURS:
        api.call("DELETE", f"/{kind}/{name}", {})
    api.call("DELETE", f"/dags/{DAG}/dagRuns/{RUN}", {})


@pytest.fixture(scope="module")
def empty(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Another stack, with keys and passwords of its own, nothing in it, and another executor."""
    light = {"airflow": {"executor": "LocalExecutor"}, "docker_socket_proxy": {"enabled": False}}
    own = Stack(session, tmp_path_factory.mktemp("restored"), {"target": {"throw_away": True}, **light})
    own.up(compose=True)
    yield own
    own.down()
    assert leaks(own, login=LOGIN, extra=EXTRA, passphrase=PASSPHRASE) == []


def restored(stack: Stack, saved: Saved, *options: str, passphrase: Path | None = None) -> Finished:
    file = str(passphrase or saved.passphrase)
    return stack.cli("restore", "-s", stack.name, "--from", str(saved.file), "--passphrase-file", file, *options)


def started(stack: Stack) -> dict[str, str]:
    """When each container was started."""
    return {service: entry["State"]["StartedAt"] for service, entry in stack.containers().items()}


def counts(stack: Stack) -> list[list[str]]:
    """How much there is of what a restore replaces, and where the numbers of its rows go on."""
    return stack.sql(
        "SELECT (SELECT count(*) FROM dag_run), (SELECT count(*) FROM connection), (SELECT count(*) FROM variable),"
        " (SELECT count(*) FROM slot_pool), (SELECT string_agg(key || val, ',' ORDER BY key) FROM variable),"
        " (SELECT last_value FROM variable_id_seq), (SELECT count(*) FROM pg_constraint WHERE contype = 'f')"
    )


def test_a_backup_holds_no_secret_in_clear(saved: Saved) -> None:
    """Rule: for its owner's eyes alone, and even so: no key, password or value that Airflow encrypts is readable."""
    assert saved.file.stat().st_mode & 0o777 == 0o600
    assert str(saved.file) in saved.output
    clear = gzip.decompress(saved.file.read_bytes())
    assert b"backed_up" in clear, "the search would find what is there"
    known = {**saved.stack.secrets(), "login": LOGIN, "extra": EXTRA, "value": VALUE, "passphrase of it": PASSPHRASE}
    found = [name for name, secret in known.items() if secret.encode() in clear or secret in saved.output]
    assert found == []
    assert not docker("ps", "--all", "--quiet", "--filter", f"name={saved.stack.container('backup')}").strip()


def test_what_can_not_be_restored_stops_nothing(saved: Saved, empty: Stack, tmp_path: Path) -> None:
    """Rule: another passphrase, a damaged file: one sentence, while every container goes on."""
    before = started(empty)
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase\n")
    refused = restored(empty, saved, passphrase=wrong)
    assert refused.code == 1
    assert "the passphrase is not the backup's" in refused.output
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(saved.file.read_bytes()[:-3000])
    refused = restored(empty, Saved(saved.stack, damaged, saved.passphrase, ""))
    assert refused.code == 1
    assert "The stack's data is as it was." in refused.output
    assert "Traceback" not in refused.output
    assert started(empty) == before


def test_an_empty_stack_becomes_the_one_that_was_backed_up(saved: Saved, empty: Stack) -> None:
    """Rule: the same DAG runs, connections, variables, pools; and the stack works, with keys of its own."""
    session = empty.api()
    restored(empty, saved).check()
    with pytest.raises(urllib.error.HTTPError):  # a session is of a user by number: that is another one's now
        session.call("GET", "/variables")
    ours, theirs = empty.api(), saved.stack.api()
    assert ours.call("GET", f"/variables/{VARIABLE}")["value"] == VALUE
    assert ours.call("GET", "/pools/backed_up")["slots"] == 7
    for path in (f"/dags/{DAG}/dagRuns", "/connections", "/pools"):
        assert _stable(ours.call("GET", path)) == _stable(theirs.call("GET", path))
    assert [task["state"] for task in ours.tasks(DAG, RUN)] == [task["state"] for task in theirs.tasks(DAG, RUN)]
    # Airflow itself, with this stack's key.
    text = empty.exec("scheduler", "airflow", "connections", "get", "backed_up", "--output", "json")
    (found,) = json.loads(text[text.index("[") :])
    assert found["password"] == LOGIN
    assert found["extra_dejson"] == {"token": EXTRA}
    query = "SELECT password FROM connection WHERE conn_id = 'backed_up'"
    assert empty.sql(query) != saved.stack.sql(query), "encrypted anew"
    ours.trigger(DAG, "after-the-restore")
    assert ours.wait(DAG, "after-the-restore") == "success"
    ours.call("POST", "/variables", {"key": "after_the_restore", "value": "new"})
    assert empty.unhealthy() == []


def _stable(found: dict[str, Any]) -> Any:
    """Without the scheduler's own times."""
    changing = ("last_scheduling_decision", "occupied_slots", "running_slots", "queued_slots", "open_slots",
                "scheduled_slots", "deferred_slots")  # fmt: skip
    for kind in ("dag_runs", "connections", "pools"):
        for entry in found.get(kind, []):
            for key in changing:
                entry.pop(key, None)
    return found


def test_data_is_replaced_when_that_is_said(saved: Saved, empty: Stack) -> None:
    """Rule: a stack with data is refused, with what it has; --replace takes the backup, and nothing beside it stays."""
    before = counts(empty)
    refused = restored(empty, saved)
    assert refused.code == 1
    assert "this stack is not empty: it has" in refused.output
    assert "--replace" in refused.output
    assert counts(empty) == before
    restored(empty, saved, "--replace").check()
    assert empty.sql("SELECT key FROM variable ORDER BY key") == saved.stack.sql(
        "SELECT key FROM variable ORDER BY key"
    )
    assert empty.sql("SELECT count(*) FROM dag_run WHERE run_id = 'after-the-restore'") == [["0"]]


TRIGGER = """
CREATE OR REPLACE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action}; RETURN NEW; END $$;
CREATE TRIGGER in_the_way BEFORE INSERT ON variable FOR EACH ROW EXECUTE FUNCTION in_the_way()
"""


@pytest.fixture
def trigger(empty: Stack) -> Iterator[Any]:
    """Something happens when nearly all is restored: variables come late in the alphabet."""
    yield lambda action: empty.sql(TRIGGER.format(action=action))
    empty.sql("DROP TRIGGER in_the_way ON variable; DROP FUNCTION in_the_way()")


def test_a_restore_that_fails_changes_nothing(saved: Saved, empty: Stack, trigger: Any) -> None:
    """Rule: one transaction: rows, sequences and constraints are as before, and Airflow works on."""
    before = counts(empty)
    trigger("RAISE EXCEPTION 'on purpose'")
    failed = restored(empty, saved, "--replace")
    assert failed.code == 1
    assert "the database refuses: on purpose" in failed.output
    assert "The stack's data is as it was." in failed.output
    assert counts(empty) == before
    assert empty.unhealthy() == []


def test_a_restore_that_is_interrupted_changes_nothing(
    saved: Saved, empty: Stack, trigger: Any, session: Session, tmp_path: Path
) -> None:
    """Rule: SIGTERM in the middle: its container is gone, the data is as it was, and Airflow works on."""
    before = counts(empty)
    trigger("PERFORM pg_sleep(600)")
    words = ("restore", "-s", empty.name, "--from", str(saved.file), "--passphrase-file", str(saved.passphrase))
    log = tmp_path / "log"
    process = session.start(empty.command(*words, "--replace"), empty.program, empty.environment(), log)
    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    poll("the restore is in the middle", lambda: empty.sql(asleep), timeout=240)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=400) != 0
    session.ended(process)
    assert "Traceback" not in log.read_text()
    assert counts(empty) == before
    assert empty.unhealthy() == []
    assert "backup" not in docker("ps", "--all", "--filter", f"name={empty.name}", "--format", "{{.Names}}")
    assert AirflowApi(empty.url, "admin", empty.secrets()["values/admin_password"]).dags()
