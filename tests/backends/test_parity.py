"""Pulumi and Compose make the same containers: their documents are compared field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.compose import compose
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.config import LocalConfig
from backends.recorder import STACK, Deployed, deploy, machine

CONFIGS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {
        "target": {
            "prefix": "team-a",
            "gid": 1000,
            "bind_address": "0.0.0.0",  # noqa: S104
            "logs": {"max_size": 7, "max_files": 9},
        },
        "airflow": {"options": {"email": {"subject_template": "$HOME ${x}"}}},
        "flower": {"enabled": True},
        "webserver": {"port": 8081},
        "database": {"kind": "container", "port": 5432},
        "hardened": True,
    },
    "ipv6": {"target": {"bind_address": "::1"}},
    "local-executor": {"airflow": {"executor": "LocalExecutor"}},
    "no-docker": {"docker_socket_proxy": {"enabled": False}},
}

# What only one of the two knows: how Pulumi deletes, and how Compose builds, waits and says who made it.
PULUMI_ALONE = {"mustRun", "destroyGraceSeconds"}
COMPOSE_ALONE = {"build", "depends_on"}


def seconds(text: str) -> int:
    minutes, _, rest = text.removesuffix("s").rpartition("m")
    return int(minutes or 0) * 60 + int(rest)


def from_pulumi(inputs: dict[str, Any]) -> dict[str, Any]:
    left = {key: value for key, value in inputs.items() if key not in PULUMI_ALONE}
    probe = left.pop("healthcheck", None)
    labels = {label["label"]: label["value"] for label in left.pop("labels")}
    assert labels.pop("airflow-stack.managed-by") == "pulumi"
    found = {
        "name": left.pop("name"),
        "hostname": left.pop("hostname"),
        "image": left.pop("image"),
        "command": left.pop("command", None),
        "environment": dict(variable.split("=", 1) for variable in left.pop("envs")),
        "labels": labels,
        "user": left.pop("user", None),
        "groups": left.pop("groupAdds", None),
        "memory": f"{int(left.pop('memory'))}m",
        "memory_and_swap": f"{int(left.pop('memorySwap'))}m",
        "shm": f"{int(left.pop('shmSize'))}m",
        "cpu_shares": left.pop("cpuShares", None),
        "networks": [left.pop("networkMode"), *(network["name"] for network in left.pop("networksAdvanced", []))],
        "ports": [(p["ip"], int(p["external"]), int(p["internal"])) for p in left.pop("ports", [])],
        "mounts": [
            (mount.get("hostPath") or mount["volumeName"], mount["containerPath"], mount["readOnly"])
            for mount in left.pop("volumes", [])
        ],
        "probe": probe
        and (
            probe["tests"],
            seconds(probe["interval"]),
            seconds(probe["timeout"]),
            int(probe["retries"]),
            seconds(probe["startPeriod"]),
        ),
        "restart": left.pop("restart"),
        "init": left.pop("init"),
        "read_only": left.pop("readOnly"),
        "security": left.pop("securityOpts"),
        "logging": (left.pop("logDriver"), left.pop("logOpts")),
        "stop": int(left.pop("stopTimeout")),
    }
    assert not left, "an input that no one compares"
    return found


def unescaped(value: str) -> str:
    assert "$" not in value.replace("$$", ""), "Compose would expand it"
    return value.replace("$$", "$")


def from_compose(service: dict[str, Any], plan: Plan) -> dict[str, Any]:
    left = {key: value for key, value in service.items() if key not in COMPOSE_ALONE}
    probe = left.pop("healthcheck", None)
    logging = left.pop("logging")
    labels = left.pop("labels")
    assert labels.pop("airflow-stack.managed-by") == "compose"
    command = left.pop("command", None)
    mounts = [unescaped(volume).rsplit(":", 2) for volume in left.pop("volumes", [])]
    ports = [port.rsplit(":", 2) for port in left.pop("ports", [])]
    assert all(address.startswith("[") == (":" in address) for address, _, _ in ports), "IPv6 stands in brackets"
    found = {
        "name": left.pop("container_name"),
        "hostname": left.pop("hostname"),
        "image": left.pop("image"),
        "command": command and [unescaped(word) for word in command],
        "environment": {key: unescaped(value) for key, value in left.pop("environment", {}).items()},
        "labels": labels,
        "user": left.pop("user", None),
        "groups": left.pop("group_add", None),
        "memory": left.pop("mem_limit"),
        "memory_and_swap": left.pop("memswap_limit"),
        "shm": left.pop("shm_size"),
        "cpu_shares": left.pop("cpu_shares", None),
        "networks": [plan.networks[key].name for key in left.pop("networks")],
        "ports": [(address.strip("[]"), int(host), int(inner)) for address, host, inner in ports],
        "mounts": [(plan.volumes.get(source, source), target, mode == "ro") for source, target, mode in mounts],
        "probe": probe
        and (
            [unescaped(word) for word in probe["test"]],
            seconds(probe["interval"]),
            seconds(probe["timeout"]),
            probe["retries"],
            seconds(probe["start_period"]),
        ),
        "restart": left.pop("restart"),
        "init": left.pop("init"),
        "read_only": left.pop("read_only"),
        "security": left.pop("security_opt"),
        "logging": (logging["driver"], logging["options"]),
        "stop": seconds(left.pop("stop_grace_period")),
    }
    assert not left, "a key that no one compares"
    return found


@pytest.fixture(params=CONFIGS, scope="module")
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployed, dict[str, Any]]:
    """One config, deployed by Pulumi and rendered for Compose, with the same secrets."""
    on = machine(tmp_path_factory.mktemp("parity"))
    deployed = deploy(CONFIGS[request.param], on)
    contents = {path.name: path.read_text() for path in on.secrets.iterdir() if path.is_file()}
    return deployed, compose(deployed.plan, on, STACK, contents)


def test_containers_are_the_same(both: tuple[Deployed, dict[str, Any]]) -> None:
    """In every field but who manages them; a field that is not compared fails the test."""
    deployed, document = both
    ours = {inputs["name"]: from_pulumi(inputs) for inputs in deployed.containers.values()}
    assert ours == {name: from_compose(service, deployed.plan) for name, service in document["services"].items()}


def test_networks_and_volumes_are_the_same(both: tuple[Deployed, dict[str, Any]]) -> None:
    """Names, drivers, whether a network is internal, and labels."""
    deployed, document = both
    networks = [resource.inputs for resource in deployed.of("docker:index/network:Network").values()]
    volumes = [resource.inputs for resource in deployed.of("docker:index/volume:Volume").values()]
    for kind, found in (("networks", networks), ("volumes", volumes)):
        for inputs in found:
            inputs["labels"] = {label["label"]: label["value"] for label in inputs["labels"]}
        assert sorted(found, key=lambda inputs: inputs["name"]) == sorted(
            document[kind].values(), key=lambda inputs: inputs["name"]
        )


def test_compose_starts_in_the_same_order(both: tuple[Deployed, dict[str, Any]]) -> None:
    """What a container waits for is the same."""
    deployed, document = both
    resources = deployed.of("docker:index/container:Container")
    names = {name: resource.inputs["name"] for name, resource in resources.items()}
    for resource in resources.values():
        waits = {names[name] for name in resource.depends_on & names.keys()}
        depends_on = set(document["services"][resource.inputs["name"]].get("depends_on", []))
        assert depends_on <= waits
        assert bool(depends_on) == bool(waits)


def test_a_dollar_in_a_path_is_a_dollar(tmp_path: Path) -> None:
    """A project directory may hold what Compose would expand."""
    on = machine(tmp_path, project=Path("/srv/air$flow"), secrets=Path("/home/$me/secrets"))
    config = LocalConfig()
    planned = plan(config, describe(config), on)
    document = compose(planned, on, STACK)
    sources = {unescaped(v).partition(":")[0] for s in document["services"].values() for v in s.get("volumes", [])}
    assert {"/srv/air$flow/dags", "/home/$me/secrets/fernet_key"} <= sources
