"""The topology of a stack on this machine, from the plan that Pulumi and Compose deploy."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_stack.backends.containers import FOLDERS, Container, Plan
from airflow_stack.config import LocalConfig
from airflow_stack.operations.graph.topology import (
    TIMES,
    Edge,
    Group,
    Kind,
    Line,
    Node,
    Topology,
    first_to_last,
    from_all,
    listed,
    topology,
)

# Tier and column of each server beside Airflow's roles.
PLACES = {
    "proxy": (1, 1),
    "postgres": (4, 1),
    "redis": (4, 2),
    "docker-socket-proxy": (4, 4),
}
KINDS = {"proxy": Kind.ENTRY, "postgres": Kind.DATA, "redis": Kind.DATA, "docker-socket-proxy": Kind.PLATFORM}


def docker_topology(config: LocalConfig, plan: Plan, stack: str) -> Topology:
    """Containers, networks, volumes, ports and files of the plan."""
    return _Picture(config, plan, stack).topology()


class _Picture:
    def __init__(self, config: LocalConfig, plan: Plan, stack: str) -> None:
        self._config, self._plan, self._stack = config, plan, stack
        self._services: dict[str, list[Container]] = {}
        for container in plan.containers:
            self._services.setdefault(container.part, []).append(container)
        self._airflow = {service: found[0] for service, found in self._services.items() if found[0].role}

    def topology(self) -> Topology:
        prefix = self._config.target.prefix
        return topology(
            f"Airflow stack {self._stack}",
            f"Topology of the Airflow stack {self._stack}{f' ({prefix})' if prefix else ''} on Docker:"
            f" {len(self._plan.containers)} containers, {len(self._plan.networks)} networks,"
            f" {len(self._plan.volumes)} volumes.",
            self._nodes(),
            self._groups(),
            self._edges(),
        )

    def _groups(self) -> Iterator[Group]:
        plan = self._plan
        yield Group("machine", "This machine", ("Docker",))
        for key, network in plan.networks.items():
            yield Group(
                _id(f"network-{key}"),
                "Network",
                (network.name, "internal: leads nowhere else") if network.internal else (network.name,),
                "machine",
            )
        yield Group("airflow", f"Airflow {self._config.airflow.version}", ("image airflow",), "network_airflow")

    def _nodes(self) -> Iterator[Node]:
        yield Node("user", "You", Kind.OUTSIDE, 0, 1, (f"reach {self._plan.bind_address}",))
        for service, containers in self._services.items():
            yield self._container(service, containers)
        secrets = sorted({name for container in self._plan.containers for name in container.secrets})
        yield Node("secrets", "Secret files", Kind.SECRET, 5, 0, (*listed(secrets), "mounted read-only"), "machine")
        for key, volume in self._plan.volumes.items():
            users = [service for service, found in self._services.items() if _mounts(found[0], key)]
            column = _place(self._services[users[0]][0])[1]
            kept = "outlives the stack" if self._plan.keep_data else "goes with the stack"
            yield Node(_id(key), key, Kind.STORE, 5, column, (f"volume {volume}", kept), "machine")
        where = self._config.target.project_dir
        where = "the project's directory" if where == "." else where
        yield Node(
            "folders",
            "Project folders",
            Kind.STORE,
            5,
            3,
            (*listed(FOLDERS), f"in {where}"),
            "machine",
        )
        if "docker-socket-proxy" in self._services:
            yield Node("engine", "Docker engine", Kind.PLATFORM, 5, 4, ("containers of DockerOperator",), "machine")
        if self._config.database.kind == "external":
            yield Node("database", "External database", Kind.DATA, 6, 1, ("secret database_url",))
        if self._config.celery and self._config.broker.kind == "external":
            yield Node("broker", "External broker", Kind.DATA, 6, 2, ("secret broker_url",))
        if self._config.secrets_backend is not None:
            name = self._config.secrets_backend.class_name.rpartition(".")[2]
            yield Node("secrets_backend", "Secrets backend", Kind.SECRET, 6, 0, (name,))

    def _container(self, service: str, containers: list[Container]) -> Node:
        one, names = containers[0], tuple(container.name for container in containers)
        airflow = service in self._airflow
        details = [first_to_last(names)]
        if not airflow:
            details.append(_image(one))
        each = "each " if len(containers) > 1 else ""
        details.append(f"{each}{one.memory} MiB")
        if one.role and one.role.slots:
            details.append(f"{each}{self._config.at(one.role.slots)} tasks at a time")
        if one.one_shot:
            details.append("runs once, before the others")
        tier, column = _place(one)
        title = f"{service} {TIMES} {len(containers)}" if len(containers) > 1 else service
        return Node(
            _id(service),
            title,
            KINDS.get(service, Kind.AIRFLOW),
            tier,
            column,
            tuple(details),
            "airflow" if airflow else _id(f"network-{one.networks[0]}"),
            tuple(container.service for container in containers),
            len(containers) > 1,
        )

    def _edges(self) -> Iterator[Edge]:
        plan, services = self._plan, self._services
        for service, containers in services.items():
            for port in containers[0].ports:
                yield Edge("user", _id(service), plan.url if service == "proxy" else f"port {port.host}")
        for service, container in self._airflow.items():
            if container.role and container.role.serves:
                path = self._config.at(container.role.path) if container.role.path else "/"
                yield Edge("proxy", _id(service), path)
        yield from self._order()
        database = "postgres" if "postgres" in services else "database"
        yield from self._shared("sql_alchemy_conn", database, "SQL")
        if self._config.celery:
            broker = "redis" if "redis" in services else "broker"
            # The others only have its address in their configuration.
            for service in [name for name, one in self._airflow.items() if one.role and one.role.broker]:
                yield Edge(_id(service), broker, "Celery")
        yield from self._from([name for name, one in self._airflow.items() if one.secrets], "secrets", "reads")
        for service, containers in services.items():
            if service not in self._airflow and containers[0].secrets:
                yield Edge(_id(service), "secrets", "reads")
        yield from self._shared("secrets_backend_kwargs", "secrets_backend", "asks first")
        folders = [service for service, one in self._airflow.items() if len(one.binds) >= len(FOLDERS)]
        yield from self._from(folders, "folders", "mounted")
        for service, containers in services.items():
            one = containers[0]
            if any(bind.target == "/var/run/docker.sock" for bind in one.binds):
                yield Edge(_id(service), "engine", "socket")
            if "DOCKER_HOST" in one.environment:
                yield Edge(_id(service), "docker_socket_proxy", "Docker API")
            for mount in one.volumes:
                yield Edge(_id(service), _id(mount.volume), mount.target)

    def _order(self) -> Iterator[Edge]:
        """Who waits for a run-once container: the others wait for whom they talk to, which has an edge already."""
        for service, containers in self._services.items():
            for other in containers[0].depends_on:
                if self._services[other][0].one_shot:
                    yield Edge(_id(other), _id(service), "starts first", Line.ORDER)

    def _shared(self, secret: str, target: str, label: str) -> list[Edge]:
        return self._from([name for name, one in self._airflow.items() if secret in one.secrets], target, label)

    def _from(self, services: list[str], target: str, label: str) -> list[Edge]:
        members = [self._container(name, self._services[name]) for name in self._airflow]
        return from_all("airflow", map(_id, services), target, label, members)


def _place(container: Container) -> tuple[int, int]:
    """Tier and column."""
    role = container.role
    return (2 if role.serves else 3, role.column) if role else PLACES[container.service]


def _id(name: str) -> str:
    return name.replace("-", "_")


def _image(container: Container) -> str:
    """Without the hash of its content: the picture is of the config, and says the same on every machine."""
    return f"image {container.image.name}"


def _mounts(container: Container, volume: str) -> bool:
    return any(mount.volume == volume for mount in container.volumes)
