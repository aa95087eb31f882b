"""The resources of the local stack: what is asked of Docker, and what must not be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.backends import secret_files
from backends.recorder import Deployed, deploy, machine

FLOWER = {"flower": {"enabled": True}}
FOLDERS = {f"/srv/airflow/{name}": f"/opt/airflow/{name}" for name in ("config", "dags", "logs", "plugins")}
AIRFLOW_SECRETS = {
    "broker_url",
    "celery_result_backend",
    "fernet_key",
    "internal_api_secret_key",
    "sql_alchemy_conn",
    "webserver_secret_key",
}


@dataclass(frozen=True)
class Expected:
    """A row of the table of services."""

    image: str
    command: list[str] | None
    networks: tuple[str, ...] = ("airflow",)
    secrets: frozenset[str] = frozenset()
    port: tuple[int, int] | None = None
    volume: tuple[str, str] | None = None
    shared: bool = False
    user: str | None = None
    probe: bool = True
    one_shot: bool = False


def airflow(*command: str, extra: str = "", **fields: Any) -> Expected:
    secrets = frozenset(AIRFLOW_SECRETS | ({extra} if extra else set()))
    of_airflow: dict[str, Any] = {"secrets": secrets, "shared": True, "user": "1000:0"}
    return Expected("airflow", list(command), **of_airflow | fields)


TABLE = {
    "postgres": Expected(
        "postgres",
        ["postgres"],
        secrets=frozenset({"postgres_password", "airflow_database_password"}),
        volume=("af-postgres-data", "/var/lib/postgresql/data"),
    ),
    "redis": Expected(
        "redis", None, secrets=frozenset({"redis_password"}), volume=("af-redis-data", "/data"), user="999:999"
    ),
    "docker-socket-proxy": Expected("docker-socket-proxy", None, networks=("airflow-docker",)),
    "init": airflow("/opt/airflow-stack/bin/init", extra="admin_password", user="0:0", probe=False, one_shot=True),
    "webserver": airflow("airflow", "webserver"),
    "scheduler": airflow("airflow", "scheduler"),
    "triggerer": airflow("airflow", "triggerer"),
    "worker-1": airflow("airflow", "celery", "worker", networks=("airflow", "airflow-docker")),
    "worker-2": airflow("airflow", "celery", "worker", networks=("airflow", "airflow-docker")),
    "flower": airflow("airflow", "celery", "flower", extra="flower_basic_auth", port=(5555, 5555)),
    "proxy": Expected("proxy", None, port=(8080, 8000)),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The stack with all its services."""
    return deploy(FLOWER, machine(tmp_path_factory.mktemp("full")))


def networks(container: dict[str, Any]) -> tuple[str, ...]:
    return (container["networkMode"], *(network["name"] for network in container.get("networksAdvanced", [])))


def mounts(container: dict[str, Any]) -> list[dict[str, Any]]:
    return list(container.get("volumes", []))


def environment(container: dict[str, Any]) -> dict[str, str]:
    return dict(variable.split("=", 1) for variable in container["envs"])


def labels(container: dict[str, Any]) -> dict[str, str]:
    return {label["label"]: label["value"] for label in container["labels"]}


def test_the_stack_has_the_services_of_the_table_and_no_other(full: Deployed) -> None:
    """Two workers by default; Flower where it is asked for."""
    assert set(full.containers) == set(TABLE)


def test_flower_runs_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """Optional, as documented."""
    assert "flower" not in deploy({}, machine(tmp_path)).containers


