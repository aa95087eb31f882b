"""A container that lives for one command, and is gone whatever happens to the command line that waits for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount

from airflow_stack.airflow.deployment import HOME, RUNTIME, UNBUFFERED
from airflow_stack.airflow.secrets import DIRECTORY as MOUNTED
from airflow_stack.backends.labels import DIRECTORY
from airflow_stack.errors import OperationError
from airflow_stack.operations.dags.entries import Entries
from airflow_stack.operations.dags.subject import GIVEN, Memory, Subject
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.running.interface import MARKER

LABEL = "airflow-stack.dags"
"""Its value is the stack's name: it is no container of the stack."""

TAIL = 15
"""Lines that are shown of a command that ends without a result."""


def answer(
    subject: Subject,
    program: str,
    request: Mapping[str, Any],
    entries: Entries,
    memory: Memory,
    *,
    network: bool,
    output: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run a program of the image's runtime, and return the JSON of its last line.

    ``output`` gets each other line as it comes. Without ``network`` nothing is reached, and
    nothing but /tmp and the logs can be written to. Raises OperationError where there is no result.
    """
    found: dict[str, Any] | None = None
    tail: list[str] = []
    with (
        _given(subject, request, entries) as given,
        _container(subject, program, given, memory, network=network) as container,
    ):
        container.start()
        for line in _lines(container):
            if line.startswith(MARKER):
                with suppress(ValueError):
                    found = json.loads(line.removeprefix(MARKER))
                continue
            tail = [*tail, line][-TAIL:]
            if output is not None:
                output(line)
        container.wait()
        container.reload()
        state = container.attrs["State"]
    if found is None:
        raise OperationError(_without_result(program, state, memory, [] if output else tail))
    return found


@contextmanager
def _container(subject: Subject, program: str, given: Path, memory: Memory, *, network: bool) -> Iterator[Container]:
    uid = subject.user.partition(":")[0]
    mounts = [Mount(f"{HOME}/{name}", str(path), "bind", read_only=True) for name, path in subject.folders.items()]
    scratch = {"/tmp": "mode=1777,exec", f"{HOME}/logs": f"mode=0770,uid={uid}"}  # noqa: S108 - the container's own
    try:
        container = client().containers.create(
            subject.image.tag,
            [f"{RUNTIME}/{program}"],
            environment=subject.environment | UNBUFFERED | {"AIRFLOW_STACK_MEMORY_ADVICE": memory.advice},
            user=subject.user,
            group_add=["0"],
            labels={LABEL: subject.stack, DIRECTORY: str(subject.program)},
            mounts=[*mounts, Mount(GIVEN, str(given), "bind", read_only=True)],
            tmpfs={MOUNTED: f"mode=0700,uid={uid}"} | ({} if network else scratch),
            read_only=not network,
            network_mode=None if network else "none",
            mem_limit=f"{memory.mib}m",
            memswap_limit=f"{memory.mib}m",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            log_config=LogConfig(type="json-file"),
        )
    except DockerException as error:
        why = error.explanation if isinstance(error, APIError) else error
        raise OperationError(f"Docker did not create the container: {why}") from None
    try:
        yield container
    except DockerException as error:
        why = error.explanation if isinstance(error, APIError) else error
        raise OperationError(f"Docker did not run the container: {why}") from None
    finally:
        with suppress(NotFound):
            container.remove(force=True)


@contextmanager
def _given(subject: Subject, request: Mapping[str, Any], entries: Entries) -> Iterator[Path]:
    """A folder for the container, in one that nobody else may enter, where the stack has its secrets."""
    home = subject.program / ".airflow-stack"
    home.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="dags-", dir=home) as private:
        folder = Path(private, "given")
        folder.mkdir()
        contents = {
            "request": {**request, "secrets": subject.secrets},
            "connections": entries.connections,
            "variables": entries.variables,
        }
        for name, content in contents.items():
            path = folder / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            path.chmod(0o444)
        folder.chmod(0o755)
        yield folder


def _lines(container: Container) -> Iterator[str]:
    """Both streams, line by line."""
    rest = b""
    for chunk in container.logs(stream=True, follow=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")


def _without_result(program: str, state: Mapping[str, Any], memory: Memory, tail: list[str]) -> str:
    if state.get("OOMKilled"):
        return f"{program} took more than {memory.mib} MiB of memory and was killed.\nTo give it more: {memory.advice}"
    last = "\n".join(f"  | {line}" for line in tail if line.strip())
    return f"{program} ended with exit code {state.get('ExitCode')} and no result.\n{last}".rstrip()
