"""The containers of a stack on this machine: found by their owner, stopped, started and waited for."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from docker.errors import NotFound
from docker.models.containers import Container

from airflow_stack.backends.labels import SERVICE
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.running.interface import Say
from airflow_stack.operations.running.stopping import Host

# Seconds. A webserver on a busy laptop takes up to two minutes.
TIMEOUT = 300.0
INTERVAL = 0.5
LOG_LINES = 8
# A container that has ended this often while it is waited for will not come up.
RESTARTS = 3
# The end of a log in which the last exception is looked for, and what is shown of it.
TRACE_LINES = 400
TEXT = 300
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Violation|Interrupt|Exit)(: |$)")
OF_USER = re.compile(r'\s+File "/opt/airflow/(?P<file>(config|dags|plugins)/.*)", line (?P<line>\d+)')

EXTRA = "airflow-stack.extra"
"""Label of a worker that `scale` has added to those of the config."""

ONE_OFF = "one-off"
"""Service of a container that runs one command and goes."""


def find(config: LocalConfig, program: Path, stack: str, *, one_off: bool = False) -> list[Container]:
    """Containers of the stack, stopped ones too, by service; those of one-off commands where they are asked for."""
    found = ownership.containers(ownership.look(config, program, stack))
    ours = [one for one in found if one_off or service(one) != ONE_OFF]
    return sorted(ours, key=lambda one: (role(one), is_extra(one), number(one)))


def service(container: Container) -> str:
    """Its name within the stack: ``worker-1``."""
    return str(container.labels.get(SERVICE, ""))


def role(container: Container) -> str:
    """What it is one of: ``worker`` for ``worker-1`` and for ``worker-extra-1``."""
    return role_of(service(container))


def role_of(service: str) -> str:
    """The role of a service, by its name."""
    return re.sub(r"(-extra)?-\d+$", "", service)


def number(container: Container) -> int:
    """``2`` of ``worker-2``; 0 where there is one alone."""
    found = re.search(r"\d+$", service(container))
    return int(found[0]) if found else 0


def is_extra(container: Container) -> bool:
    """Whether `scale` has added it."""
    return EXTRA in container.labels


def is_healthy(container: Container) -> bool:
    """Whether it runs and its probe says so."""
    state = container.attrs["State"]
    return bool(state["Status"] == "running" and state.get("Health", {}).get("Status", "healthy") == "healthy")


def crashes(container: Container) -> bool:
    """Whether it ends again and again: waiting does not help it, and neither does starting it."""
    often = container.attrs.get("RestartCount", 0) >= RESTARTS
    return bool(container.attrs["State"]["Status"] == "restarting" or (often and not is_healthy(container)))


def is_running(container: Container) -> bool:
    """Whether its process does, healthy or not."""
    return bool(container.attrs["State"]["Status"] == "running")


def stop(containers: Sequence[Container], say: Say) -> None:
    """Stop them side by side, each as it wants to be stopped: a worker after its tasks."""

    def one(container: Container) -> str:
        with suppress(NotFound):
            container.stop(timeout=grace(container))
        return service(container)

    if not containers:
        return
    with ThreadPoolExecutor(max_workers=len(containers)) as pool:
        for name in pool.map(one, containers):
            say(f"stopped {name}")


def grace(container: Container) -> int:
    """Seconds that it gets to stop."""
    return int(container.attrs["Config"].get("StopTimeout") or 30)


def host(container: Container) -> Host:
    """It, as somebody who stops it looks at it."""
    return Host(service(container), str(container.attrs["Config"]["Hostname"]), grace(container))


def wait_until_healthy(containers: Sequence[Container], say: Say, timeout: float = TIMEOUT) -> None:
    """Raises OperationError, with the last lines of its log, for one that is not healthy in time or keeps ending."""
    begin = time.monotonic()
    ended = {container.id: container.attrs["RestartCount"] for container in containers}
    waiting = list(containers)
    while waiting:
        for container in list(waiting):
            try:
                container.reload()
            except NotFound:
                raise OperationError(f"{container.name} has vanished.\nRun the same command again.") from None
            if is_healthy(container):
                waiting.remove(container)
                say(f"{service(container)} is healthy")
            elif container.attrs["RestartCount"] - ended[container.id] >= RESTARTS:
                code = container.attrs["State"]["ExitCode"]
                raise OperationError(
                    f"{service(container)} ends again and again, with exit code {code}.\n"
                    f"{last_lines(container)}\nAll of it: docker logs {container.name}"
                )
        if waiting and time.monotonic() - begin > timeout:
            first = waiting[0]
            raise OperationError(
                f"not healthy after {timeout:.0f} s: {', '.join(service(one) for one in waiting)}.\n"
                f"{last_lines(first)}\nAll of it: docker logs {first.name}"
            )
        if waiting:
            time.sleep(INTERVAL)


def last_lines(container: Container) -> str:
    """The end of its log, as it is shown in an error."""
    text = container.logs(tail=LOG_LINES).decode(errors="replace")
    return "\n".join(f"  | {line}" for line in text.splitlines())


def last_error(container: Container) -> tuple[str, str]:
    """The exception that it ended with, and the line of a file of the user's that led to it; empty where none did."""
    lines = container.logs(tail=TRACE_LINES).decode(errors="replace").splitlines()
    last = max((number for number, line in enumerate(lines) if EXCEPTION.match(line)), default=None)
    if last is None:
        return "", ""
    begin = max((number for number in range(last) if lines[number].startswith("Traceback (")), default=0)
    places = [found for line in lines[begin:last] if (found := OF_USER.match(line))]
    return lines[last][:TEXT], f"{places[-1]['file']}, line {places[-1]['line']}" if places else ""