@pytest.mark.parametrize("service", TABLE)
def test_a_container_is_what_the_table_says(full: Deployed, service: str) -> None:
    """Name, image, command, user, networks, ports on loopback, and mounts: these and no more."""
    container, expected = full.containers[service], TABLE[service]
    assert container["name"] == container["hostname"] == f"af-{service}"
    assert container["image"] == full.plan.images[expected.image].tag
    assert container.get("command") == expected.command
    assert container.get("user") == expected.user
    assert networks(container) == expected.networks
    ports = [(port["external"], port["internal"], port["ip"]) for port in container.get("ports", [])]
    assert ports == ([(*expected.port, "127.0.0.1")] if expected.port else [])
    secrets = {f"{full.machine.secrets}/{name}": f"/run/secrets/{name}" for name in expected.secrets}
    paths = {mount["hostPath"]: mount["containerPath"] for mount in mounts(container) if "hostPath" in mount}
    socket = {"/var/run/docker.sock": "/var/run/docker.sock"} if service == "docker-socket-proxy" else {}
    assert paths == secrets | (FOLDERS if expected.shared else {}) | socket
    volumes = [(mount["volumeName"], mount["containerPath"]) for mount in mounts(container) if "volumeName" in mount]
    assert volumes == ([expected.volume] if expected.volume else [])


