"""The containers, networks and volumes of a local stack: what Pulumi creates and what the Compose file says.

Every setting is written out, defaults too, so that both make the same containers and a refresh finds no drift.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_stack.airflow import Deployment, Probe, Role
from airflow_stack.airflow.deployment import HOME
from airflow_stack.airflow.environment import execution_api
from airflow_stack.airflow.secrets import BROKER_SERVER, DATABASE_SERVER, DIRECTORY
from airflow_stack.backends.images import Image, images
from airflow_stack.backends.machine import DOCKER_SOCKET, Machine
from airflow_stack.backends.memory import Limit, limits, own_advice
from airflow_stack.config import LocalConfig
from airflow_stack.releases import RoleSpec

FOLDERS = ("config", "dags", "logs", "plugins")

# Owner of the data in the upstream images.
POSTGRES_USER = "999:999"
REDIS_USER = "999:999"


@dataclass(frozen=True)
class Bind:
    """A path of the host in a container."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class VolumeMount:
    """A named volume in a container; ``volume`` is its short name."""

    volume: str
    target: str


@dataclass(frozen=True)
class PublishedPort:
    """A port of the container on the host."""

    host: int
    container: int


@dataclass(frozen=True)
class Container:
    """One container, whole."""

    service: str
    """Short name, the same whatever the prefix."""
    role: RoleSpec | None = field(default=None, kw_only=True)
    """What it is of Airflow. None: a server beside it."""
    name: str
    """Name, host name and name inside the stack's networks."""
    image: Image
    memory: int
    """Limit in MiB."""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    networks: tuple[str, ...] = ("airflow",)
    user: str = ""
    groups: tuple[str, ...] = ()
    probe: Probe | None = None
    one_shot: bool = False
    stop_timeout: int = 30
    depends_on: tuple[str, ...] = ()
    read_only: bool = False
    shm_mib: int = 64
    cpu_shares: int = 0

    @property
    def part(self) -> str:
        """What it is one of: without its number where there are several."""
        return self.role.name if self.role else self.service

    @property
    def memory_and_swap(self) -> int:
        """MiB. Docker's own default, written out: left out, the next update would find it and call it a change."""
        return 2 * self.memory


@dataclass(frozen=True)
class Network:
    """A network of the stack. An internal one leads nowhere else."""

    name: str
    internal: bool = False


@dataclass(frozen=True)
class Plan:
    """A local stack, ready to be created. Networks and volumes are keyed by their short names."""

    containers: tuple[Container, ...]
    networks: dict[str, Network]
    volumes: dict[str, str]
    images: dict[str, Image]
    keep_data: bool
    bind_address: str
    log_max_size: str
    log_max_files: str
    url: str
    flower_url: str | None

    @property
    def long_running(self) -> tuple[Container, ...]:
        """The containers that are meant to stay up."""
        return tuple(container for container in self.containers if not container.one_shot)


def plan(config: LocalConfig, deployment: Deployment, machine: Machine) -> Plan:
    """Everything that the stack consists of on this machine."""
    built = images(config, machine)
    memory = limits(config, machine.memory)
    outer, inner = network_names(config)
    name = name_prefix(config)
    containers: list[Container] = []
    volumes: dict[str, str] = {}
    networks = {"airflow": Network(outer)}
    if config.database.kind == "container":
        containers.append(_postgres(config, built["postgres"], name, memory["postgres"].mib))
        volumes["postgres-data"] = f"{name}postgres-data"
    if config.celery and config.broker.kind == "container":
        containers.append(_redis(built["redis"], name, memory["redis"].mib))
        volumes["redis-data"] = f"{name}redis-data"
    data = tuple(container.service for container in containers)
    if config.docker_socket_proxy.enabled:
        networks["docker"] = Network(inner, internal=True)
        containers.append(_docker_socket_proxy(config, built["docker-socket-proxy"], name, machine))
    containers.append(
        _airflow(deployment.init, deployment, config, machine, memory, built["airflow"], name=name, depends_on=data)
    )
    before = (*data, deployment.init.name)
    for role in deployment.roles:
        for index in range(1, role.count + 1):
            suffix = f"-{index}" if role.spec.count else ""
            containers.append(
                _airflow(
                    role,
                    deployment,
                    config,
                    machine,
                    memory,
                    built["airflow"],
                    name=name,
                    depends_on=before,
                    suffix=suffix,
                )
            )
    containers.append(_proxy(config, built["proxy"], name))
    url = (
        f"http://{_host(config.target.bind_address)}{'' if config.proxy.port == HTTP_PORT else f':{config.proxy.port}'}"
    )
    return Plan(
        containers=tuple(containers),
        networks=networks,
        volumes=volumes,
        images=built,
        keep_data=not config.target.throw_away,
        bind_address=config.target.bind_address,
        log_max_size=f"{config.target.logs.max_size}m",
        log_max_files=str(config.target.logs.max_files),
        url=url,
        flower_url=f"{url}{config.flower.url_prefix}/" if config.flower.enabled else None,
    )


