"""Which stack of this machine is meant: one of this name, in this directory, with an id that moves along with it.

A directory alone can't tell a project that was moved from a new one at its old place, and an id alone can't tell a
project from its copy. The id is made by the first `up`: to look at a stack, to preview or export it, makes nothing.

The rule: an id is that of the directory where it was up last. Anywhere else it was copied, where another directory that
is known to have had the id still has it, and moved, where none has. A copy has nothing of what carries the id. What was
moved has all of it, and only `up` may act on it, which then makes this directory the last.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile

from airflow_stack.config.load import VALUES, secrets_directory
from airflow_stack.errors import OperationError

FILE = "identity.json"
"""Below the stack's folder in .airflow-stack."""


@dataclass(frozen=True)
class Identity:
    """A stack as its labels tell it, and what tells whether a label means this one."""

    stack: str
    directory: Path
    """Of Pulumi.yaml, without links."""
    id: str = ""
    """Empty where the stack has never been brought up from here."""
    directories: tuple[Path, ...] = ()
    """Where the stack has been brought up; the last one comes last."""
    closed: bool = False
    """Whether the stack's folder is another user's, who has kept the id from us."""
    labelled: tuple[Path, ...] = ()
    """Directories that are named, along with this id, by what is there of it."""

    @classmethod
    def read(cls, program: Path, stack: str) -> Identity:
        """As the directory says. Nothing is made."""
        directory = program.resolve()
        try:
            return cls(stack, directory, *_read(directory, stack))
        except PermissionError:
            return cls(stack, directory, closed=True)

    @classmethod
    def settle(cls, program: Path, stack: str, labelled: tuple[Path, ...] = ()) -> Identity:
        """With an id, and with this directory as the last: for an `up`. A copy of a project gets an id of its own.

        Raises OperationError where the stack's folder is another user's.
        """
        found = replace(cls.read(program, stack), labelled=labelled)
        found.refuse_closed()
        if found.id and found.directories[-1:] == (found.directory,):
            return found
        known, directories = (found.id, found.directories) if found.id and not found.copied_from else (_new(), ())
        places = (*(place for place in directories if place != found.directory), found.directory)
        _write(found.directory, stack, known, places)
        return cls(stack, found.directory, known, places)

    def refuse_closed(self) -> None:
        """Raises OperationError where the stack's folder is another user's."""
        if self.closed:
            folder = _file(self.directory, self.stack).parent
            raise OperationError(f"{folder} is another user's.\nRun this as that user: ls -ld {folder}")

    @cached_property
    def copied_from(self) -> Path | None:
        """The directory that this one is a copy of, as far as that is still there and this stack was not up since."""
        if self._was_up_here_last:
            return None
        places = (*reversed(self.directories), *self.labelled)
        return next((one for one in places if not self.is_here(one) and is_at(one, self.stack, self.id)), None)

    @property
    def moved_from(self) -> Path | None:
        """Where the stack was up last, if this is neither there nor a copy of it."""
        return None if self._was_up_here_last or self.copied_from else self.directories[-1]

    @property
    def _was_up_here_last(self) -> bool:
        return not self.directories or self.is_here(self.directories[-1])

    @property
    def was_up(self) -> bool:
        """Whether this directory has brought the stack up before, be it by a version that had no ids."""
        return bool(self.id) or self.closed or has_secrets(self.directory, self.stack)

    def is_here(self, directory: Path) -> bool:
        """Whether that is this directory, by whatever path."""
        if directory == self.directory:
            return True
        try:
            return directory.samefile(self.directory)
        except OSError:
            return False


def is_at(directory: Path, stack: str, known: str) -> bool:
    """Whether the stack of this id, or where that is empty any of this name, is in that directory.

    A directory into which we may not look has it: what may be somebody else's is not ours.
    """
    try:
        return _read(directory, stack)[0] == known if known else has_secrets(directory, stack)
    except PermissionError:
        return True


def has_secrets(directory: Path, stack: str) -> bool:
    """Whether secrets of the stack are kept there, which every `up` does. Raises PermissionError."""
    try:
        return any((secrets_directory(directory, stack) / VALUES).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _file(directory: Path, stack: str) -> Path:
    return secrets_directory(directory, stack).with_name(FILE)


def _read(directory: Path, stack: str) -> tuple[str, tuple[Path, ...]]:
    """Id and directories; an empty id where there is none. Raises PermissionError."""
    try:
        found = json.loads(_file(directory, stack).read_text(encoding="utf-8"))
        return str(found["id"]), tuple(Path(place) for place in found["directories"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return "", ()


def _new() -> str:
    return secrets.token_hex(8)


def _write(directory: Path, stack: str, known: str, directories: tuple[Path, ...]) -> None:
    """As a whole or not at all: a stack whose id is lost would not know its own containers."""
    file = _file(directory, stack)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"id": known, "directories": [str(place) for place in directories]}
    with NamedTemporaryFile("w", dir=file.parent, prefix=f".{FILE}-", delete=False, encoding="utf-8") as new:
        new.write(json.dumps(content, indent=2) + "\n")
    Path(new.name).replace(file)
