"""Removes what a test session has started, whatever ends the session: a failure, an interrupt, or a kill.

It runs as a process of its own and reads lines: ``stack NAME`` for every stack that a test is about to create,
``group PGID`` and ``ended PGID`` around every command. At the end of its input the session is over, and it kills those
groups and removes the containers, networks and volumes of those stacks. Nothing else is touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

LABEL = "airflow-stack.stack"


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a session's end is the end of the input, and nothing else
    stacks: list[str] = []
    groups: set[int] = set()
    for line in sys.stdin:
        verb, _, argument = line.strip().partition(" ")
        if verb == "stack":
            stacks.append(argument)
        elif verb == "group":
            groups.add(int(argument))
        elif verb == "ended":
            groups.discard(int(argument))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for stack in stacks:
        remove(stack)


def remove(stack: str) -> None:
    """Everything in Docker that carries the label of this stack."""
    label = f"label={LABEL}={stack}"
    if containers := _ids("ps", "--all", "--quiet", "--no-trunc", "--filter", label):
        _docker("rm", "--force", "--volumes", *containers)
    for kind in ("network", "volume"):
        if found := _ids(kind, "ls", "--quiet", "--filter", label):
            _docker(kind, "rm", *found)


def _ids(*arguments: str) -> list[str]:
    return _docker(*arguments).split()


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main()
