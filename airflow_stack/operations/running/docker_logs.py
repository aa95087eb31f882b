"""What the containers of a stack print, read as one."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Literal

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running.docker_exec import Lines
from airflow_stack.operations.running.interface import LogLine

# Seconds between two looks for containers that have started meanwhile.
INTERVAL = 1.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def past(found: list[Container], since: datetime | None, tail: int | None) -> Iterator[LogLine]:
    """What they have printed so far, in the order of its time."""
    parts = [list(_read(container, since, tail, follow=False)) for container in found]
    return heapq.merge(*parts, key=lambda line: line.time)


def follow(find: Callable[[], list[Container]], since: datetime | None, tail: int | None) -> Iterator[LogLine]:
    """What they print, as they print it, until interrupted: also of those that start later, or again."""
    lines: queue.Queue[LogLine] = queue.Queue()
    readers: dict[str, threading.Thread] = {}
    ends: dict[str, datetime] = {}
    first = True
    looked = -INTERVAL
    while True:
        if time.monotonic() - looked >= INTERVAL:
            looked = time.monotonic()
            for container in find():
                known = str(container.id)
                if (known in readers and readers[known].is_alive()) or not containers.is_running(container):
                    continue
                begin = ends.get(known) or since
                amount = tail if first else None
                arguments = (container, begin, amount, lines, ends)
                readers[known] = threading.Thread(target=_follow_one, args=arguments, daemon=True)
                readers[known].start()
            first = False
        try:
            yield lines.get(timeout=INTERVAL / 2)
        except queue.Empty:
            continue


def _follow_one(
    container: Container,
    since: datetime | None,
    tail: int | None,
    lines: queue.Queue[LogLine],
    ends: dict[str, datetime],
) -> None:
    known = str(container.id)
    for line in _read(container, since, tail, follow=True):
        # Docker takes up again with the line that it is told, not with the one after it.
        if line.time > ends.get(known, EPOCH):
            ends[known] = line.time
            lines.put(line)


def _read(container: Container, since: datetime | None, tail: int | None, *, follow: bool) -> Iterator[LogLine]:
    role, instance = containers.role(container), containers.service(container)
    amount: int | Literal["all"] = "all" if tail is None else tail
    try:
        stream = client().api.logs(
            str(container.id), stream=True, follow=follow, timestamps=True, tail=amount,
            since=since.timestamp() if since else None,
        )  # fmt: skip
        done: list[str] = []
        cut = Lines(done.append)
        for chunk in stream:
            cut(chunk)
            yield from (_line(role, instance, text) for text in done)
            done.clear()
        cut.end()
        yield from (_line(role, instance, text) for text in done)
    except (NotFound, APIError):
        return  # it is gone, and with it what it has printed


def _line(role: str, instance: str, text: str) -> LogLine:
    stamp, _, rest = text.partition(" ")
    return LogLine(role, instance, moment(stamp), rest)


def moment(stamp: str) -> datetime:
    """Of Docker's RFC 3339 with nanoseconds, of which Python keeps micro."""
    head, _, fraction = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6].ljust(6, '0')}").replace(tzinfo=UTC)
