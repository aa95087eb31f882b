"""probe.py, alive.py and heartbeat.py: what the health checks see."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow_stack_runtime.probes import alive, heartbeat, ping, probe


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The scheduler's health server, which answers what it is told to."""
    says = SimpleNamespace(status=200, port=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(says.status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT", str(server.server_port))
    yield says
    server.shutdown()
    server.server_close()


def test_a_scheduler_without_a_heartbeat_is_seen(page: SimpleNamespace) -> None:
    """The webserver's /health answers 200 all the same, so it is not asked."""
    probe.probe_scheduler()
    page.status = 503
    with pytest.raises(probe.UnhealthyError, match="503"):
        probe.probe_scheduler()


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float], None]:
    """A worker over SQS; the fixture gives a sign of life of a certain age."""
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "sqs://")
    monkeypatch.setattr(ping, "queues_of", lambda *_: pytest.fail("SQS has no remote control"))
    path = tmp_path / "alive"
    real = time.monotonic
    monkeypatch.setattr(alive, "age", lambda age=alive.age: age(path))

    def give(seconds: float) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: real() - seconds)
        alive.beat(path)
        monkeypatch.setattr(time, "monotonic", real)

    return give


def test_a_worker_over_sqs_is_known_by_its_sign(sign: Callable[[float], None]) -> None:
    """Not by a ping."""
    with pytest.raises(probe.UnhealthyError, match="has not begun"):
        probe.probe_worker()
    sign(5)
    probe.probe_worker()
    sign(alive.LIMIT + 1)
    with pytest.raises(probe.UnhealthyError, match="31 s old"):
        probe.probe_worker()


def test_a_triggerer_whose_loop_is_blocked(sign: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: its heartbeat goes on and it is unhealthy all the same; without the patch that gives signs it is not."""
    monkeypatch.setattr(heartbeat, "seconds_since_heartbeat", lambda *_: 1.0)
    probe.probe_triggerer()
    sign(29)
    probe.probe_triggerer()
    sign(31)
    with pytest.raises(probe.UnhealthyError, match="a trigger blocks all others, for 31 s"):
        probe.probe_triggerer()


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [(frozenset({"default", "gpu"}), None), (None, "does not answer within 8 s"),
     (frozenset({"default"}), "no longer takes tasks from gpu"), (frozenset(), "default, gpu")],
)  # fmt: skip
def test_a_worker_over_redis_is_asked_for_its_queues(
    monkeypatch: pytest.MonkeyPatch, answer: frozenset[str] | None, wrong: str | None
) -> None:
    """Rule: one that answers without its queues is unhealthy, since nobody else sees that it takes no task."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "redis://:secret@redis:6379/0")
    monkeypatch.setenv("AIRFLOW_STACK_QUEUES", "default,gpu")

    def queues_of(node: str, url: str, _timeout: float) -> frozenset[str] | None:
        asked.append((node, url))
        return answer

    monkeypatch.setattr(ping, "queues_of", queues_of)
    with pytest.raises(probe.UnhealthyError, match=wrong) if wrong else nullcontext():
        probe.probe_worker()
    assert asked == [(f"celery@{socket.gethostname()}", "redis://:secret@redis:6379/0")]


def test_a_sign_cut_short_is_none(tmp_path: Path) -> None:
    """It is replaced as a whole; whatever else is there says nothing."""
    path = tmp_path / "alive"
    assert alive.age(path) is None
    path.write_text("")
    assert alive.age(path) is None
    alive.beat(path)
    age = alive.age(path)
    assert age is not None
    assert 0 <= age < 5
    assert [file.name for file in tmp_path.iterdir()] == ["alive"]


@pytest.mark.parametrize(
    ("callable_", "expected"),
    [("", "triggerer.example.com"), ("airflow.utils.net.getfqdn", "triggerer.example.com"),
     ("airflow.utils.net.get_host_ip_address", "10.0.1.2")],
)  # fmt: skip
def test_the_triggerer_is_looked_up_as_it_registered(
    monkeypatch: pytest.MonkeyPatch, callable_: str, expected: str
) -> None:
    """On AWS Airflow's jobs are registered by address: names do not lead to a Fargate task."""
    monkeypatch.setenv("AIRFLOW__CORE__HOSTNAME_CALLABLE", callable_)
    monkeypatch.setattr(socket, "gethostname", lambda: "triggerer")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [(0, 0, 0, "triggerer.example.com", ())])
    monkeypatch.setattr(socket, "gethostbyname", {"triggerer.example.com": "10.0.1.2"}.__getitem__)
    assert heartbeat._hostname() == expected


def test_an_unhealthy_role_is_one_line(
    page: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit status 1."""
    page.status = 503
    ended: list[int] = []

    def leave(status: int) -> None:
        ended.append(status)
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit):
        probe.main(["scheduler"])
    assert ended == [1]
    assert len(capsys.readouterr().err.splitlines()) == 1
