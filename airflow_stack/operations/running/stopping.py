"""What a verb says that stops containers with tasks: which tasks it waits for, and which of them were cut off."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from docker.errors import DockerException

from airflow_stack.errors import OperationError
from airflow_stack.operations.running.interface import Say

Task = Mapping[str, Any]
"""Of `facts work`: dag, task, run, map_index, try, and more."""
Ask = Callable[[], Mapping[str, Any]]
"""Runs `facts work`. Raises OperationError where nobody can be asked."""

# Tasks that are named; of the rest the number is told.
NAMED = 5
# Seconds by which the database's clock and ours may differ.
SKEW = 2.0
# Seconds for which `status` and `doctor` tell of a task that was cut off: as long as `facts` does.
LATELY = 3600.0


@dataclass(frozen=True)
class Host:
    """A container that is to stop."""

    service: str
    name: str
    """By which Airflow knows it."""
    grace: int
    """Seconds between SIGTERM and SIGKILL."""


@contextmanager
def watched(ask: Ask, hosts: Sequence[Host], say: Say) -> Iterator[None]:
    """Say what these containers do while they are to be stopped, and afterwards what became of it.

    A stack that can't be asked, because its database is away, is stopped without a word about its tasks.
    """
    before = running_on(_asked(ask), hosts)
    for host, tasks in before.items():
        say(f"{host.service} has {counted(tasks)}; waiting up to {host.grace} s (airflow-stack:worker.stop_timeout)")
    begin = time.monotonic()
    yield
    if before:
        for line in cut_off(_asked(ask), time.monotonic() - begin, before):
            say(line)


@contextmanager
def replaced(ask: Ask, grace: int, say: Say) -> Iterator[None]:
    """The same of a tool that replaces containers, or does not: nobody knows before."""
    if tasks := list(_asked(ask).get("running", ())):
        say(
            f"{counted(tasks)}; a worker that is replaced has up to {grace} s for its own"
            " (airflow-stack:worker.stop_timeout)"
        )
    begin = time.monotonic()
    yield
    if tasks:
        for line in cut_off(_asked(ask), time.monotonic() - begin):
            say(line)


def cut_off(facts: Mapping[str, Any], within: float, before: Mapping[Host, Sequence[Task]] | None = None) -> list[str]:
    """A line for each task that was cut off in the last ``within`` seconds, and for those that went with their host."""
    told = [task for task in facts.get("cut_off", ()) if task["age"] <= within + SKEW]
    lines = [f"cut off: {name(task)}, {task['said']}; {then(task)}" for task in reversed(told)]
    known = {_key(task) for task in told}
    still = {_key(task) for task in facts.get("running", ())}
    for host, tasks in (before or {}).items():
        lines += [
            f"lost: {name(task)}, was killed with {host.service}; its try fails as soon as {host.service} is back, and"
            " within two minutes where it does not come back"
            for task in tasks
            if _key(task) in still - known
        ]
    return lines


def running_on(facts: Mapping[str, Any], hosts: Sequence[Host]) -> dict[Host, list[Task]]:
    """Tasks at work, by host; hosts without one are left out."""
    found = {host: [task for task in facts.get("running", ()) if task["host"] == host.name] for host in hosts}
    return {host: tasks for host, tasks in found.items() if tasks}


def counted(tasks: Sequence[Task]) -> str:
    """``2 tasks: hello.greet (run r1) since 4 s, …``."""
    named = [f"{name(task)} since {task['seconds']:.0f} s" for task in tasks[:NAMED]]
    more = [f"{len(tasks) - NAMED} more"] if len(tasks) > NAMED else []
    return f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}: {', '.join([*named, *more])}"


def name(task: Task) -> str:
    """One task of one run, as a person would look for it."""
    index = f", map index {task['map_index']}" if task["map_index"] >= 0 else ""
    return f"{task['dag']}.{task['task']} (run {task['run']}{index})"


def ran(task: Task) -> int:
    """Seconds for which a task had run when it was cut off."""
    found = re.match(r"after (\d+) s", task["said"])
    return int(found[1]) if found else 0


def then(task: Task) -> str:
    """What becomes of a task that was cut off, or has."""
    if task["state"] is None and task["last_try"] is None:
        return "it has been deleted since"
    if task["last_try"] > task["try"]:
        return f"it was tried again, and is {task['state'] or 'about to be scheduled'}"
    if task["state"] in ("running", "failed", "up_for_retry"):
        left = task["max_tries"] + 1 - task["try"]
        return f"it is tried again, retries left: {left}" if left > 0 else "it has failed, since it has no retries left"
    return f"it is {task['state'] or 'cleared'} now"


def _key(task: Task) -> tuple[Any, ...]:
    return tuple(task[part] for part in ("dag", "task", "run", "map_index", "try"))


def _asked(ask: Ask) -> Mapping[str, Any]:
    try:
        return ask()
    except (OperationError, DockerException):  # also where the container that is asked ends meanwhile
        return {}
