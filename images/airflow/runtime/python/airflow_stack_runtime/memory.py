"""What this container's cgroup says of its memory, and who is killed first when it is used up. Linux, versions 1 and 2.

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1024**2
ROOT = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
"""Bytes. What is no limit in version 1: the largest number of pages."""

EXPENDABLE = 500
"""Half of the cgroup's limit, in the kernel's count of who takes most: a task of a megabyte then comes before a parent
that holds less than half. Not 1000: where the machine itself runs out of memory, size should still count."""


@dataclass(frozen=True)
class Memory:
    """Of the container. None: can't be read here."""

    limit: int | None
    """MiB."""
    peak: int | None
    """MiB that it has had at most; after a kill for the limit, the limit."""
    kills: int | None
    """Processes of it that the kernel has killed for memory since it started."""


def read(root: Path = ROOT) -> Memory:
    """Read what there is."""
    if (root / "memory.events").exists():
        return Memory(
            _mib(root / "memory.max"), _mib(root / "memory.peak"), _counter(root / "memory.events", "oom_kill")
        )
    folder = root / "memory"
    return Memory(
        _mib(folder / "memory.limit_in_bytes"),
        _mib(folder / "memory.max_usage_in_bytes"),
        _counter(folder / "memory.oom_control", "oom_kill"),
    )


@contextlib.contextmanager
def expendable(process: Path = Path("/proc/self")) -> Iterator[None]:
    """Have the kernel kill what is started meanwhile before it kills this process. Anybody may raise the own score.

    https://www.kernel.org/doc/html/latest/filesystems/proc.html#oom-score
    """
    score = process / "oom_score_adj"
    try:
        before = int(score.read_text())
        score.write_text(str(max(before, EXPENDABLE)))
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            score.write_text(str(before))


def become_expendable() -> None:
    """Have the kernel kill this process before its parent."""
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(max(int(score.read_text()), EXPENDABLE)))


def limit_told() -> int | None:
    """MiB that the environment says where the cgroup does not: on Fargate the limit is the task's."""
    told = os.environ.get("AIRFLOW_STACK_MEMORY_LIMIT", "")
    return int(told) if told.isdigit() else None


def _mib(file: Path) -> int | None:
    try:
        size = int(file.read_text())
    except (OSError, ValueError):  # "max" is no limit
        return None
    return None if size >= UNLIMITED else size // MIB


def _counter(file: Path, name: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None
