"""Wait for a stack to be healthy, and say who it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from docker.errors import NotFound

from airflow_stack.backends.containers import Container, Plan
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client

# Seconds. A cold start on two cores takes well under one minute; an image of a slow laptop may take five.
TIMEOUT = 300
INTERVAL = 0.5
LOG_LINES = 8
# A container that has ended this often will not come up by waiting.
RESTARTS = 3


def wait_until_healthy(plan: Plan, say: Callable[[str], None], timeout: float = TIMEOUT) -> None:
    """Return when, in one look, every container is healthy and the one-shot ones have ended well.

    Raises OperationError, with the last lines of the log, at once where one has failed and else after ``timeout``
    seconds.
    """
    start = time.monotonic()
    said: set[str] = set()
    restarts: dict[str, int] = {}
    while True:
        states = {container.service: _state(container, restarts) for container in plan.containers}
        waiting = [container for container in plan.containers if not _is_ready(container, states)]
        for container in plan.long_running:
            if container not in waiting and container.name not in said:
                said.add(container.name)
                say(f"{container.name} is healthy ({len(plan.long_running) - len(said)} to go)")
        if not waiting:
            return
        if time.monotonic() - start > timeout:
            names = ", ".join(container.name for container in waiting)
            raise OperationError(
                f"not healthy after {timeout:.0f} s: {names}.\n{_last_lines(waiting[0].name)}\n"
                f"See what it says: docker logs {waiting[0].name}. Run the same command again when it is mended."
            )
        time.sleep(INTERVAL)


def _state(container: Container, restarts: dict[str, int]) -> dict[str, Any]:
    """What the engine knows of a container. Raises OperationError where there is no more hope for it.

    ``restarts`` keeps how often each had been restarted at the first look: those of the months before do not count.
    """
    try:
        attributes = client().containers.get(container.name).attrs
    except NotFound:
        raise OperationError(f"{container.name} has vanished.\nRun the same command again.") from None
    state: dict[str, Any] = attributes["State"]
    count = attributes["RestartCount"]
    if count - restarts.setdefault(container.name, count) >= RESTARTS:
        raise OperationError(
            f"{container.name} ends again and again, with exit code {state['ExitCode']}.\n"
            f"{_last_lines(container.name)}\n"
            f"All of it: docker logs {container.name}. Run the same command again when it is mended."
        )
    if container.one_shot and state["Status"] == "exited" and state["ExitCode"] != 0:
        raise OperationError(
            f"{container.name} failed with exit code {state['ExitCode']}.\n{_last_lines(container.name)}\n"
            f"All of it: docker logs {container.name}. Run the same command again when it is mended."
        )
    return state


def _is_ready(container: Container, states: Mapping[str, dict[str, Any]]) -> bool:
    state = states[container.service]
    if container.one_shot:
        return bool(state["Status"] == "exited")
    health = state.get("Health", {})
    if health.get("Status") != "healthy":
        return False
    # A word from before the database was replaced says nothing: who depends on it may be about to fail.
    needed = [_time(states[service]["StartedAt"]) for service in container.depends_on if service in states]
    return not needed or (bool(health["Log"]) and _time(health["Log"][-1]["Start"]) > max(needed))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _last_lines(name: str) -> str:
    text = client().containers.get(name).logs(tail=LOG_LINES).decode(errors="replace")
    return "\n".join(f"  | {line}" for line in text.splitlines())
