"""What needs no engine of a running stack on Docker: how containers are judged, named and read."""

from __future__ import annotations

import threading
from pathlib import Path
from socket import socketpair
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.operations.running import docker_containers, docker_exec, docker_logs, docker_scale, docker_status

HEALTHY = {"Status": "running", "Health": {"Status": "healthy"}}


class Fake:
    """A container, as much of it as is looked at."""

    def __init__(self, service: str, state: dict[str, Any] | None = None, **labels: str) -> None:
        self.id, self.name = service, f"af-{service}"
        self.labels = {"airflow-stack.service": service, **labels}
        started = {"StartedAt": "2024-05-01T12:00:00.123456789Z", "ExitCode": 0}
        self.attrs: dict[str, Any] = {
            "State": started | (state or HEALTHY),
            "Config": {"Image": "airflow-stack/airflow:2.10.2-1"},
        }


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    config = LocalConfig()
    return plan(config, describe(config), Machine.of(config, tmp_path, "local"))


def whole(**states: dict[str, Any]) -> list[Any]:
    """Every container of the default stack, healthy where nothing else is said."""
    services = ("docker-socket-proxy", "postgres", "proxy", "redis", "scheduler", "triggerer", "webserver")
    found = [
        Fake(name, states.get(name))
        for name in (*services, "worker-1", "worker-2")
        if name not in states.get("gone", ())
    ]
    return [*found, Fake("init", states.get("init", {"Status": "exited"}))]


def by_role(found: list[Any], planned: Plan, scaled: dict[str, int] | None = None) -> dict[str, Any]:
    return {one.role: one for one in docker_status.status(found, planned, scaled or {})}


def test_a_whole_stack_is_well(planned: Plan) -> None:
    """Rule: every role once, by the config's counts; init, which has ended well, is none."""
    found = by_role(whole(), planned)
    assert {role: (one.healthy, one.desired) for role, one in found.items()} == {
        "docker-socket-proxy": (1, 1), "postgres": (1, 1), "proxy": (1, 1), "redis": (1, 1), "scheduler": (1, 1),
        "triggerer": (1, 1), "webserver": (1, 1), "worker": (2, 2),
    }  # fmt: skip
    assert all(one.good for one in found.values())
    assert found["worker"].version == "2.10.2-1"
    assert found["worker"].since.isoformat() == "2024-05-01T12:00:00.123456+00:00"


@pytest.mark.parametrize(
    ("role", "states", "detail"),
    [
        ("scheduler", {"scheduler": {"Status": "running", "Health": {"Status": "starting"}}}, "scheduler is starting"),
        (
            "webserver",
            {
                "webserver": {
                    "Status": "running",
                    "Health": {"Status": "unhealthy", "Log": [{"Output": "a\nno port\n"}]},
                }
            },
            "webserver is unhealthy: no port",
        ),
        (
            "triggerer",
            {"triggerer": {"Status": "restarting", "ExitCode": 137, "OOMKilled": True}},
            "triggerer ends again and again, with exit code 137: out of memory",
        ),
        ("redis", {"redis": {"Status": "exited", "ExitCode": 0}}, "redis is exited, with exit code 0"),
        ("worker", {"gone": ("worker-2",)}, "1 not there: airflow-stack up"),
        ("init", {"init": {"Status": "exited", "ExitCode": 1}}, "init is exited, with exit code 1"),
    ],
)
def test_what_is_wrong_is_said(role: str, states: dict[str, Any], detail: str, planned: Plan) -> None:
    """Rule: the role is not well, it says why, and the others stay well."""
    found = by_role(whole(**states), planned)
    assert found[role].detail == detail
    assert [one.role for one in found.values() if not one.good] == [role]


def test_a_scaled_role_is_measured_by_what_was_asked_for(planned: Plan) -> None:
    """Rule: fewer that were asked for are well, and more that were asked for and are not there are not."""
    stopped = {"worker-2": {"Status": "exited", "ExitCode": 0}}
    assert by_role(whole(**stopped), planned, {"worker": 1})["worker"].good
    assert not by_role(whole(**stopped), planned)["worker"].good
    assert not by_role(whole(), planned, {"worker": 3})["worker"].good
    extra: Any = Fake("worker-extra-1")
    assert by_role([*whole(), extra], planned, {"worker": 3})["worker"].good


