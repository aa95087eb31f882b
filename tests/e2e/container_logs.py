"""What the containers of stacks print, kept beyond their removal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

# Of a stack's own containers, and of those that live for one command: their values are the stack's name.
LABELS = ("airflow-stack.stack", "airflow-stack.dags")


class ContainerLogs:
    """Follows each container of a stack from its start on, whatever starts it."""

    def __init__(self) -> None:
        self._client = docker.from_env()
        self._texts: dict[str, dict[str, list[bytes]]] = defaultdict(dict)
        self._followers: dict[str, list[Thread]] = defaultdict(list)
        self._events = self._client.events(decode=True, filters={"type": "container", "event": "start"})
        Thread(target=self._listen, daemon=True).start()

    def of(self, stack: str) -> dict[str, str]:
        """Everything so far, by container and start."""
        running = {container.id for container in self._client.containers.list(ignore_removed=True)}
        for thread in list(self._followers[stack]):
            if thread.name not in running:  # its log has an end, which may be under way
                thread.join(30)
        return {where: b"".join(text).decode(errors="replace") for where, text in list(self._texts[stack].items())} | {
            f"docker logs {container.name}": container.logs().decode(errors="replace")
            for container in self._there(stack)
        }

    def _there(self, stack: str) -> Iterator[Container]:
        for label in LABELS:
            yield from self._client.containers.list(
                all=True, filters={"label": f"{label}={stack}"}, ignore_removed=True
            )

    def _listen(self) -> None:
        for number, event in enumerate(self._events):
            attributes = event["Actor"]["Attributes"]
            for stack in {attributes[label] for label in LABELS if label in attributes}:
                text = self._texts[stack][f"docker logs {attributes['name']}, start {number}"] = []
                arguments = (event["Actor"]["ID"], text)
                thread = Thread(target=self._follow, args=arguments, daemon=True, name=event["Actor"]["ID"])
                self._followers[stack].append(thread)
                thread.start()

    def _follow(self, container: str, text: list[bytes]) -> None:
        with suppress(NotFound, APIError):  # gone meanwhile, or of a driver that keeps nothing
            text.extend(self._client.containers.get(container).logs(stream=True, follow=True))