HTTP_PORT = 80
"""What a browser takes where a URL names none."""


def _host(address: str) -> str:
    """Of a URL that reaches this address from this machine."""
    ip = ipaddress.ip_address(address)
    if ip.is_loopback or ip.is_unspecified:
        return "localhost"
    return f"[{ip}]" if isinstance(ip, ipaddress.IPv6Address) else str(ip)


def name_prefix(config: LocalConfig) -> str:
    """What the name of every container and volume starts with; a container's name is its host name as well."""
    return f"{config.target.prefix}-af-" if config.target.prefix else "af-"


def network_names(config: LocalConfig) -> tuple[str, str]:
    """Of the network of all containers, and of the one in which Docker is reached."""
    prefix = f"{config.target.prefix}-" if config.target.prefix else ""
    return f"{prefix}airflow", f"{prefix}airflow-docker"


def servers(config: LocalConfig) -> dict[str, str]:
    """Where the stack's own servers are, in its network."""
    name = name_prefix(config)
    return {DATABASE_SERVER: f"{name}postgres:5432", BROKER_SERVER: f"{name}redis:6379"}


def _airflow(
    role: Role,
    deployment: Deployment,
    config: LocalConfig,
    machine: Machine,
    memory: Mapping[str, Limit],
    image: Image,
    *,
    name: str,
    depends_on: tuple[str, ...],
    suffix: str = "",
) -> Container:
    # The image's own name: a DockerOperator that uses it runs the stack's own libraries, and pulls nothing.
    environment = deployment.environment | role.environment | {"AIRFLOW_STACK_IMAGE": image.tag}
    ui = deployment.one(serves="ui")
    environment |= execution_api(config, f"{name}{ui.name}:{ui.port}")
    networks: tuple[str, ...] = ("airflow",)
    if role.runs_tasks and config.docker_socket_proxy.enabled:
        networks = ("airflow", "docker")
        # Docker's own variable: DockerOperator and the Docker client follow it without an argument.
        environment |= {"DOCKER_HOST": f"tcp://{name}docker-socket-proxy:2375"}
    if role.runs_tasks:
        # For the log of a task that is killed for memory. The limit itself is the cgroup's.
        environment |= {"AIRFLOW_STACK_MEMORY_ADVICE": str(own_advice(config, machine.memory, role.spec))}
    if role.one_shot:
        environment |= {"AIRFLOW_STACK_UID": str(machine.uid)}
    published = config.at(role.spec.published) if role.spec.published else None
    ports = (PublishedPort(published, role.port),) if published and role.port else ()
    return Container(
        service=f"{role.name}{suffix}",
        role=role.spec,
        name=f"{name}{role.name}{suffix}",
        image=image,
        memory=memory[role.name].mib,
        command=role.command,
        environment=dict(sorted(environment.items())),
        secrets=role.secrets,
        binds=tuple(Bind(machine.project / folder, f"{HOME}/{folder}") for folder in FOLDERS),
        ports=ports,
        networks=networks,
        # Init gives the folders to their owner, which takes root; it drops to that owner for all the rest.
        user="0:0" if role.one_shot else f"{machine.uid}:{config.target.gid}",
        groups=() if config.target.gid == 0 or role.one_shot else ("0",),
        probe=role.probe,
        one_shot=role.one_shot,
        cpu_shares=role.cpu_shares,
        stop_timeout=role.stop_timeout,
        depends_on=depends_on,
    )


