"""What stands on this machine while a rehearsal runs: a network, moto, PostgreSQL and, where config says so, Redis."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.models.containers import Container

from airflow_stack.backends.images import Image
from airflow_stack.errors import OperationError
from airflow_stack.rehearsal.cloud import Cloud
from airflow_stack.rehearsal.tasks import LABEL, remove_all

# RDS and ElastiCache speak TLS, and the stack insists on it: so do these, with a certificate of the moment.
CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    " -keyout /tmp/key.pem -out /tmp/crt.pem"
)
POSTGRES = (
    f"{CERTIFICATE} 2>/dev/null"
    ' && printf %s "$AIRFLOW_PASSWORD" >/tmp/password'
    " && chown postgres /tmp/key.pem /tmp/crt.pem /tmp/password && chmod 600 /tmp/key.pem"
    " && exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/tmp/crt.pem -c ssl_key_file=/tmp/key.pem"
    " -c fsync=off"
)
START_SECONDS = 60


class Stage:
    """Everything that a rehearsal puts up, and takes down again."""

    def __init__(self, docker: DockerClient, name: str, images: dict[str, Image], region: str) -> None:
        """Start it. Nothing is left where that fails."""
        self.docker, self.name = docker, name
        remove_all(docker, name)
        try:
            network = docker.networks.create(name, driver="bridge", labels={LABEL: name})
            network.reload()
            self.gateway = str(network.attrs["IPAM"]["Config"][0]["Gateway"])
            self.moto = self._start("moto", images["moto"].tag, [])
            self.cloud = Cloud(f"http://{self._address(self.moto)}:5000", region)
            self.database = f"{name}-postgres"
            self._wait_for_moto()
        except (APIError, DockerException) as error:
            self.close()
            raise OperationError(f"the rehearsal could not be set up: {error}") from None

    def postgres(self, image: str, user: str, password: str, database: str) -> None:
        """Start the database that stands for RDS, with Airflow's role and database in it."""
        self._password = secrets.token_hex(16)
        self._postgres = self._start(
            "postgres",
            image,
            ["bash", "-c", POSTGRES.format(name=self.database)],
            {
                "AIRFLOW_DATABASE": database,
                "AIRFLOW_PASSWORD": password,
                "AIRFLOW_PASSWORD_FILE": "/tmp/password",  # noqa: S108 - of the container
                "AIRFLOW_USER": user,
                "POSTGRES_PASSWORD": self._password,
                "POSTGRES_USER": "postgres",
            },
        )
        end = time.monotonic() + START_SECONDS
        while self.sql("select 1", database) != [["1"]]:
            if time.monotonic() > end:
                said = self._postgres.logs(tail=5).decode(errors="replace")
                raise OperationError(f"the rehearsal's PostgreSQL does not start:\n{said}")
            time.sleep(0.5)

    def sql(self, query: str, database: str) -> list[list[str]]:
        """Rows of a query; none while the server is not there."""
        command = ["psql", "-h", "localhost", "-U", "postgres", "-d", database, "-XqAt", "-F", "\t", "-c", query]
        try:
            code, output = self._postgres.exec_run(command, environment={"PGPASSWORD": self._password})
        except APIError:
            return []
        return [line.split("\t") for line in output.decode().splitlines()] if code == 0 else []

    def redis(self, image: str, password: str) -> bytes:
        """Start the broker that stands for ElastiCache. Returns its certificate, which clients have to trust.

        Amazon's own are signed by an authority that the image knows; nobody signs for this machine.
        """
        self.broker = f"{self.name}-redis"
        script = (
            f"{CERTIFICATE.format(name=self.broker)} 2>/dev/null; exec redis-server --port 0 --tls-port 6379"
            " --tls-cert-file /tmp/crt.pem --tls-key-file /tmp/key.pem --tls-ca-cert-file /tmp/crt.pem"
            ' --tls-auth-clients no --save "" --requirepass "$REDISCLI_AUTH"'
        )
        self._redis = self._start("redis", image, ["sh", "-c", script], {"REDISCLI_AUTH": password})
        end = time.monotonic() + START_SECONDS
        while self.ask_redis("PING") != "PONG":
            if time.monotonic() > end:
                said = self._redis.logs(tail=5).decode(errors="replace")
                raise OperationError(f"the rehearsal's Redis does not start:\n{said}")
            time.sleep(0.5)
        return bytes(self._redis.exec_run(["cat", "/tmp/crt.pem"]).output)  # noqa: S108 - of the container

    def ask_redis(self, *command: str, password: bool = True, tls: bool = True) -> str:
        """What Redis answers, or why it does not."""
        words = ["redis-cli", "-h", self.broker, *(["--tls", "--cacert", "/tmp/crt.pem"] if tls else []), *command]  # noqa: S108 - of the container
        with_it = words if password else ["env", "-u", "REDISCLI_AUTH", *words]
        try:
            return str(self._redis.exec_run(with_it).output.decode(errors="replace")).strip()
        except APIError as error:
            return str(error.explanation)

    def close(self) -> None:
        """Remove every container and the network."""
        remove_all(self.docker, self.name)

    def _start(self, service: str, image: str, entrypoint: list[str], environment: dict[str, str] | None = None) -> Any:
        return self.docker.containers.run(
            image,
            entrypoint=entrypoint or None,
            name=f"{self.name}-{service}",
            hostname=f"{self.name}-{service}",
            network=self.name,
            environment=environment or {},
            labels={LABEL: self.name},
            detach=True,
        )

    def _address(self, container: Container) -> str:
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def _wait_for_moto(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(Exception):
                self.cloud.client("sts").get_caller_identity()
                return
            time.sleep(0.5)
        raise OperationError(f"moto does not answer:\n{self.moto.logs(tail=5).decode(errors='replace')}")