@pytest.mark.parametrize("service", TABLE)
def test_a_container_can_be_lived_with(full: Deployed, service: str) -> None:
    """Restart policy, log rotation, a memory limit, no new privileges, and a probe for all that stays up."""
    container, expected = full.containers[service], TABLE[service]
    assert container["restart"] == ("no" if expected.one_shot else "unless-stopped")
    assert container["mustRun"] is not expected.one_shot
    assert container["logDriver"] == "json-file"
    assert container["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert container["memory"] >= 32
    assert container["securityOpts"] == ["no-new-privileges:true"]
    assert not container.get("privileged")
    assert not container.get("capabilities")
    assert ("healthcheck" in container) is expected.probe
    if expected.probe:
        probe = container["healthcheck"]
        assert probe["tests"][0] in ("CMD", "CMD-SHELL")
        assert probe["retries"] >= 1


@pytest.mark.parametrize("service", [name for name, row in TABLE.items() if row.image == "airflow" and row.probe])
def test_an_airflow_probe_asks_for_its_own_role(full: Deployed, service: str) -> None:
    """The scheduler's included, whose health check server is switched on for it."""
    assert full.containers[service]["healthcheck"]["tests"][-1] == service.rstrip("-12")
    if service == "scheduler":
        assert environment(full.containers[service])["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"


@pytest.mark.parametrize("service", TABLE)
def test_secret_files_are_mounted_read_only(full: Deployed, service: str) -> None:
    """No container writes a secret, nor the Docker socket's path."""
    for mount in mounts(full.containers[service]):
        source = str(mount.get("hostPath", ""))
        assert mount["readOnly"] == (source.startswith(str(full.machine.secrets)) or source.endswith("docker.sock"))


def test_default_limits_fit_four_gibibytes(tmp_path: Path) -> None:
    """All that stays up by default may use 4096 MiB in all."""
    containers = deploy({}, machine(tmp_path)).containers
    assert sum(container["memory"] for service, container in containers.items() if not TABLE[service].one_shot) <= 4096


def test_init_alone_migrates_and_creates_the_admin(full: Deployed) -> None:
    """Nothing in another container's environment or command asks for either."""
    for service, container in full.containers.items():
        asks = "AIRFLOW_STACK_MIGRATE" in environment(container) or "AIRFLOW_STACK_CREATE_ADMIN" in environment(
            container
        )
        assert asks == (service == "init")
        assert not {"db", "migrate", "users"} & set(container.get("command", []))


def test_only_what_runs_tasks_reaches_docker(full: Deployed) -> None:
    """The socket proxy's network is the workers' alone, and leads nowhere else; nothing else mounts the socket."""
    assert {s for s, c in full.containers.items() if "airflow-docker" in networks(c)} == {
        "docker-socket-proxy", "worker-1", "worker-2",
    }  # fmt: skip
    assert {s for s, c in full.containers.items() if "DOCKER_HOST" in environment(c)} == {"worker-1", "worker-2"}
    network = full.of("docker:index/network:Network")["airflow-docker"]
    assert network.inputs["internal"] is True
    sockets = {s for s, c in full.containers.items() for m in mounts(c) if "docker.sock" in str(m.get("hostPath"))}
    assert sockets == {"docker-socket-proxy"}


def test_local_executor_runs_tasks_beside_the_scheduler(tmp_path: Path) -> None:
    """Then it is the scheduler that reaches Docker; there are no workers and no broker."""
    deployed = deploy({"airflow": {"executor": "LocalExecutor"}}, machine(tmp_path))
    assert set(deployed.containers) == {
        "postgres", "docker-socket-proxy", "init", "webserver", "scheduler", "triggerer", "proxy",
    }  # fmt: skip
    assert networks(deployed.containers["scheduler"]) == ("airflow", "airflow-docker")
    assert not [v for c in deployed.containers.values() for v in c["envs"] if v.startswith("AIRFLOW__CELERY")]


def test_the_socket_proxy_can_be_switched_off(tmp_path: Path) -> None:
    """Then nothing of the stack touches the socket, and its network is not there."""
    deployed = deploy({"docker_socket_proxy": {"enabled": False}}, machine(tmp_path))
    assert "docker-socket-proxy" not in deployed.containers
    assert set(deployed.of("docker:index/network:Network")) == {"airflow-airflow"}
    assert "docker.sock" not in json.dumps(deployed.containers)


def test_external_services_have_no_container_volume_or_password(tmp_path: Path) -> None:
    """Database and broker are named by URL alone."""
    deployed = deploy(
        {"database": {"kind": "external"}, "broker": {"kind": "external"}},
        machine(tmp_path),
        {"database_url": "postgresql://u:passpass@db/airflow", "broker_url": "redis://:passpass@r/0"},
    )
    assert not {"postgres", "redis"} & set(deployed.containers)
    assert not deployed.of("docker:index/volume:Volume")
    made = set(deployed.of("random:index/randomPassword:RandomPassword"))
    assert not {name for name in made if "postgres" in name or "database" in name or "redis" in name}


def test_hardening_drops_what_only_the_first_start_needs(tmp_path: Path) -> None:
    """No migration, no user, no bootstrap credentials in the database's container."""
    containers = deploy({"hardened": True}, machine(tmp_path)).containers
    assert environment(containers["init"])["AIRFLOW_STACK_MIGRATE"] == "false"
    assert "AIRFLOW_STACK_CREATE_ADMIN" not in environment(containers["init"])
    assert not [m for m in mounts(containers["postgres"]) if "hostPath" in m]
    assert not [name for name in environment(containers["postgres"]) if "PASSWORD" in name]
    assert "admin_password" not in json.dumps(containers)


def test_two_stacks_on_one_machine_share_no_name(tmp_path: Path) -> None:
    """A prefix is in front of every container, network and volume name."""
    deployed = deploy({"target": {"prefix": "team-a"}}, machine(tmp_path))
    named = [r.inputs["name"] for r in deployed.resources if r.type.startswith("docker:")]
    assert named
    assert all(name.startswith("team-a-") for name in named)


def test_a_containers_group_is_the_users_and_the_images(tmp_path: Path) -> None:
    """Another group than 0 comes beside the image's own, without which Airflow can't read its files."""
    containers = deploy({"target": {"gid": 1000}}, machine(tmp_path)).containers
    assert containers["scheduler"]["user"] == "1000:1000"
    assert containers["scheduler"]["groupAdds"] == ["0"]
    assert containers["docker-socket-proxy"]["groupAdds"] == ["999"]


@pytest.mark.parametrize("throw_away", [False, True])
def test_data_outlives_the_stack_unless_it_is_throw_away(tmp_path: Path, throw_away: bool) -> None:
    """`pulumi destroy` keeps the volumes, and nothing else, by default."""
    deployed = deploy({"target": {"throw_away": throw_away}}, machine(tmp_path))
    kept = {resource.name for resource in deployed.resources if resource.retained}
    assert kept == (set() if throw_away else {"airflow-postgres-data", "airflow-redis-data"})


def test_containers_wait_for_what_they_need(full: Deployed) -> None:
    """Data first, then init, then the rest; a container is deleted before another takes its name."""
    found = full.of("docker:index/container:Container")
    for service, expected in TABLE.items():
        resource = found[f"airflow-{service}"]
        assert resource.delete_before_replace
        if expected.image == "airflow":
            needs = {"airflow-postgres", "airflow-redis"} | (set() if expected.one_shot else {"airflow-init"})
            assert needs <= resource.depends_on


def test_a_preview_writes_nothing_and_waits_for_nothing(tmp_path: Path) -> None:
    """No file is made, no health is asked; an update does both, once."""
    preview = deploy({}, machine(tmp_path), preview=True)
    assert not list(tmp_path.iterdir())
    assert preview.created == []
    update = deploy({}, machine(tmp_path))
    assert update.created == [update.plan]
    assert secret_files.kept(update.machine.secrets)


def test_outputs_say_where_and_who(full: Deployed, tmp_path: Path) -> None:
    """The password is a Pulumi secret; what a stack does not have is no output."""
    assert full.resolved["url"] == ("http://localhost:8080", False)
    assert full.resolved["flower_url"] == ("http://localhost:8080/flower/", False)
    assert full.resolved["admin_password"][1] is True
    assert "af-init" not in full.resolved["containers"][0]
    hardened = deploy({"hardened": True}, machine(tmp_path)).resolved
    assert "admin_password" not in hardened
    assert "flower_url" not in hardened


def test_the_url_is_one_that_can_be_opened(tmp_path: Path) -> None:
    """Port 80 is not written; an address that is not loopback is the one that was asked for."""
    at_80 = deploy({"proxy": {"port": 80}, "target": {"bind_address": "192.0.2.7"}}, machine(tmp_path))
    assert at_80.resolved["url"][0] == "http://192.0.2.7"
    ports = at_80.containers["proxy"]["ports"]
    assert [(port["ip"], port["external"]) for port in ports] == [("192.0.2.7", 80)]


@pytest.mark.parametrize("service", TABLE)
def test_labels_tell_whose_a_container_is(full: Deployed, service: str) -> None:
    """By stack and service a container is found again."""
    found = labels(full.containers[service])
    assert found["airflow-stack.stack"] == "local"
    assert found["airflow-stack.service"] == service
    assert ("airflow-stack.secrets" in found) == bool(TABLE[service].secrets)


@pytest.mark.parametrize("known", ["", "0123456789abcdef"])
def test_everything_says_in_which_directory_it_belongs(tmp_path: Path, known: str) -> None:
    """Rule: containers, networks and volumes carry the stack's name and directory, and its id where it has one.

    What is there keeps its labels: other ones would replace the network below running containers, or the data.
    """
    deployed = deploy({}, machine(tmp_path, id=known))
    expected = {"airflow-stack.stack": "local", "airflow-stack.directory": str(deployed.machine.program)}
    expected |= {"airflow-stack.id": known} if known else {}
    kinds = ("container:Container", "network:Network", "volume:Volume")
    for kind in kinds:
        resources = deployed.of(f"docker:index/{kind}")
        assert resources
        for resource in resources.values():
            found = labels(resource.inputs)
            assert {key: found.get(key) for key in expected} == expected
            assert ("airflow-stack.id" in found) == bool(known)
            assert resource.ignore_changes == (() if kind == kinds[0] else ("labels",))


def test_a_worker_may_take_as_long_as_it_is_given(tmp_path: Path) -> None:
    """Rule: the provider's own 20 minutes must not end a stop that config allows two hours."""
    made = deploy({"worker": {"stop_timeout": 7200}}, machine(tmp_path))
    timeouts = {one.name: one.delete_timeout for one in made.resources if one.type.endswith(":Container")}
    assert timeouts["airflow-worker-1"] == 7500
    assert timeouts["airflow-scheduler"] == 1200
