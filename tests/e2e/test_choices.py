"""What a config may choose instead of the defaults: external database, secrets backend, hardening."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.secrets_in_logs import found_in
from e2e.session import Session, free_port, poll
from e2e.stack import Stack, docker

PASSWORD, WRONG = "S3cret-of-the-external.server~1", "An0ther-password.of-it"
VARIABLE = "from_the_secrets_backend"
DAG = f'''
import pendulum
from airflow.decorators import dag, task
from airflow.models import Variable

@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False)
def reads_a_variable():
    @task
    def read():
        assert Variable.get("{VARIABLE}") == "found"
    read()

reads_a_variable()
'''


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that is no part of any stack, at an address that containers of every network reach."""

    container: str
    address: str
    port: int
    client: tuple[str, ...] = ("psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1")

    def run(self, sql: str) -> str:
        return docker("exec", "-i", self.container, *self.client, given=sql)


def gateway() -> str:
    """The host's own address in Docker's default network, which every network can reach."""
    subnet = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}").strip()
    return str(ipaddress.ip_network(subnet)[1])


@pytest.fixture
def server(images: None, session: Session, tmp_path: Path) -> Iterator[Server]:  # noqa: ARG001 - one of them is run
    """Made of the image that a stack's own database has."""
    name, port, address = session.new_name(), free_port(), gateway()
    image = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=airflow-stack/postgres")
    secret = tmp_path / "superuser"
    secret.write_text("unused-by-the-test")
    docker(
        "run", "--detach", "--name", name, "--label", f"airflow-stack.stack={name}", "--publish",
        f"{address}:{port}:5432", "--volume", f"{secret}:/secret:ro", "--env", "POSTGRES_PASSWORD_FILE=/secret",
        "--env", "PGDATA=/var/lib/postgresql/data/pgdata",
        "--env", "AIRFLOW_USER=unused", "--env", "AIRFLOW_DATABASE=unused", "--env", "AIRFLOW_PASSWORD_FILE=/secret",
        image.split()[0], "postgres",
    )  # fmt: skip
    started = Server(name, address, port)
    poll("the server answers", lambda: _is_ready(name, "probe"), timeout=180)
    yield started
    docker("rm", "--force", "--volumes", name)


@pytest.fixture
def mysql(images: None, session: Session, tmp_path: Path) -> Iterator[Server]:  # noqa: ARG001 - it stands on their base
    """MariaDB, which is the MySQL that Debian 12 has. MySQL itself was tried by hand: docs/images.md."""
    base = "airflow-stack/debian:bookworm"
    if not docker("images", "--quiet", base).strip():
        pytest.skip(f"{base} is not on this machine: its images come from a registry")
    name, port, address = session.new_name(), free_port(), gateway()
    install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends mariadb-server"
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nRUN {install} && install -d -o mysql /run/mysqld\n")
    docker("build", "--quiet", "--tag", f"airflow-stack/test-mysql:{name}", str(tmp_path))
    docker(
        "run", "--detach", "--name", name, "--label", f"airflow-stack.stack={name}", "--publish",
        f"{address}:{port}:3306", f"airflow-stack/test-mysql:{name}",
        "mariadbd", "--user=mysql", "--bind-address=0.0.0.0",
    )  # fmt: skip
    poll("the server answers", lambda: _is_ready(name, "mysqladmin", "ping"), timeout=60)
    yield Server(name, address, port, ("mysql", "-u", "root"))
    docker("rm", "--force", "--volumes", name)
    docker("rmi", "--force", f"airflow-stack/test-mysql:{name}")


def _is_ready(name: str, *probe: str) -> bool:
    return subprocess.run(["docker", "exec", name, *probe], check=False, capture_output=True).returncode == 0


