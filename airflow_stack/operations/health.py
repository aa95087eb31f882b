"""Wait for a stack to be healthy, and say who it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

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
    """Return when every container is healthy and the one-shot ones have ended well.

    Raises OperationError, with the last lines of the log, at once where one has failed and else after ``timeout``
    seconds.
    """
    start = time.monotonic()
    waiting = {container.name: container for container in plan.containers}
    while waiting:
        for name, container in list(waiting.items()):
            if _is_ready(container):
                del waiting[name]
                if container.probe:
                    say(f"{name} is healthy ({len(waiting)} to go)")
        if waiting and time.monotonic() - start > timeout:
            name = next(iter(waiting))
            raise OperationError(
                f"not healthy after {timeout:.0f} s: {', '.join(waiting)}.\n{_last_lines(name)}\n"
                f"See what it says: docker logs {name}. Run the same command again when it is mended."
            )
        if waiting:
            time.sleep(INTERVAL)


def _is_ready(container: Container) -> bool:
    try:
        attributes = client().containers.get(container.name).attrs
    except NotFound:
        raise OperationError(f"{container.name} has vanished.\nRun the same command again.") from None
    state = attributes["State"]
    if attributes["RestartCount"] >= RESTARTS:
        raise OperationError(
            f"{container.name} ends again and again, with exit code {state['ExitCode']}.\n"
            f"{_last_lines(container.name)}\n"
            f"All of it: docker logs {container.name}. Run the same command again when it is mended."
        )
    if container.one_shot:
        if state["Status"] == "exited" and state["ExitCode"] != 0:
            raise OperationError(
                f"{container.name} failed with exit code {state['ExitCode']}.\n{_last_lines(container.name)}\n"
                f"All of it: docker logs {container.name}. Run the same command again when it is mended."
            )
        return bool(state["Status"] == "exited")
    return bool(state.get("Health", {}).get("Status") == "healthy")


def _last_lines(name: str) -> str:
    text = client().containers.get(name).logs(tail=LOG_LINES).decode(errors="replace")
    return "\n".join(f"  | {line}" for line in text.splitlines())
