"""A changed config touches the containers that depend on it, and no other one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.conftest import engine_tests
from e2e.pulumi import Pulumi
from e2e.session import free_port
from e2e.stack import Config, Stack

pytestmark = engine_tests

WORKERS = {"worker-1", "worker-2"}
AIRFLOW = {"init", "webserver", "scheduler", "triggerer", "flower", *WORKERS}
EVERY = AIRFLOW | {"postgres", "redis", "docker-socket-proxy", "proxy"}

# Change of the stack file; the containers that depend on it; networks and volumes that do. The scheduler sends no more
# tasks than the workers have slots for, so it depends on how many they are.
CHANGES: dict[str, tuple[Config, set[str], set[str]]] = {
    "one worker more": ({"worker": {"count": 3}}, {"worker-3", "scheduler"}, set()),
    "worker concurrency": ({"worker": {"concurrency": 3}}, {"scheduler", *WORKERS}, set()),
    "memory of the scheduler": ({"scheduler": {"memory": 800}}, {"scheduler"}, set()),
    "webserver workers": ({"webserver": {"workers": 3}}, {"webserver"}, set()),
    "port of the proxy": ({"proxy": {"port": free_port()}}, {"proxy"}, set()),
    "no Flower": ({"flower": {"enabled": False}}, {"flower", "proxy"}, set()),
    "no socket proxy": ({"docker_socket_proxy": {"enabled": False}}, {"docker-socket-proxy", *WORKERS}, {"docker"}),
    "an Airflow option": ({"airflow": {"options": {"core": {"default_timezone": "CET"}}}}, AIRFLOW, set()),
    "a Python requirement": ({"airflow": {"extra_requirements": ["tabulate"]}}, AIRFLOW, set()),
    "e-mail of the admin": ({"admin": {"email": "me@example.com"}}, {"init"}, set()),
    "log rotation": ({"target": {"logs": {"max_size": 5}}}, EVERY, set()),
}
SECRET_CHANGES = {
    "redis_password": {"redis", *AIRFLOW},
    "flower_password": {"flower"},
}


@pytest.fixture
def changing(pulumied: Stack) -> Iterator[Stack]:
    """The shared stack, whose file is as before after the test."""
    yield pulumied
    pulumied.write()


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_touches_only_what_depends_on_it(changing: Stack, what: str) -> None:
    """The preview of each change names exactly the containers that depend on it."""
    change, containers, others = CHANGES[what]
    changing.write(change)
    preview = Pulumi(changing).preview()
    assert set(preview.containers) == containers
    rest = {key.partition(" airflow-")[2] for key in preview.touched if not key.startswith("Container ")}
    assert rest - {key for key in rest if key.endswith("-password")} == others


@pytest.mark.parametrize("key", SECRET_CHANGES)
def test_a_changed_secret_touches_only_its_readers(changing: Stack, key: str) -> None:
    """A secret that the user sets replaces the containers that have read the old one."""
    pulumi = Pulumi(changing)
    value = pulumi.encrypted(f"{key}-of-a-test-0123456789")
    changing.write({key: {"secure": value}})
    assert set(pulumi.preview().containers) == SECRET_CHANGES[key]


def test_data_survives_an_applied_change(changing: Stack) -> None:
    """A database with other limits, in a container of its own or in the same one, has the data of before."""
    api = changing.api()
    api.call("POST", "/variables", {"key": "kept", "value": "forty-two"})
    before = {service: entry["Id"] for service, entry in changing.containers().items() if service != "postgres"}
    for memory in (1000, 384):
        changing.write({"database": {"memory": memory}})
        changing.up()
        postgres = changing.containers()["postgres"]
        assert postgres["HostConfig"]["Memory"] == memory * 1024**2
        assert changing.unhealthy() == []
        assert api.call("GET", "/variables/kept")["value"] == "forty-two"
    after = {service: entry["Id"] for service, entry in changing.containers().items() if service != "postgres"}
    assert after == before
