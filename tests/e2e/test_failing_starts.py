"""What goes wrong is told without a secret: starts, statements, builds, imports and restores that fail.

One stack after the other fault; after each, every log, output and file of it is searched.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import engine_tests
from e2e.secrets_in_logs import found_in, leaks, places
from e2e.session import Session, free_port, poll
from e2e.stack import Stack, docker

WRONG = "An0ther-pass.word~of=nobody"
BAD_REQUIREMENT = "airflow-stack-has-no-such-package==1.0"
# Less than the stack of everyone else: what fails here fails there.
SMALL = {
    "target": {"throw_away": True},
    "docker_socket_proxy": {"enabled": False},
    "worker": {"count": 1, "concurrency": 1},
}


@pytest.fixture(scope="module")
def started(images: None, session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    """A stack that has been up, by Compose."""
    own = Stack(session, tmp_path_factory.mktemp("failing"), SMALL)
    own.up(compose=True)
    yield own
    own.down()
    assert leaks(own) == []


@pytest.fixture
def stack_of_it(started: Stack) -> Iterator[Stack]:
    """With its config and its secrets as before once the test is over; and no secret, old or new, is in any log."""
    values = started.state / "secrets" / "values"
    before = {path: path.read_text() for path in values.iterdir()}
    yield started
    started.remember()
    started.write()
    for path in values.iterdir():
        if path.read_text() != before.get(path):
            path.unlink()
    for path, text in before.items():
        if not path.exists():
            path.write_text(text)
    assert leaks(started) == []


def replace(path: Path, text: str) -> None:
    """Secrets are read-only files."""
    path.unlink(missing_ok=True)
    path.write_text(text)


def fails(stack: Stack, *words: str) -> str:
    """An `up` that ends with one clear error."""
    result = stack.cli("up", "-s", stack.name, "--compose")
    assert result.code != 0, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output, result.output
    return result.output


# --- the search itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["a container that is gone", "a task's log", "the output", "the history"])
def test_a_planted_secret_is_found_and_not_repeated(started: Stack, where: str) -> None:
    """Rule: the search finds a secret in each kind of place, and its words do not hold it."""
    secret = started.secrets()["values/fernet_key"]
    planted: Path | None = None
    if where == "a container that is gone":
        name = f"{started.container('planted')}"
        image = started.containers()["proxy"]["Config"]["Image"]
        # By standard input: the list of processes shows command lines. Its stack is one that nobody else looks at.
        owner = started.session.new_name()
        docker("run", "--rm", "--interactive", "--name", name, f"--label=airflow-stack.stack={owner}",
               "--entrypoint", "sh", image, "-c", "sleep 1; cat", given=f"key={secret}\n")  # fmt: skip
        logs = poll("its log is read", lambda: started.session.container_logs(owner) or None)
        found = found_in(started.known, logs)
    else:
        folder = {"a task's log": "logs/dag_id=x", "the output": ".", "the history": ".airflow-stack/pulumi-state/x"}
        planted = started.program / folder[where] / ".planted.json"
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(f"key={secret}\n")
        found = leaks(started)
        planted.unlink()
    assert any(line.startswith("fernet_key shows in ") for line in found), found
    assert secret not in "".join(found)


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_wrong_password_of_the_database(stack_of_it: Stack) -> None:
    """Init is refused; neither the old nor the wrong password is told."""
    replace(stack_of_it.state / "secrets" / "values" / "airflow_database_password", WRONG)
    stack_of_it.write()
    fails(stack_of_it, "init", "refuses the password")


@pytest.mark.parametrize("password", ["pa@ss:An0ther-word", "50%An0ther-word", "pa/ss-An0ther-word"])
def test_a_url_that_libraries_read_differently(stack_of_it: Stack, password: str) -> None:
    """Rule: a URL of which an error of theirs would repeat a part is refused, in a file written by hand as well."""
    replace(stack_of_it.state / "secrets" / "values" / "database_url", f"postgresql://af:{password}@127.0.0.1/meta")
    stack_of_it.write({"database": {"kind": "external"}})
    assert "An0ther-word" not in fails(stack_of_it, "airflow-stack:database_url: must be the URL", "%40 for @")


def test_a_migration_that_fails(stack_of_it: Stack) -> None:
    """Init ends with the database's own words, and no row of it."""
    (before,) = stack_of_it.sql("select version_num from alembic_version")
    stack_of_it.sql("update alembic_version set version_num = '405de8318b3a'")  # older: its changes are there already
    stack_of_it.write({"admin": {"email": "another@example.com"}})  # so that init runs again
    result = stack_of_it.cli("up", "-s", stack_of_it.name, "--compose")
    stack_of_it.sql("update alembic_version set version_num = :'before'", before=before[0])
    assert result.code != 0, result.output
    assert "init failed" in result.output


def test_a_broker_that_does_not_answer_and_an_interrupt(stack_of_it: Stack) -> None:
    """The workers say again and again that they can't reach it; Ctrl-C amid `up` ends the wait."""
    replace(stack_of_it.state / "secrets" / "values" / "broker_url", f"redis://:{WRONG}@127.0.0.1:{free_port()}/0")
    stack_of_it.write({"broker": {"kind": "external"}})
    stack_of_it.remember()
    log = stack_of_it.program / ".output-interrupted"
    command = stack_of_it.command("up", "-s", stack_of_it.name, "--compose")
    process = stack_of_it.session.start(command, stack_of_it.program, stack_of_it.environment(), log)
    try:
        worker = stack_of_it.container("worker-1")
        poll("the worker misses its broker", lambda: "Cannot connect" in docker("logs", worker, check=False), 180)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) != 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        stack_of_it.session.ended(process)