def _postgres(config: LocalConfig, image: Image, name: str, memory: int) -> Container:
    database = config.database
    assert database.kind == "container"  # noqa: S101 - narrows the union; the caller has asked
    # A hardened stack's database has been made: the superuser's password has no more business in its container.
    environment = {"PGDATA": "/var/lib/postgresql/data/pgdata"}
    secrets: tuple[str, ...] = ()
    if not config.hardened:
        environment |= {
            "AIRFLOW_DATABASE": database.name,
            "AIRFLOW_USER": database.user,
            "AIRFLOW_PASSWORD_FILE": f"{DIRECTORY}/airflow_database_password",
            "POSTGRES_DB": database.superuser_database,
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256",
            "POSTGRES_PASSWORD_FILE": f"{DIRECTORY}/postgres_password",
            "POSTGRES_USER": database.superuser,
        }
        secrets = ("airflow_database_password", "postgres_password")
    return Container(
        service="postgres",
        name=f"{name}postgres",
        image=image,
        memory=memory,
        command=("postgres",),
        environment=dict(sorted(environment.items())),
        secrets=secrets,
        volumes=(VolumeMount("postgres-data", "/var/lib/postgresql/data"),),
        ports=(PublishedPort(database.port, 5432),) if database.port else (),
        probe=Probe(("CMD", "probe"), timeout=5),
        shm_mib=128,
        # With init, which everyone waits for at a start.
        cpu_shares=4096,
        stop_timeout=60,
    )


def _redis(image: Image, name: str, memory: int) -> Container:
    return Container(
        service="redis",
        name=f"{name}redis",
        image=image,
        memory=memory,
        environment={"REDIS_PASSWORD_FILE": f"{DIRECTORY}/redis_password"},
        secrets=("redis_password",),
        volumes=(VolumeMount("redis-data", "/data"),),
        user=REDIS_USER,
        probe=Probe(("CMD", "probe"), timeout=5),
    )


def _docker_socket_proxy(config: LocalConfig, image: Image, name: str, machine: Machine) -> Container:
    return Container(
        service="docker-socket-proxy",
        name=f"{name}docker-socket-proxy",
        image=image,
        memory=config.docker_socket_proxy.memory,
        binds=(Bind(DOCKER_SOCKET, "/var/run/docker.sock", read_only=True),),
        networks=("docker",),
        groups=(str(machine.docker_gid),),
        probe=Probe(("CMD", "probe"), timeout=5, start_period=10),
    )


def _proxy(config: LocalConfig, image: Image, name: str) -> Container:
    served = {role.serves: role for role in config.airflow.release.roles if role.serves}
    ui, monitor = served["ui"], served["monitor"]
    environment = {
        "FLOWER_ENABLED": "1" if config.flower.enabled else "0",
        "FLOWER_PREFIX": config.flower.url_prefix,
        "FLOWER_UPSTREAM": f"{name}{monitor.name}:{monitor.port}",
        "PUBLIC_SCHEME": "http",
        "WEBSERVER_UPSTREAM": f"{name}{ui.name}:{ui.port}",
    } | ({"CLOSED_PATHS": "|".join(ui.closed)} if ui.closed else {})
    return Container(
        service="proxy",
        name=f"{name}proxy",
        image=image,
        memory=config.proxy.memory,
        environment=dict(sorted(environment.items())),
        ports=(PublishedPort(config.proxy.port, 8000),),
        probe=Probe(("CMD", "probe"), timeout=5, start_period=10),
        depends_on=(ui.name,),
    )
