"""protection.py: ECS does not stop a worker that has tasks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from types import ModuleType, SimpleNamespace

import pytest
from airflow_stack_runtime.boot import protection
from airflow_stack_runtime.boot.protection import GRACE, Protection


class Ecs:
    """A worker, a clock and an agent that records."""

    def __init__(self, minutes: int = 60) -> None:
        """Idle, at second 1000, with an agent that works."""
        self.now = 1000.0
        self.tasks = 0
        self.broken = False
        self.requests: list[tuple[float, bool]] = []
        self.protection = Protection(self.put, lambda: self.tasks > 0, minutes, lambda: self.now)

    def put(self, enabled: bool, _minutes: int) -> None:
        """The agent."""
        self.requests.append((self.now - 1000, enabled))
        if self.broken:
            raise protection.RefusedError("HTTP status 500")

    def pass_time(self, seconds: float) -> None:
        """Step as the thread does, at the moments that the steps ask for."""
        end = self.now + seconds
        while (wait := self.protection.step()) is not None and self.now + wait <= end:
            self.now += wait
        self.now = end

    def task(self) -> None:
        """A task arrives, without the thread that it would start."""
        self.tasks += 1
        self.protection._arrived = True


def test_protected_from_the_first_task_until_after_the_last() -> None:
    """One request at each end; a short pause between two tasks changes nothing."""
    ecs = Ecs()
    assert ecs.protection.step() is None
    ecs.task()
    ecs.pass_time(60)
    ecs.tasks = 0
    ecs.pass_time(GRACE / 2)
    ecs.task()
    ecs.pass_time(60)
    assert ecs.requests == [(0, True)]
    ecs.tasks = 0
    ecs.pass_time(60)
    assert [enabled for _, enabled in ecs.requests] == [True, False]
    assert ecs.requests[1][0] >= 120 + GRACE / 2 + GRACE - protection.LOOK
    assert ecs.protection.step() is None


def test_a_task_that_is_over_before_the_agent_answers_is_a_task() -> None:
    """What counts is that it arrived."""
    ecs = Ecs()
    ecs.task()
    ecs.tasks = 0
    ecs.pass_time(60)
    assert [enabled for _, enabled in ecs.requests] == [True, False]


def test_renewed_at_half_time() -> None:
    """So that an agent that is silent for a while costs nothing."""
    ecs = Ecs(minutes=10)
    ecs.task()
    ecs.pass_time(1300)
    assert [second for second, _ in ecs.requests] == [0, 300, 600, 900, 1200]


def test_failures_are_repeated_and_then_forgotten() -> None:
    """Ever more slowly, and at once again at the next change."""
    ecs = Ecs()
    ecs.broken = True
    ecs.task()
    ecs.pass_time(400)
    seconds = [second for second, _ in ecs.requests]
    assert seconds[:5] == [0, 1, 3, 7, 15]
    assert max(later - earlier for earlier, later in pairwise(seconds)) <= protection.RETRY[1] + 5
    ecs.broken = False
    ecs.pass_time(65)
    tries = len(ecs.requests)
    ecs.pass_time(600)
    assert len(ecs.requests) == tries


def test_a_protection_of_unknown_outcome_is_taken_back() -> None:
    """The agent may have done it and failed to say so."""
    ecs = Ecs()
    ecs.broken = True
    ecs.task()
    ecs.pass_time(10)
    ecs.tasks, ecs.broken = 0, False
    ecs.pass_time(120)
    assert ecs.requests[-1][1] is False
    assert not ecs.protection.asked


def test_a_warm_shutdown_stays_protected() -> None:
    """Celery forgets its count of tasks when it shuts down, while they go on."""
    ecs = Ecs(minutes=10)
    ecs.task()
    ecs.pass_time(5)
    ecs.protection.leave()
    ecs.tasks = 0
    ecs.pass_time(700)
    assert all(enabled for _, enabled in ecs.requests)
    assert len(ecs.requests) == 3
    ecs.protection.end()
    assert ecs.requests[-1][1] is False


def test_an_idle_worker_leaves_without_a_word() -> None:
    """Nothing to take back."""
    ecs = Ecs()
    ecs.protection.leave()
    assert ecs.protection.step() is None
    ecs.protection.end()
    assert ecs.requests == []


@pytest.fixture
def agent() -> Iterator[SimpleNamespace]:
    """The ECS agent: an HTTP server that records, and answers what it is told to."""
    seen: list[tuple[str, str, dict[str, object]]] = []
    said = SimpleNamespace(status=200, body=b'{"protection": {"ProtectionEnabled": true}}')

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, self.headers["Content-Type"], body))
            self.send_response(said.status)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield SimpleNamespace(uri=f"http://127.0.0.1:{server.server_port}/api/task", seen=seen, said=said)
    server.shutdown()
    server.server_close()


def test_what_the_agent_is_asked(agent: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented request, and never by a proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    put = protection.agent(agent.uri)
    put(True, 90)
    put(False, 90)
    path = "/api/task/task-protection/v1/state"
    assert agent.seen == [
        (path, "application/json", {"ProtectionEnabled": True, "ExpiresInMinutes": 90}),
        (path, "application/json", {"ProtectionEnabled": False}),
    ]


@pytest.mark.parametrize(
    ("status", "body"), [(400, b'{"error": {"Code": "x"}}'), (200, b'{"failure": {"Reason": "x"}}')]
)
def test_a_refusal_is_a_failure(agent: SimpleNamespace, status: int, body: bytes) -> None:
    """The agent passes on a refusal of ECS with status 200."""
    agent.said.status, agent.said.body = status, body
    with pytest.raises(protection.RefusedError):
        protection.agent(agent.uri)(True, 60)


def test_followed_by_signals(agent: SimpleNamespace, signals: SimpleNamespace, stand_in: Callable[..., ModuleType],
                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """A worker's first task protects it within a moment; after a reconnect its running tasks still count."""
    monkeypatch.setattr(protection, "LOOK", 0.02)
    monkeypatch.setattr(protection, "GRACE", 0.05)
    running = {"task"}
    state = stand_in("celery.worker.state", reserved_requests=set(), active_requests=running)
    assert state
    protection.connect({"ECS_AGENT_URI": agent.uri, "AIRFLOW_STACK_PROTECTION_MINUTES": "7"})
    assert not agent.seen
    signals.task_received.send()
    wait_for(lambda: len(agent.seen) == 1)
    assert agent.seen[0][2] == {"ProtectionEnabled": True, "ExpiresInMinutes": 7}
    time.sleep(0.2)
    assert len(agent.seen) == 1
    running.clear()
    wait_for(lambda: len(agent.seen) == 2)
    signals.task_received.send()
    wait_for(lambda: len(agent.seen) >= 3)
    signals.worker_shutting_down.send()
    signals.worker_shutdown.send()
    assert agent.seen[-1][2] == {"ProtectionEnabled": False}


def test_nothing_without_an_agent(signals: SimpleNamespace) -> None:
    """Locally there is no ECS: no thread, no signal."""
    assert protection.connect({}) is None
    assert not signals.task_received.receivers


def wait_for(condition: Callable[[], bool]) -> None:
    """Up to ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
