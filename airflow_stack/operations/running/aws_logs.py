"""Log groups of a stack, read as one."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.operations.aws_client import client
from airflow_stack.operations.running.interface import LogLine

# Seconds between two looks at a group that is followed.
INTERVAL = 2.0
# A line may be found so long after a later one: CloudWatch takes them as they come.
LATE = timedelta(seconds=30)
# How far back the last lines of a role are looked for, one after the other until there are enough.
WINDOWS = tuple(timedelta(hours=hours) for hours in (0.25, 3, 24, 24 * 7))


def read(
    region: str, groups: Mapping[str, str], since: datetime | None, tail: int | None, follow: bool
) -> Iterator[LogLine]:
    """Lines of these groups, by role, in the order of their time; new ones, until interrupted, where ``follow``."""
    logs = client("logs", region)
    begin = datetime.now(UTC)
    seen: dict[str, None] = {}
    parts = [_past(logs, role, group, since, tail, begin, seen) for role, group in groups.items()]
    yield from heapq.merge(*parts, key=lambda line: line.time)
    while follow:
        time.sleep(INTERVAL)
        now = datetime.now(UTC)
        new = [
            line for role, group in groups.items()
            for line in _window(logs, role, group, begin - LATE, now, seen)
        ]  # fmt: skip
        yield from sorted(new, key=lambda line: line.time)
        begin = max(begin, now - LATE)
        _forget(seen)


def search(region: str, groups: Mapping[str, str], text: str, begin: datetime, end: datetime) -> Iterator[LogLine]:
    """Lines of these groups that have this text in them, in no order."""
    logs = client("logs", region)
    for role, group in groups.items():
        yield from _window(logs, role, group, begin, end, {}, f'"{text}"')


def _past(
    logs: Any, role: str, group: str, since: datetime | None, tail: int | None, now: datetime, seen: dict[str, None]
) -> list[LogLine]:
    if since is not None or tail is None:
        lines = _window(logs, role, group, since or now - WINDOWS[0], now, seen)
        return list(lines if tail is None else deque(lines, maxlen=tail))
    # The service has no way to read backwards over all streams of a group.
    found: deque[LogLine] = deque(maxlen=tail)
    for window in WINDOWS:
        found = deque(_window(logs, role, group, now - window, now, {}), maxlen=tail)
        if len(found) == tail:
            break
    _ = list(_window(logs, role, group, now - LATE, now, seen))  # they are not new when it is followed
    return list(found)


def _window(
    logs: Any, role: str, group: str, begin: datetime, end: datetime, seen: dict[str, None], pattern: str = ""
) -> Iterator[LogLine]:
    """Lines from ``begin`` to ``end`` that are not in ``seen``, which they are added to; all that fit the pattern."""
    only = {"filterPattern": pattern} if pattern else {}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=_milliseconds(begin), endTime=_milliseconds(end), **only
    )
    for page in pages:
        for event in page["events"]:
            if event["eventId"] not in seen:
                seen[event["eventId"]] = None
                when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield LogLine(role, _instance(role, event["logStreamName"]), when, event["message"].rstrip("\n"))


def _instance(role: str, stream: str) -> str:
    """``worker-3f2a9c01``, of the stream ``worker/worker/<id of the task>``; with a side container's name: its own."""
    container, _, task = stream.partition("/")[2].partition("/")
    return f"{container if container.startswith(role) else f'{role}-{container}'}-{task[:8]}" if task else stream


def _forget(seen: dict[str, None], kept: int = 50_000) -> None:
    """The oldest: an id is needed for as long as its line may be found again."""
    for event in list(seen)[: max(0, len(seen) - kept)]:
        del seen[event]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