def test_external_database_and_secrets_backend(server: Server, stack: Stack) -> None:
    """Rule: a server that is there takes the place of the container, made ready by the SQL that we print for it.

    And: Airflow asks the secrets backend before its database, with the parameters that are a secret.
    """
    stack.config |= {
        "database": {"kind": "external", "name": "meta", "user": "af"},
        "secrets_backend": {"class_name": "airflow.secrets.local_filesystem.LocalFilesystemBackend"},
    }
    stack.write()
    values = stack.state / "secrets" / "values"
    values.mkdir(parents=True)
    url = f"postgresql://af:{PASSWORD}@{server.address}:{server.port}/meta"
    (values / "database_url").write_text(url)
    backend = {"variables_file_path": "/opt/airflow/config/variables.json"}
    (values / "secrets_backend_kwargs").write_text(json.dumps(backend))
    (stack.program / "config").mkdir()
    (stack.program / "config" / "variables.json").write_text(json.dumps({VARIABLE: "found"}))
    (stack.program / "dags" / "reads_a_variable.py").write_text(DAG)

    sql = stack.cli("database-sql", "-s", stack.name, "--dialect", "postgresql").check().output
    assert PASSWORD not in sql
    # Without a terminal, psql reads what it asks for from the lines after its question.
    server.run(re.sub(r"(?m)^(\\password .*)$", rf"\1\n{WRONG}\n{WRONG}", sql))
    refused = stack.cli("up", "-s", stack.name, "--compose")
    assert "refuses the password" in refused.output, refused.output
    server.run(f"\\password af\n{PASSWORD}\n{PASSWORD}\n")
    stack.up(compose=True)

    assert stack.unhealthy() == []
    assert "postgres" not in stack.containers()
    api = stack.api()
    api.trigger("reads_a_variable", "choices")
    assert api.wait("reads_a_variable", "choices") == "success"
    assert PASSWORD not in docker("inspect", *[stack.container(service) for service in stack.containers()])
    assert found_in({"right": PASSWORD, "wrong": WRONG}, {"the server's log": docker("logs", server.container)}) == []


def test_external_mysql(mysql: Server, stack: Stack) -> None:
    """Rule: MySQL is a metadata database as well, from the SQL that we print to a DAG run and a probe."""
    stack.config["database"] = {"kind": "external", "name": "meta", "user": "af"}
    stack.write()
    values = stack.state / "secrets" / "values"
    values.mkdir(parents=True)
    (values / "database_url").write_text(f"mysql://af:{PASSWORD}@{mysql.address}:{mysql.port}/meta")
    sql = stack.cli("database-sql", "-s", stack.name).check().output
    mysql.run(sql.replace("'PASSWORD'", f"'{PASSWORD}'"))
    stack.up(compose=True)

    assert stack.unhealthy() == []
    api = stack.api()
    for dag in ("example_connection", "example_deferrable"):
        api.trigger(dag, "mysql")
    for dag in ("example_connection", "example_deferrable"):
        assert api.wait(dag, "mysql") == "success"
    assert PASSWORD not in "".join(stack.outputs)


@pytest.mark.usefixtures("images")
def test_hardened_after_the_first_up(stack: Stack) -> None:
    """Rule: hardening takes the bootstrap away and leaves the stack and its data as they were."""
    stack.up(compose=True)
    before = stack.sql("select id, password from ab_user")
    stack.config["hardened"] = True
    stack.write()
    stack.up(compose=True)

    assert stack.unhealthy() == []
    assert stack.sql("select id, password from ab_user") == before
    containers = stack.containers()
    assert not [m for m in containers["postgres"]["Mounts"] if "/run/secrets" in m["Destination"]]
    assert not [m for m in containers["init"]["Mounts"] if "admin_password" in m["Destination"]]
    environment = "\n".join(containers["webserver"]["Config"]["Env"] + containers["init"]["Config"]["Env"])
    assert "EXPOSE_CONFIG=False" in environment
    assert "AIRFLOW_STACK_MIGRATE=false" in environment
    api = stack.api()
    api.trigger("example_connection", "hardened")
    assert api.wait("example_connection", "hardened") == "success"
