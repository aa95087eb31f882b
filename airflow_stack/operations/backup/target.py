"""What a target does of a backup, and what the image's programs say of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from airflow_stack.errors import OperationError
from airflow_stack.operations.backup.place import Place
from airflow_stack.operations.running.interface import MARKER, Say

LOG_LINES = 10
UNCHANGED = {"backup": "There is no backup.", "restore": "The stack's data is as it was."}


class Target(Protocol):
    """Where the image's programs run, and how a file comes there."""

    @property
    def home(self) -> str:
        """Where a backup goes if nobody says: a directory, or s3://bucket/prefix/."""

    def save(self, place: Place, name: str, passphrase: str, say: Say) -> dict[str, Any]:
        """Write a backup to its place; ``name`` is for those that take it on its way. Returns the program's answer."""

    def at_hand(self, place: Place, say: Say) -> AbstractContextManager[str]:
        """The backup where `put` finds it, for as long as it is asked."""

    def put(self, address: str, options: Sequence[str], passphrase: str, say: Say) -> dict[str, Any]:
        """Restore it, or with --check look whether that would go. Returns the program's answer."""


class Answer:
    """Takes the lines of a program: progress goes on, the answer is kept."""

    def __init__(self, program: str, say: Say) -> None:
        self._program, self._say = program, say
        self._lines: list[str] = []
        self._result: dict[str, Any] | None = None

    def line(self, text: str) -> None:
        """One of them."""
        if text.startswith(MARKER):
            self._result = json.loads(text.removeprefix(MARKER))
            return
        self._lines.append(text)
        if not text.startswith(f"{self._program}: "):
            self._say(text)

    def result(self, code: int) -> dict[str, Any]:
        """The answer. Raises OperationError with what the program has said where it has failed."""
        if code == 0 and self._result is not None:
            return self._result
        unchanged = UNCHANGED[self._program]
        for text in reversed(self._lines):
            if text.startswith(f"{self._program}: "):
                raise OperationError(f"{text.removeprefix(f'{self._program}: ').rstrip('.')}.\n{unchanged}")
        lines = "".join(f"\n  | {text}" for text in self._lines[-LOG_LINES:])
        raise OperationError(f"{self._program} ended with exit code {code}. {unchanged}{lines}")
