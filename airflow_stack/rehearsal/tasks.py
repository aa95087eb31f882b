"""ECS tasks as Docker containers: what the agent of ECS does with a task definition, on this machine."""

from __future__ import annotations

import io
import itertools
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.types import Healthcheck

from airflow_stack.errors import OperationError
from airflow_stack.rehearsal import firelens
from airflow_stack.rehearsal.cloud import ACCOUNT, KEYS, Cloud

LABEL = "airflow-stack.rehearsal"
# In each container, where a server of the rehearsal has a certificate that nobody has signed.
CERTIFICATE = "/opt/airflow-stack-rehearsal.pem"
NANOSECONDS = 1_000_000_000
# Seconds for the log router to deliver what it still has.
ROUTER_STOP = 15


@dataclass
class Task:
    """One task: its main container, and those that share its network beside it."""

    id: str
    role: str
    main: Container
    stop_timeout: int
    beside: list[Container] = field(default_factory=list)
    router: Container | None = None
    """Takes the lines of the others, and has an address of its own: Docker's daemon sends them, not the containers."""

    def state(self) -> dict[str, Any]:
        """Docker's word on the main container."""
        self.main.reload()
        return dict(self.main.attrs["State"])

    @property
    def healthy(self) -> bool:
        """Whether the main container's probe says so."""
        return bool(self.state().get("Health", {}).get("Status") == "healthy")

    @property
    def address(self) -> str:
        """Of the task in the rehearsal's network."""
        return _address(self.main)

    def log(self, lines: int = 15) -> str:
        """The main container's last lines."""
        return self.main.logs(tail=lines).decode(errors="replace")

    def router_failure(self) -> OperationError | None:
        """Why no more lines come by the log router."""
        if not self.router:
            return OperationError(f"{self.id} has no log router")
        self.router.reload()
        if self.router.status == "running":
            return None
        said = self.router.logs(tail=15).decode(errors="replace")
        return OperationError(f"the log router of {self.id} has ended:\n{said}")

    def lines(self) -> list[str]:
        """All that the main container has written until now."""
        return self.main.logs().decode(errors="replace").split("\n")

    def wait(self, timeout: float) -> int:
        """Exit code of the main container. Raises OperationError where it takes longer than ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while (state := self.state())["Status"] != "exited":
            if time.monotonic() > end:
                raise OperationError(f"{self.role} has not ended after {timeout:.0f} s:\n{self.log()}")
            time.sleep(0.3)
        return int(state["ExitCode"])


@dataclass
class Runner:
    """Starts tasks from the definitions that the program has registered."""

    docker: DockerClient
    cloud: Cloud
    name: str
    """What the names of the containers start with, and their network's name."""
    definitions: Mapping[str, str]
    """ARN of each role's task definition."""
    endpoint: str
    """moto, as containers reach it."""
    agent_url: str
    cluster: str
    """Name of ECS's cluster."""
    stand_ins: Mapping[str, tuple[str, list[str]]]
    """Image and command of the side containers whose own image this machine does not have, by container name."""
    mounts: Mapping[Path, str] = field(default_factory=dict)
    """Files beside those of the image: the rehearsal's own DAG."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Variables in which the rehearsal differs from AWS, where time is shorter."""
    certificate: bytes = b""
    """In PEM: what the containers trust, and nothing else."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def start(self, role: str, command: list[str] | None = None, port: int | None = None) -> Task:
        """Start a task of a role; ``command`` overrides the definition's, as RunTask does."""
        definition = self.cloud.client("ecs").describe_task_definition(taskDefinition=self.definitions[role])
        definition = definition["taskDefinition"]
        containers = sorted(definition["containerDefinitions"], key=lambda one: not one.get("essential", True))
        main, *beside = [one for one in containers if "firelensConfiguration" not in one]
        task_id = f"{role}-{next(self._numbers)}"
        try:
            router = self._router(task_id, definition)
            container = self._create(
                task_id, task_id, main, memory=int(definition["memory"]), command=command, port=port, router=router
            )
            task = Task(task_id, role, container, int(main.get("stopTimeout", 30)), router=router)
            container.start()
            for side in beside:
                name = f"{task_id}-{side['name']}"
                helper = self._create(name, task_id, side, owner=container, router=router)
                task.beside.append(helper)
                helper.start()
        except APIError as error:
            raise OperationError(f"{task_id} could not be started: {error.explanation}") from None
        return task

    def stop(self, task: Task) -> float:
        """SIGTERM, and SIGKILL after the definition's stopTimeout, as ECS does. Returns the seconds it took."""
        started = time.monotonic()
        task.main.stop(timeout=task.stop_timeout)
        for container in task.beside:
            container.stop(timeout=2)
        if task.router:
            task.router.stop(timeout=ROUTER_STOP)
        return time.monotonic() - started

    def _router(self, task: str, definition: Mapping[str, Any]) -> Container | None:
        """The task's log router, started before all others, where it has one."""
        containers = definition["containerDefinitions"]
        for one in containers:
            if "firelensConfiguration" in one:
                metadata = {
                    "ecs_cluster": self.cluster,
                    "ecs_task_arn": f"arn:aws:ecs:{self.cloud.region}:{ACCOUNT}:task/{self.cluster}/{task}",
                    "ecs_task_definition": f"{definition['family']}:{definition['revision']}",
                }
                configured = firelens.configured(one, containers, metadata)
                router = self._create(f"{task}-{one['name']}", task, configured)
                router.start()
                return router
        return None

    def _create(
        self,
        name: str,
        task: str,
        definition: Mapping[str, Any],
        *,
        memory: int = 0,
        command: list[str] | None = None,
        port: int | None = None,
        owner: Container | None = None,
        router: Container | None = None,
    ) -> Container:
        image, words = definition["image"], definition.get("command") or None
        if definition["name"] in self.stand_ins:
            image, words = self.stand_ins[definition["name"]]
        environment = {entry["name"]: entry["value"] for entry in definition.get("environment", ())}
        environment |= self._secrets(definition)
        environment |= KEYS | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.cloud.region,
            # moto counts no running tasks: DescribeServices is answered by the rehearsal, which does.
            "AWS_ENDPOINT_URL_ECS": self.agent_url,
            "ECS_AGENT_URI": f"{self.agent_url}/{name}",
        }
        environment |= self.overrides
        if self.certificate:
            environment["SSL_CERT_FILE"] = CERTIFICATE
        options: dict[str, Any] = (
            {"network_mode": f"container:{owner.id}"} if owner else {"network": self.name, "hostname": name}
        )
        if memory:
            options |= {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
        if check := definition.get("healthCheck"):
            options["healthcheck"] = Healthcheck(
                test=check["command"],
                interval=check["interval"] * NANOSECONDS,
                timeout=check["timeout"] * NANOSECONDS,
                retries=check["retries"],
                start_period=check["startPeriod"] * NANOSECONDS,
            )
        if router and firelens.is_routed(definition):
            options["log_config"] = firelens.log_config(definition["name"], task, _address(router))
        if port:
            options["ports"] = {f"{definition['portMappings'][0]['containerPort']}/tcp": ("127.0.0.1", port)}
        container = self.docker.containers.create(
            image,
            command or words,
            name=f"{self.name}-{name}",
            environment=environment,
            labels={LABEL: self.name},
            user=definition.get("user") or None,
            volumes=[f"{source}:{target}:ro" for source, target in self.mounts.items()],
            init=bool(definition.get("linuxParameters", {}).get("initProcessEnabled")),
            **options,
        )
        if self.certificate:
            container.put_archive("/", _archive(CERTIFICATE, self.certificate))
        return container

    def _secrets(self, definition: Mapping[str, Any]) -> dict[str, str]:
        """As the agent of ECS does: the values by their ARNs. They were made for this rehearsal and end with it."""
        client = self.cloud.client("secretsmanager")
        values = {}
        for entry in definition.get("secrets", ()):
            # The secret's ARN has seven parts; a key, a stage and a version of its value may follow.
            words = str(entry["valueFrom"]).split(":")
            version = {"VersionId": words[9]} if any(words[9:]) else {}
            values[entry["name"]] = client.get_secret_value(SecretId=":".join(words[:7]), **version)["SecretString"]
        return values


def _address(container: Container) -> str:
    """In the rehearsal's network, which is its only one."""
    container.reload()
    return str(next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"])


def _archive(path: str, content: bytes) -> bytes:
    """A tar with one file that everyone may read."""
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.mode = len(content), 0o444
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def remove_all(docker: DockerClient, name: str) -> None:
    """Remove whatever a rehearsal of this name has left: containers with their volumes, and the network."""
    for container in docker.containers.list(all=True, filters={"label": f"{LABEL}={name}"}):
        with suppress(NotFound, APIError):
            container.remove(force=True, v=True)
    for network in docker.networks.list(filters={"label": f"{LABEL}={name}"}):
        with suppress(NotFound, APIError):
            network.remove()