def test_names_lead_to_roles() -> None:
    """Rule: numbers go, the rest stays, and extras belong to their role."""
    services = ("worker-1", "worker-12", "worker-extra-3", "docker-socket-proxy", "scheduler")
    found = [docker_containers.role_of(service) for service in services]
    assert found == ["worker", "worker", "worker", "docker-socket-proxy", "scheduler"]


class Starting(Fake):
    """It is in the next of these states at each look: its status, and how often it has ended."""

    def __init__(self, *looks: tuple[str, int]) -> None:
        super().__init__("worker-1")
        self.attrs["RestartCount"] = 7
        self.looks = list(looks)

    def reload(self) -> None:
        health, ended = self.looks.pop(0)
        self.attrs["State"] = {"Status": "running", "ExitCode": 1, "Health": {"Status": health}}
        self.attrs["RestartCount"] = ended

    def logs(self, tail: int) -> bytes:
        return b"no broker\n"[: tail * 100]


def test_a_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: until it is healthy, whatever has happened to it before."""
    monkeypatch.setattr(docker_containers, "INTERVAL", 0)
    said: list[str] = []
    container: Any = Starting(("starting", 7), ("starting", 8), ("healthy", 8))
    docker_containers.wait_until_healthy([container], said.append)
    assert said == ["worker-1 is healthy"]
    assert container.looks == []


def test_a_start_that_fails_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, errors: Any) -> None:
    """Rule: one that keeps ending, and one that takes too long, end the wait with the last lines of the log."""
    monkeypatch.setattr(docker_containers, "INTERVAL", 0)
    container: Any = Starting(*(("starting", number) for number in range(7, 20)))
    said = errors(docker_containers.wait_until_healthy, [container], print)
    assert said.startswith("worker-1 ends again and again, with exit code 1.\n  | no broker")
    container = Starting(("starting", 7), ("starting", 7))
    said = errors(docker_containers.wait_until_healthy, [container], print, 0)
    assert said.startswith("not healthy after 0 s: worker-1.\n  | no broker")


def test_what_was_scaled_is_remembered_and_forgotten(tmp_path: Path) -> None:
    """Rule: nothing known is nothing scaled."""
    assert docker_scale.scaled(tmp_path, "local") == {}
    docker_scale._write(tmp_path, "local", {"worker": 1})
    assert docker_scale.scaled(tmp_path, "local") == {"worker": 1}
    assert docker_scale.scaled(tmp_path, "other") == {}
    docker_scale.forget(tmp_path, "local")
    docker_scale.forget(tmp_path, "local")
    assert docker_scale.scaled(tmp_path, "local") == {}


def test_lines_are_whole_however_they_come() -> None:
    """Rule: cut at line ends alone, in pieces of any size; a last one without an end counts."""
    found: list[str] = []
    lines = docker_exec.Lines(found.append)
    for piece in (b"on", b"e\ntwo\r\nthr", "é".encode()[:1], "é".encode()[1:], b"\n\nlast"):
        lines(piece)
    assert found == ["one", "two", "thré", ""]
    lines.end()
    assert found[-1] == "last"


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.mark.timeout(60)
def test_both_streams_and_what_is_read_pass_at_once() -> None:
    """Rule: a command that prints before it has read all does not wait for us for ever; both streams stay apart."""
    ours, theirs = socketpair()
    given = b"x" * 3_000_000
    got = bytearray()

    def command() -> None:
        theirs.sendall(frame(1, b"o" * 500_000) + frame(2, b"err"))
        while data := theirs.recv(65_536):
            got.extend(data)
        theirs.sendall(frame(1, b"end"))
        theirs.close()

    other = threading.Thread(target=command, daemon=True)
    other.start()
    out, err = bytearray(), bytearray()
    docker_exec.pump(ours, given, out.extend, err.extend)
    other.join(timeout=30)
    assert bytes(got) == given
    assert bytes(out) == b"o" * 500_000 + b"end"
    assert bytes(err) == b"err"


@pytest.mark.parametrize("stamp", ["2024-05-01T12:00:00.123456789Z", "2024-05-01T12:00:00.123456Z"])
def test_docker_s_times_are_read(stamp: str) -> None:
    """Rule: to the microsecond, in UTC."""
    assert docker_logs.moment(stamp).isoformat() == "2024-05-01T12:00:00.123456+00:00"


def test_docker_s_whole_seconds_are_read() -> None:
    """Rule: a time without a fraction has one of zero."""
    assert docker_logs.moment("2024-05-01T12:00:00Z").isoformat() == "2024-05-01T12:00:00+00:00"
