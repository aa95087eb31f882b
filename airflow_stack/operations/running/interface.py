"""What every stack that is up can be asked and told, wherever it runs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from airflow_stack.airflow.advice import Advice
from airflow_stack.airflow.deployment import RUNTIME
from airflow_stack.config import StackConfig
from airflow_stack.errors import OperationError

Say = Callable[[str], None]

MARKER = "airflow-stack-result: "
"""What stands before the one line of JSON that a program of the image answers with."""

LOG_LINES = 20
"""Lines of a failed command in its error."""


@dataclass(frozen=True)
class RoleStatus:
    """All instances of one role."""

    role: str
    desired: int
    running: int
    healthy: int
    version: str
    """Image tag, or revision of the task definition."""
    since: datetime | None
    """When the youngest instance started. None: none runs."""
    detail: str = ""
    """What is wrong; empty where nothing is."""
    crashes: bool = False
    """Whether it ends again and again: to start it once more is of no use."""

    @property
    def good(self) -> bool:
        """Whether as many as there should be are healthy."""
        return self.healthy >= self.desired and not self.detail


@dataclass(frozen=True)
class Kill:
    """What the kernel has killed for memory, and what to set instead."""

    what: str
    """Task, run and try; or the role whose container it was."""
    where: str
    """Container, or ECS task."""
    time: datetime
    seen: str
    """Limit, and what was used."""
    advice: Advice


@dataclass(frozen=True)
class Work:
    """Tasks of Airflow."""

    running: int
    queued: int
    cut_off: tuple[str, ...] = ()
    """Those of the last hour that a stopped worker has cut off, a line each. On AWS `doctor` alone asks for them."""
    troubles: tuple[str, ...] = ()
    """What single DAGs can't do, one line each; on AWS `doctor --deep` knows."""
    kills: tuple[Kill, ...] = ()
    """Of the last day, the latest first; without those whose cause has been removed since."""


@dataclass(frozen=True)
class LogLine:
    """One line of one instance."""

    role: str
    instance: str
    time: datetime
    text: str


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    code: int
    output: str
    """Its standard output, whole; on AWS standard error too, which the log does not tell apart."""


class RunningStack(Protocol):
    """A stack that is up. Every method raises OperationError where the target refuses."""

    @property
    def name(self) -> str:
        """The Pulumi stack's."""

    @property
    def program(self) -> Path:
        """Directory of Pulumi.yaml."""

    @property
    def config(self) -> StackConfig:
        """What its stack file says now."""

    def roles(self) -> tuple[str, ...]:
        """Names of what runs in it: Airflow's roles, and on Docker the servers beside them."""

    def urls(self) -> dict[str, str]:
        """Addresses by what is there: Airflow, Flower."""

    def status(self) -> list[RoleStatus]:
        """One entry a role."""

    def work(self) -> Work | None:
        """Tasks running and queued. None: nobody knows now."""

    def logs(self, roles: Sequence[str], since: datetime | None, tail: int | None, follow: bool) -> Iterator[LogLine]:
        """Lines of these roles, of all where none is named, in the order of their time.

        ``tail``: so many lines of each instance (Docker) or role (AWS) at most. ``follow``: go on until interrupted.
        """

    def shell(self, role: str, command: Sequence[str]) -> int:
        """An interactive command in an instance of the role, on the user's terminal; a shell where none is named."""

    def execute(
        self, command: Sequence[str], *, stdin: bytes = b"", output: Callable[[str], None] | None = None
    ) -> Completed:
        """One command in Airflow's context, to its end. ``output`` gets its lines, of both streams, as they come.

        ``stdin`` is for Docker alone: AWS has no way to hand it over.
        """

    def relay(self, command: Sequence[str], say: Say) -> int:
        """One command in Airflow's context, its streams on ours as they are. Returns its exit code."""

    def run(self, command: Sequence[str], cpu: int | None, memory: int | None, say: Say) -> int:
        """One command in a container of its own, its output on ours. ``cpu``: 1024 are one; ``memory`` in MiB."""

    def ask(self, command: Sequence[str], *, stdin: bytes = b"") -> Any:
        """What a program of images/airflow/runtime/bin answers: see `answer`."""

    def check_scale(self, role: str, count: int) -> None:
        """Raise OperationError where the role can't be scaled to so many. Nothing is changed."""

    def scale(self, role: str, count: int, say: Say) -> None:
        """To so many instances. Returns when they are healthy, and those that are too many are gone."""

    def restart(self, role: str, say: Say) -> None:
        """All instances of the role, one after the other. Returns when they are healthy."""

    def stop_airflow(self, say: Say) -> AbstractContextManager[None]:
        """All of Airflow's roles to zero, and back to what they were at the end, whatever happens."""


def command_line(command: Sequence[str]) -> list[str]:
    """A command line of the image's own programs, which are known by their names."""
    name, *arguments = command
    return [name if "/" in name else f"{RUNTIME}/{name}", *arguments]


def answer(command: Sequence[str], completed: Completed, printed: Sequence[str]) -> Any:
    """The JSON behind the marker in the last such line.

    Raises OperationError with the last lines of ``printed``, both streams, where the program has failed or said none.
    """
    answers = [line for line in completed.output.splitlines() if line.startswith(MARKER)]
    if completed.code == 0 and answers:
        return json.loads(answers[-1].removeprefix(MARKER))
    said = [line for line in printed if not line.startswith(MARKER)][-LOG_LINES:]
    how = f"ended with exit code {completed.code}" if completed.code else "gave no answer"
    name = command[0].rpartition("/")[2]
    raise OperationError("\n".join([f"{name} {how}.", *(f"  | {line}" for line in said)]))


def known_role(role: str, roles: Sequence[str], stack: str) -> str:
    """The role. Raises OperationError for one that the stack does not have, with those that it has."""
    if role in roles:
        return role
    near = difflib.get_close_matches(role, roles, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise OperationError(f"stack {stack!r} has no role {role!r}.{meant}\nIt has: {', '.join(roles)}")
