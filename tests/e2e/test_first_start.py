"""PostgreSQL's first start: cut off anywhere, the next one ends with Airflow's database, and no log has a password."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.secrets_in_logs import found_in
from e2e.session import Session, poll
from e2e.stack import Stack, docker

PASSWORDS = {"postgres_password": "Of-the-superuser~1", "airflow_database_password": "Of-Airflow's.role~1"}
DATA = "/var/lib/postgresql/data"
TAG = """
from pathlib import Path
from airflow_stack.backends.images import images
from airflow_stack.backends.machine import Machine
from airflow_stack.config import read_stack_file
from airflow_stack.operations import origin
config = read_stack_file(Path(), "{stack}")[0]
origin.settle(config, Path(), lambda _: None)
print(images(config, Machine.of(config, Path(), "{stack}"))["postgres"].tag)
"""
# What the volume says of a database that is whole: with the superuser's, the role's and the database's name.
READY = "ready postgres airflow airflow"
# A file that the first start runs before ours: the half-made database as long as one likes.
WAITS = "#!/bin/sh\ntouch /tmp/waits\nexec sleep 600\n"


@pytest.fixture(scope="module")
def image(images: None, session: Session, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """The tag of a stack's own database."""
    place = Stack(session, tmp_path_factory.mktemp("postgres"))
    return place.run([place.command()[0], "-c", TAG.format(stack=place.name)]).check().output.split()[-1]


class Database:
    """One container after the other on one volume, as a stack has it."""

    def __init__(self, image: str, name: str, folder: Path) -> None:
        self.image, self.name, self.folder = image, name, folder
        self.volume = f"{name}-data"
        self.logs: dict[str, str] = {}
        folder.chmod(0o755)  # not root alone reads what is mounted
        for key, value in PASSWORDS.items():
            (folder / key).write_text(value)
        label = f"airflow-stack.stack={name}"
        docker("volume", "create", "--label", label, self.volume)

    def start(self, *options: str, **environment: str) -> None:
        """In the place of the one before, with what config has by default but for ``environment``."""
        self.remove()
        settings = {
            "PGDATA": f"{DATA}/pgdata",
            "POSTGRES_USER": "postgres",
            "POSTGRES_DB": "postgres",
            "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres_password",
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256",
            "AIRFLOW_USER": "airflow",
            "AIRFLOW_DATABASE": "airflow",
            "AIRFLOW_PASSWORD_FILE": "/run/secrets/airflow_database_password",
        } | environment
        docker(
            "run", "--detach", "--name", self.name, "--label", f"airflow-stack.stack={self.name}",
            "--volume", f"{self.volume}:{DATA}", "--volume", f"{self.folder}:/run/secrets:ro",
            *[f"--env={key}={value}" for key, value in settings.items() if value], *options, self.image,
        )  # fmt: skip

    def remove(self) -> None:
        """Killed, as by a crash; what it has printed is kept."""
        with suppress(AssertionError):
            docker("kill", self.name)
        if log := docker("logs", self.name, check=False):
            self.logs[f"log {len(self.logs)}"] = log
        docker("rm", "--force", "--volumes", self.name, check=False)

    def exec(self, *command: str) -> str:
        return docker("exec", self.name, *command)

    def runs(self, *command: str) -> bool:
        """Whether a command succeeds in the container."""
        return subprocess.run(["docker", "exec", self.name, *command], check=False, capture_output=True).returncode == 0

    def wait(self) -> None:
        with suppress(AssertionError):
            poll("the database answers", lambda: self.runs("probe"), 180)
            return
        raise AssertionError(f"the database does not answer:\n{docker('logs', self.name)}")

    def state(self) -> str:
        return self.exec("cat", f"{DATA}/pgdata.state").strip()

    def as_airflow(self, sql: str) -> str:
        """By network, where the password is asked for."""
        command = f'PGPASSWORD="$(cat $AIRFLOW_PASSWORD_FILE)" psql -h 127.0.0.1 -U airflow -d airflow -Atc "{sql}"'
        return self.exec("sh", "-c", command).strip()

    def leaks(self) -> list[str]:
        """Of every container that there was, and of this one."""
        return found_in(PASSWORDS, self.logs | {"log": docker("logs", self.name)})


@pytest.fixture
def database(image: str, session: Session, tmp_path: Path) -> Iterator[Database]:
    started = Database(image, session.new_name(), tmp_path)
    yield started
    started.remove()
    docker("volume", "rm", "--force", started.volume)


