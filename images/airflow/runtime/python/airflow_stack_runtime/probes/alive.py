"""The sign of life of a worker that can't be asked through its broker, or of a triggerer: its loop writes a file."""

from __future__ import annotations

import os
import time
from pathlib import Path

INTERVAL = 5.0
"""Seconds between two signs."""

LIMIT = 30.0
"""Age in seconds from which on a sign is none."""

# Nobody else is in this container.
PATH = Path("/tmp/airflow-stack-alive")  # noqa: S108


def beat(path: Path = PATH) -> None:
    """Give a sign. The clock is the machine's since its start, which nobody sets."""
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(str(time.monotonic()))
    new.replace(path)


def age(path: Path = PATH) -> float | None:
    """Return the seconds since the last sign, None if there was none."""
    try:
        return time.monotonic() - float(path.read_text())
    except (OSError, ValueError):
        return None
