"""A stack of this machine that is up: its containers, and what Airflow says of itself."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from airflow_stack.airflow import describe
from airflow_stack.backends.machine import Machine
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.doctor import airflow_facts
from airflow_stack.operations.doctor.finding import Finding, Look, State, missing, ok, size, warning
from airflow_stack.operations.doctor.roles import judge
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running.docker_stack import DockerStack

# Seconds: two looks at a container's use of memory and a question to the database, on a machine that is busy.
LIMIT = 20.0
# Shares of a container's limit, and bytes of task logs, from which on it is worth a word.
FULL = 0.9
LOGS = 10 * 1024**3
# Bytes of one task log. One of 1 GB takes more than a webserver's 1.3 GiB to show.
LARGE_LOG = 256 * 1024**2
# Where a container of either version of cgroups counts what was killed in it.
COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
# Restarts that are no accident.
RESTARTS = 3


def looks(stack: DockerStack) -> list[Look]:
    """What to look at, in the report's order."""
    title, release = f"Stack {stack.name}", stack.config.airflow.release
    return [
        Look(
            title,
            "Roles",
            lambda: judge(stack.status(), release, stack.name),
            LIMIT,
            State.MISSING,
        ),
        Look(title, "Airflow", lambda: _facts(stack), LIMIT, State.MISSING),
        Look(title, "Memory", lambda: _memory(_found(stack), stack), LIMIT),
        Look(title, "Restarts", lambda: _restarts(_found(stack), stack), LIMIT),
        Look(title, "Task logs", lambda: _logs(stack), LIMIT),
    ]


def _found(stack: DockerStack) -> list[Container]:
    return containers.find(stack.config, stack.program, stack.name)


def _facts(stack: DockerStack) -> Iterator[Finding]:
    asked = time.time()
    facts = stack.ask(["facts"])
    answered = time.time()
    crashing = {containers.role(one) for one in _found(stack) if containers.crashes(one)}
    yield from airflow_facts.judge(facts, stack.config, stack.name, asked, answered, crashing)
    yield from airflow_facts.killed(stack.kills(facts), stack.name)


def _memory(found: Sequence[Container], stack: DockerStack) -> Iterator[Finding]:
    """What each container has of what it may have, without the page cache, which it gives back."""
    running = [one for one in found if containers.is_running(one)]
    with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
        shares = list(zip(running, pool.map(_share, running), strict=True))
    full = [(one, share) for one, share in shares if share >= FULL]
    for one, share in full:
        cost = "what is largest in it is killed when it needs more"
        mend = _mend(one, stack)
        yield warning(f"Memory of {containers.service(one)}", f"{share:.0%} of its limit", cost, mend)
    with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
        kills = list(zip(running, pool.map(_killed, running), strict=True))
    tasks = describe(stack.config).runner.name
    for one, count in kills:
        if count and containers.role(one) != tasks:  # a killed task is told with its name
            seen = f"{count} of its processes were killed for memory since it started"
            yield warning(f"Memory of {containers.service(one)}", seen, "what they did was lost", _mend(one, stack))
    if not full and shares:
        most, share = max(shares, key=lambda entry: entry[1])
        yield ok("Memory", f"the fullest, {containers.service(most)}, has {share:.0%} of its limit")


def _share(container: Container) -> float:
    """0 where there is no limit."""
    usage: dict[str, Any] = client().api.stats(str(container.id), stream=False, one_shot=True).get("memory_stats", {})
    limit, details = usage.get("limit", 0), usage.get("stats", {})
    cache = details.get("inactive_file", details.get("total_inactive_file", 0))
    cache = details.get("total_inactive_file", cache)  # cgroup v1 has both, of which this one counts the children
    return float((usage.get("usage", 0) - cache) / limit) if limit else 0.0


def _mend(container: Container, stack: DockerStack) -> str:
    """What gives it more; nothing for one that no key is for."""
    role = containers.role(container)
    return stack.advice(role).command(stack.name) if stack.limits.get(role) and stack.limits[role].key else ""


def _killed(container: Container) -> int:
    """Processes of it that the kernel has killed for memory since it started. 0 where it can't be asked."""
    said: Any = container.exec_run(["sh", "-c", f"cat {' '.join(COUNTERS)} 2>/dev/null"]).output
    return sum(map(int, re.findall(rb"^oom_kill (\d+)$", said or b"", re.MULTILINE)))


def _restarts(found: Sequence[Container], stack: DockerStack) -> Iterator[Finding]:
    for one in found:
        state = one.attrs["State"]
        if state.get("OOMKilled"):
            mend = _mend(one, stack)
            cost = "what ran in it was lost"
            yield warning(
                f"Memory of {containers.service(one)}", "was killed: it needed more than its limit", cost, mend
            )
        elif one.attrs["RestartCount"] >= RESTARTS:
            seen = f"has ended and come back {one.attrs['RestartCount']} times"
            yield missing(containers.service(one), seen, "it will not come up by waiting", f"docker logs {one.name}")


def _logs(stack: DockerStack) -> Iterator[Finding]:
    """Task logs, which nobody deletes but the user."""
    folder = Machine.of(stack.config, stack.program, stack.name).project / "logs"
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    total, largest = sum(sizes.values()), max(sizes, key=sizes.__getitem__, default=folder)
    if sizes.get(largest, 0) > LARGE_LOG:
        seen = f"{size(sizes[largest])} in {_short(largest, stack.program)}"
        cost = "the webserver reads it whole: the page of this log ends one of its processes for memory"
        yield warning("Largest task log", seen, cost, f"tail -n 1000 {shlex.quote(str(largest))}")
    if total > LOGS:
        mend = f"find {folder} -name '*.log' -mtime +90 -delete"
        yield warning("Task logs", f"{size(total)} in {folder}", "nobody deletes them, and the disk fills", mend)
    else:
        yield ok("Task logs", f"{size(total)} in {_short(folder, stack.program)}")


def _short(folder: Path, program: Path) -> str:
    return str(folder.relative_to(program)) if folder.is_relative_to(program) else str(folder)