def serves_airflow(database: Database) -> None:
    """Airflow's role logs in, owns its database, and is no superuser; a restart changes nothing."""
    database.wait()
    assert database.as_airflow("create table kept (a int); select current_user") == "CREATE TABLE\nairflow"
    assert database.as_airflow("select rolsuper from pg_roles where rolname = current_user") == "f"
    assert database.state() == READY
    database.start()
    database.wait()
    assert database.as_airflow("select count(*) from kept") == "0"


def test_a_first_start_that_was_killed_is_made_anew(database: Database) -> None:
    """Rule: a half-made database is never taken for a whole one: killed amid initdb, then amid the script after it."""
    database.start()
    poll("initdb is at work", lambda: database.runs("test", "-e", f"{DATA}/pgdata/PG_VERSION"), 30, 0.02)
    waits = database.folder / "waits.sh"
    waits.write_text(WAITS)
    waits.chmod(0o755)
    database.start(f"--volume={waits}:/docker-entrypoint-initdb.d/aaa.sh:ro")
    poll("the script is at work", lambda: database.runs("test", "-e", "/tmp/waits"), 180)
    assert not database.runs("probe")
    assert database.state() == "begun"
    database.start()
    serves_airflow(database)
    assert any("cut off" in log for log in database.logs.values())
    assert database.leaks() == []


def test_a_first_start_that_failed_is_made_anew(database: Database) -> None:
    """Rule: what ended the first start is told by its log, and put right, the next start goes through."""
    (database.folder / "empty").write_text("")
    database.start(AIRFLOW_PASSWORD_FILE="/run/secrets/empty")
    assert docker("wait", database.name).strip() != "0"
    assert "/run/secrets/empty is empty" in docker("logs", database.name)
    database.start()
    serves_airflow(database)
    assert database.leaks() == []


def test_a_failing_statement_is_in_no_log(database: Database) -> None:
    """Rule: neither a first start that its names break off, nor what an administrator mistypes, shows a password."""
    database.start(POSTGRES_USER="airflow")  # config refuses it; the image alone must be safe too
    database.wait()
    password = PASSWORDS["airflow_database_password"]
    for statement in (
        "CREATE ROLE airflow LOGIN PASSWORD :'password'",
        "CREATE ROLE other LOGIN PASSWORD :'password' NONSENSE",
        "CREATE TABLE kept (word text CHECK (word = 'other')); INSERT INTO kept VALUES (:'password')",
    ):
        given = f"\\set password '{password.replace(chr(39), chr(39) * 2)}'\n{statement};\n"
        docker("exec", "-i", database.name, "psql", "-U", "airflow", check=False, given=given)
    log = docker("logs", database.name)
    assert log.count("ERROR:") >= 3, log
    assert database.leaks() == []


def test_data_of_an_earlier_release_is_completed_once(database: Database) -> None:
    """Rule: data without a word on how far it is keeps what it has, and gets what it lacks."""
    database.start()
    database.wait()
    database.as_airflow("create table kept (a int)")
    database.exec("rm", f"{DATA}/pgdata.state")
    database.start()
    database.wait()
    assert database.as_airflow("select count(*) from kept") == "0"
    assert database.state() == READY
    # As its first start has left it when it was killed before Airflow's script: nothing of Airflow's is there.
    database.exec("psql", "-U", "postgres", "-c", "drop database airflow", "-c", "drop role airflow")
    database.exec("rm", f"{DATA}/pgdata.state")
    database.start()
    serves_airflow(database)
    assert database.leaks() == []


def test_one_database_can_be_the_superusers_and_airflows(database: Database) -> None:
    """Rule: config allows it, so it works."""
    database.start(POSTGRES_DB="airflow")
    serves_airflow(database)


def test_a_hardened_stack_needs_no_password(database: Database) -> None:
    """Rule: once ready, the database starts without any of its secrets, whoever made it."""
    database.start()
    database.wait()
    none = dict.fromkeys(("POSTGRES_PASSWORD_FILE", "AIRFLOW_PASSWORD_FILE", "AIRFLOW_USER", "AIRFLOW_DATABASE"), "")
    for command in ([], ["rm", f"{DATA}/pgdata.state"]):
        if command:
            database.exec(*command)
        database.start(**none)
        database.wait()
