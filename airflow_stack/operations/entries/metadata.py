"""Airflow's metadata database, by the program `entries` of the image, which runs in Airflow's context."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.kinds import Entries, Entry, Kind
from airflow_stack.operations.entries.places import Found

# Of the 8,192 characters that ECS takes for all overrides of a task: what the rest of them leaves.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
MOST = 7_000


class Asks(Protocol):
    """A running stack, as far as it is needed here."""

    def ask(self, command: Sequence[str], *, stdin: bytes = b"") -> Any:
        """The JSON that a program of the image answers with."""


class MetadataDatabase:
    """One kind of entries in it.

    ``by_argument``: what is written goes on the command line, for a stack that has no standard input to it. Everybody
    who may describe its tasks can read that, and its log: for pools alone, which are no secrets.
    """

    name = "Airflow's database"
    seen = "Airflow goes by it from now on."

    def __init__(self, stack: Asks, kind: Kind, *, by_argument: bool = False) -> None:
        if by_argument and kind is not Kind.POOLS:
            raise ValueError(f"{kind} are secrets: they must not be on a command line")
        self._stack, self._kind, self._by_argument = stack, kind, by_argument

    def check(self, name: str, entry: Entry) -> None:
        """Whatever Airflow takes, its database keeps."""

    def read(self, names: Collection[str] | None = None) -> Found:
        answer = self._stack.ask(["entries", "read", self._kind])
        unreadable = dict.fromkeys(answer["unreadable"], "it was encrypted with another Fernet key")
        found = Found(answer["entries"], unreadable)
        if names is None:
            return found
        return Found(
            *({name: one for name, one in part.items() if name in names} for part in (found.entries, unreadable))
        )

    def write(self, create: Entries, update: Entries) -> None:
        """All of it, or nothing."""
        data = json.dumps({"create": create, "update": update}).encode()
        command = ["entries", "write", str(self._kind)]
        if not self._by_argument:
            self._stack.ask(command, stdin=data)
            return
        argument = base64.b64encode(zlib.compress(data, 9)).decode()
        if len(argument) > MOST:
            raise OperationError(
                f"{len(create) + len(update)} {self._kind} at once are more than a task of ECS takes.\n"
                "Nothing was changed. Split the file, and import its parts one after the other."
            )
        self._stack.ask([*command, argument])
