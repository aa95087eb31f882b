"""The facts of a stack on this machine, from the plan that Pulumi and Compose deploy."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_stack.airflow import Deployment
from airflow_stack.backends.containers import Container, Plan
from airflow_stack.backends.images import upstream
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.operations.diff.facts import CONTENTS, Area, Fact, image_contents, options, secrets

# Where a server beside Airflow's roles is switched on, and what one follows from; a role has its own key.
SWITCHES = {"docker-socket-proxy": "docker_socket_proxy.enabled"}
CAUSES = {
    "celery": ("airflow.executor",),
    "postgres": ("database.kind",),
    "redis": ("broker.kind", "airflow.executor"),
}


def docker_facts(config: LocalConfig, deployment: Deployment, plan: Plan, machine: Machine) -> Iterator[Fact]:
    """Everything that a comparison is about."""
    services: dict[str, list[Container]] = {}
    for container in plan.containers:
        services.setdefault(container.part, []).append(container)
    yield from _place(config)
    for service, containers in services.items():
        yield from _service(service, containers)
    yield from image_contents(config)
    image = plan.images["airflow"]
    base = upstream("airflow", config) if machine.origin == "registry" else "Debian's packages and PyPI"
    keys = ("target.registry", "target.image_origin")
    yield Fact(Area.IMAGE, "base", base, keys=keys)
    yield Fact(Area.IMAGE, "platform", "this machine's")
    yield Fact(Area.IMAGE, "tag", image.tag, keys=(*CONTENTS, *keys))
    airflow = {role.name: services[role.name][0] for role in (deployment.init, *deployment.roles)}
    for role, container in airflow.items():
        # The image's name is compared as an image.
        variables = {name: value for name, value in container.environment.items() if name != "AIRFLOW_STACK_IMAGE"}
        yield from options(config.airflow.release, role, variables)
    yield from secrets({role: container.secrets for role, container in airflow.items()})


def _place(config: LocalConfig) -> Iterator[Fact]:
    yield Fact(Area.PLACE, "target", "Docker on this machine")
    yield Fact(Area.PLACE, "way in", f"proxy, port {config.proxy.port}", keys=("proxy.port",))
    database = "container" if config.database.kind == "container" else "external server"
    yield Fact(Area.PLACE, "database", database, keys=("database.kind",))
    if config.celery:
        broker = "Redis in a container" if config.broker.kind == "container" else "external server"
        yield Fact(Area.PLACE, "broker", broker, keys=("broker.kind",), causes=("airflow.executor",))
    yield Fact(Area.PLACE, "secrets", "files of this machine")
    yield Fact(Area.PLACE, "project folders", "mounted", keys=("target.project_dir",))
    yield Fact(Area.PLACE, "task logs", "folder logs")
    yield Fact(Area.PLACE, "service logs", "Docker's log files")


def _service(service: str, containers: list[Container]) -> Iterator[Fact]:
    one = containers[0]
    switch = one.role.when if one.role else SWITCHES.get(service, "")
    keys = (switch,) if "." in switch else ()
    yield Fact(Area.ROLE, service, "there", keys=keys, causes=CAUSES.get(switch if one.role else service, ()))
    section = {"postgres": "database", "redis": "broker"}.get(service, service.replace("-", "_"))
    yield Fact(Area.ROLE, "command", " ".join(one.command), service)
    yield Fact(Area.SIZE, "memory", f"{one.memory} MiB", service, (f"{section}.memory",))
    yield Fact(Area.SIZE, "CPU", "shared with the others", service)
    if not one.one_shot:
        keys = (one.role.count,) if one.role and one.role.count else ()
        yield Fact(Area.SIZE, "count", str(len(containers)), service, keys)
    yield Fact(Area.SIZE, "stop timeout", f"{one.stop_timeout} s", service)
    if one.probe:
        yield Fact(Area.SIZE, "probe's start period", f"{one.probe.start_period} s", service)