def test_an_image_that_can_not_be_built(stack_of_it: Stack) -> None:
    """What the installer says is shown, and the containers go on."""
    stack_of_it.write({"airflow": {"extra_requirements": [BAD_REQUIREMENT]}})
    fails(stack_of_it, "image airflow could not be built", "What was running goes on running")


@engine_tests
def test_an_update_that_fails_in_the_program(stack: Stack) -> None:
    """By Pulumi: its events and its history are searched too, with the secrets that it has made by then."""
    stack.write({"airflow": {"extra_requirements": [BAD_REQUIREMENT]}})
    result = stack.cli("up", "-s", stack.name)
    assert result.code != 0
    assert "image airflow could not be built" in result.output, result.output
    assert list((stack.program / ".pulumi-events").glob("*.json"))
    assert leaks(stack) == []


def test_a_private_index_is_refused_without_its_password(stack_of_it: Stack) -> None:
    """Rule: no URL is a requirement, so none gets into a build's output, an image's history or a state."""
    index = f"--extra-index-url https://ada:{WRONG}@pypi.example.com/simple"
    stack_of_it.write({"airflow": {"extra_requirements": [index]}})
    output = fails(stack_of_it, "airflow-stack:airflow.extra_requirements")
    stack_of_it.write()
    assert found_in({"the index's password": WRONG}, {"output": output}) == []


def test_connections_that_are_wrong(stack_of_it: Stack, tmp_path: Path) -> None:
    """Rule: what is wrong with an entry is told by its name, whatever is wrong with it."""
    files = {
        "not-yaml.yaml": f"one: {{password: {WRONG}\n",
        "not-json.json": f'{{"one": "postgres://u:{WRONG}@h:notaport/d"',
        "port.json": f'{{"one": "postgres://u:{WRONG}@h:notaport/d"}}',
        "field.yaml": f"one:\n  conn_type: http\n  pasword: {WRONG}\n",
        "type.yaml": f"one:\n  conn_type: http\n  password: [{WRONG}]\n",
        "swapped.yaml": f"one:\n  conn_type: http\n  port: {WRONG}\n",
        "line.env": f"{WRONG}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        result = stack_of_it.cli("connections", "import", "-s", stack_of_it.name, str(tmp_path / name))
        assert result.code != 0, f"{name}: {result.output}"
        assert "Traceback" not in result.output
    assert leaks(stack_of_it, of_the_connection=WRONG) == []


def test_a_restore_with_another_passphrase(stack_of_it: Stack, tmp_path: Path) -> None:
    """Neither the right passphrase nor the wrong one, nor the key that it would open."""
    for name, text in (("right", "correct horse battery staple"), ("wrong", WRONG)):
        (tmp_path / name).write_text(f"{text}\n")
    file = str(tmp_path / "backup.tar.gz")
    stack_of_it.cli("up", "-s", stack_of_it.name, "--compose").check()
    verb = ("-s", stack_of_it.name, "--passphrase-file")
    stack_of_it.cli("backup", *verb, str(tmp_path / "right"), "--to", file).check()
    result = stack_of_it.cli("restore", *verb, str(tmp_path / "wrong"), "--from", file, "--replace")
    assert result.code != 0
    assert leaks(stack_of_it, right="correct horse battery staple", wrong=WRONG) == []


def test_a_statement_that_fails_in_airflow(stack_of_it: Stack) -> None:
    """Rule: Airflow's log and the server's have the error, and not the values that were sent."""
    code = """
from airflow.utils.session import create_session
from sqlalchemy import text
with create_session() as session:
    session.execute(text("insert into variable (key) values (:value)"), {"value": "VALUE" * 100})
"""
    output = stack_of_it.exec("scheduler", "python", "-c", code, check=False)
    server = docker("logs", stack_of_it.container("postgres"))
    for text in (output, server):
        assert "value too long for type character varying" in text
        assert "VALUEVALUE" not in text
    assert "insert into variable" in output


def test_the_arguments_of_the_engine_are_airflows_own_and_ours(started: Stack) -> None:
    """Rule: what bin/engine-args takes the place of is still what Airflow has; its errors hide values."""
    code = """
import json
from airflow import settings
from airflow.configuration import conf
found = conf.getjson("database", "sql_alchemy_engine_args")
print("same:", found == settings.DEFAULT_ENGINE_ARGS["postgresql"] | {"hide_parameters": True})
print("hidden:", settings.engine.hide_parameters)
"""
    found = started.exec("scheduler", "python", "-c", code)
    assert "same: True" in found
    assert "hidden: True" in found


def test_every_place_was_searched(started: Stack) -> None:
    """Rule: the logs of removed containers, of tasks and of commands are among what is searched."""
    found = "\n".join(dict(places(started)))
    for part in ("start ", "the output of command", "logs/scheduler/", ".airflow-stack/"):
        assert part in found
