"""Commands in containers: in one that runs, or in a throw-away copy of one."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.utils.socket import frames_iter

from airflow_stack.airflow.deployment import UNBUFFERED
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client

ENTRYPOINT = "/opt/airflow-stack/bin/entrypoint"
"""Of the image: gives a command its home, its user's name and its umask."""

MARK = "AIRFLOW_STACK_COMMAND"
"""Variable by which an interrupted command, and all that it has started, is found again."""

KILL = f"""for one in /proc/[0-9]*; do
    if tr '\\0' '\\n' <"$one/environ" 2>/dev/null | grep -qx "{MARK}=$1"; then kill -TERM "${{one#/proc/}}"; fi
done"""

STDERR = 2
Sink = Callable[[bytes], Any]


def execute(container: Container, command: Sequence[str], stdin: bytes, out: Sink, err: Sink) -> int:
    """Run it in a container that runs; its exit code. An exception, Ctrl-C for one, ends the command too."""
    api = client().api
    mark = secrets.token_hex(8)
    made = api.exec_create(
        str(container.id), [ENTRYPOINT, *command], stdin=bool(stdin), environment=UNBUFFERED | {MARK: mark}
    )["Id"]  # fmt: skip
    stream = api.exec_start(made, socket=True)
    try:
        pump(stream, stdin, out, err)
    except BaseException:
        with suppress(APIError, NotFound):
            container.exec_run(["sh", "-c", KILL, "kill", mark])
        raise
    code = api.exec_inspect(made)["ExitCode"]
    if code is None:
        raise OperationError(f"{container.name} has stopped while the command ran.\nRun it again when it is back.")
    return int(code)


def open_shell(container: Container, command: Sequence[str], *, airflow: bool) -> int:
    """Become `docker exec` on the user's terminal. Raises OperationError where there is no Docker client."""
    docker = shutil.which("docker")
    if docker is None:
        raise OperationError(
            "the docker command is not installed, which a shell needs.\nInstall it: https://docs.docker.com/engine/install"
        )
    # What the entrypoint sets: a user that the image does not know would have / for a home, and no name.
    own = ["--env=HOME=/home/airflow", "--env=USER=airflow", "--env=LOGNAME=airflow"] if airflow else []
    terminal = ["--tty"] if sys.stdin.isatty() else []
    wanted = command or ["sh", "-c", "exec $(command -v bash || echo sh)"]
    arguments = [docker, "exec", "--interactive", *terminal, *own, str(container.id), *wanted]
    os.execv(docker, arguments)  # noqa: S606 - a program, no shell
    return 0  # pragma: no cover - the client's exit code is the process's


def pump(stream: Any, stdin: bytes, out: Sink, err: Sink) -> None:
    """What comes from a command to where it belongs, to its end; what it reads, to the command."""
    connection: socket.socket = getattr(stream, "_sock", stream)
    # The engine answers when the command has something to say, not before the client's usual time is over.
    connection.settimeout(None)
    if stdin:
        threading.Thread(target=_send, args=(connection, stdin), daemon=True).start()
    try:
        for source, data in _frames(stream):
            (err if source == STDERR else out)(data)
    finally:
        stream.close()


def _send(connection: socket.socket, data: bytes) -> None:
    """Beside the reading: a command may print before it has read all."""
    with suppress(OSError):  # it has ended without reading the rest
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def _frames(stream: Any) -> Iterator[tuple[int, bytes]]:
    yield from frames_iter(stream, tty=False)  # type: ignore[no-untyped-call] # the stubs leave it out


class Lines:
    """A sink that hands on whole lines, as text."""

    def __init__(self, line: Callable[[str], Any]) -> None:
        self._line, self._rest = line, b""

    def __call__(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace").rstrip("\r"))

    def end(self) -> None:
        """The last line may have no end of its own."""
        if self._rest:
            self._line(self._rest.decode(errors="replace"))
            self._rest = b""
