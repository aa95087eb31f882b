"""Backup and restore of a stack of this machine: in a throw-away container that sees the database and the secrets.

Not in a container that works: its memory is measured for its own work, and at a restore none runs.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from airflow_stack.airflow.deployment import RUNTIME
from airflow_stack.airflow.secrets import DIRECTORY
from airflow_stack.backends.containers import name_prefix
from airflow_stack.backends.labels import SERVICE, stack_labels
from airflow_stack.backends.machine import Machine
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.backup.place import Place, download, new_file, temporary_file, upload
from airflow_stack.operations.backup.target import Answer
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running.docker_exec import Lines, pump
from airflow_stack.operations.running.docker_stack import DockerStack
from airflow_stack.operations.running.interface import Say

FOLDER, FILE = "/tmp", "backup.tar.gz"  # noqa: S108 - of a container in which nobody else is
BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class DockerTarget:
    """A stack of this machine."""

    stack: DockerStack
    home: str = "."

    def save(self, place: Place, name: str, passphrase: str, say: Say) -> dict[str, Any]:
        command = ["backup", "--to", f"{FOLDER}/{FILE}", "--stack", self.stack.name]
        with self._container(command) as container:
            result = _run(container, command[0], passphrase, say)
            if isinstance(place, Path):
                _fetch(container, place)
            else:
                with temporary_file(name) as path:
                    _fetch(container, path)
                    upload(path, place)
        return result

    @contextmanager
    def at_hand(self, place: Place, say: Say) -> Iterator[str]:
        if isinstance(place, Path):
            yield str(place)
            return
        with temporary_file(FILE) as path:
            say(f"fetching {place}")
            download(place, path)
            yield str(path)

    def put(self, address: str, options: Sequence[str], passphrase: str, say: Say) -> dict[str, Any]:
        command = ["restore", "--from", f"{FOLDER}/{FILE}", *options]
        with self._container(command) as container, Path(address).open("rb") as file:
            container.put_archive(FOLDER, _as_tar(file))
            return _run(container, command[0], passphrase, say)

    @contextmanager
    def _container(self, command: list[str]) -> Iterator[Container]:
        """Made like init's, which has the secrets, the administrator's name and the network of the database."""
        like = _init(self.stack)
        attrs = like.attrs
        environment = dict(one.split("=", 1) for one in attrs["Config"]["Env"])
        mounts = [mount for mount in attrs["Mounts"] if str(mount["Destination"]).startswith(f"{DIRECTORY}/")]
        name = f"{name_prefix(self.stack.config)}backup"
        _clear(self.stack, name)
        with _plain_errors(name):
            container = self._create(name, command, attrs, environment, mounts)
            try:
                yield container
            finally:
                # Whatever happened: an interrupted restore ends with its connection, and PostgreSQL takes it back.
                with suppress(APIError):  # somebody else takes it away; what is left, the next command does
                    container.remove(force=True, v=True)

    def _create(
        self, name: str, command: list[str], attrs: dict[str, Any], environment: dict[str, str], mounts: list[Any]
    ) -> Container:
        api, stack = client().api, self.stack
        machine = Machine.of(stack.config, stack.program, stack.name)
        made = api.create_container(
            attrs["Image"],
            [f"{RUNTIME}/{command[0]}", *command[1:]],
            name=name,
            user=f"{environment['AIRFLOW_STACK_UID']}:0",
            environment=environment,
            labels=stack_labels(stack.name, machine) | {SERVICE: containers.ONE_OFF},
            stdin_open=True,
            host_config=api.create_host_config(
                binds=[f"{mount['Source']}:{mount['Destination']}:ro" for mount in mounts],
                network_mode=attrs["HostConfig"]["NetworkMode"],
                mem_limit=attrs["HostConfig"]["Memory"],
                security_opt=["no-new-privileges:true"],
                cap_drop=["ALL"],
            ),
        )
        return client().containers.get(made["Id"])


@contextmanager
def _plain_errors(name: str) -> Iterator[None]:
    """What Docker refuses, as OperationError: also that somebody has taken the container away."""
    try:
        yield
    except NotFound:
        raise OperationError(
            f"container {name} was taken away before its end.\nNothing is lost: run it again."
        ) from None
    except APIError as error:
        raise OperationError(f"Docker refuses: {error.explanation or error}") from None


def _init(stack: DockerStack) -> Container:
    init = stack.config.airflow.release.init.name
    for container in containers.find(stack.config, stack.program, stack.name):
        if containers.service(container) == init:
            return container
    raise OperationError(
        f"the container {init} of stack {stack.name!r} is gone, which knows the stack's secrets.\n"
        f"Bring it back: airflow-stack up -s {stack.name}"
    )


def _clear(stack: DockerStack, name: str) -> None:
    """Take away what a killed command has left. Raises OperationError where one is at work, or the name is taken."""
    there = ownership.named("container", name)
    if there is None:
        return
    found = ownership.look(stack.config, stack.program, stack.name)
    if not found.is_ours(there):
        raise OperationError(
            f"the container {name} is {found.owner(there)}, and a backup needs its name.\n"
            f"Nothing was changed. Rename it: docker rename {name} {name}-2"
        )
    with suppress(NotFound):
        left = client().containers.get(name)
        if containers.is_running(left):
            raise OperationError(
                f"a backup or restore of this stack is at work, in container {name}.\n"
                f"Wait for its end, or end it: docker rm --force {name}"
            )
        left.remove(v=True)


def _run(container: Container, program: str, passphrase: str, say: Say) -> dict[str, Any]:
    """To its end. The passphrase goes by standard input, where nobody else looks."""
    answer = Answer(program, say)
    out, errors = Lines(answer.line), Lines(answer.line)
    streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    stream = client().api.attach_socket(str(container.id), params=streams)
    container.start()
    pump(stream, f"{passphrase}\n".encode(), out, errors)
    out.end()
    errors.end()
    return answer.result(int(container.wait()["StatusCode"]))


def _fetch(container: Container, path: Path) -> None:
    """The file, out of the container that has ended."""
    chunks, _ = container.get_archive(f"{FOLDER}/{FILE}")
    reader = io.BufferedReader(cast(io.RawIOBase, _Chunks(chunks)))
    with tarfile.open(fileobj=reader, mode="r|") as tar, new_file(path) as file:
        member = tar.next()
        content = tar.extractfile(member) if member else None
        if content is None:
            raise OperationError("Docker did not hand the backup over.\nThere is no backup.")
        shutil.copyfileobj(content, file)


class _Chunks(io.RawIOBase):
    """A file made of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _as_tar(file: Any) -> Iterator[bytes]:
    """The file as Docker takes it; never all of it in memory."""
    member = tarfile.TarInfo(FILE)
    member.size = file.seek(0, io.SEEK_END)
    file.seek(0)
    member.mode = 0o444  # the container's user is not known by its name
    yield member.tobuf()
    while data := file.read(1024 * 1024):
        yield data
    yield bytes(-member.size % BLOCK + 2 * BLOCK)
