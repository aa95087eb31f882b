"""Reading and writing the files themselves, and what is said of an import."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.kinds import shown
from airflow_stack.operations.entries.transfer import Change


def read(path: Path | None, stream: BinaryIO) -> str:
    """A file's text; the stream's where there is none. Raises OperationError."""
    source = path.name if path else "standard input"
    try:
        data = path.read_bytes() if path else stream.read()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise OperationError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise OperationError(f"{source} is not UTF-8, at byte {error.start}.") from None
    if not text.strip():
        raise OperationError(f"{source} is empty.")
    return text


def write(path: Path, text: str) -> None:
    """A file that its owner alone may read, from its first byte on. Raises OperationError."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperationError(f"{path} can't be written: {error.strerror}.") from None


def report(change: Change, *, as_json: bool, dry_run: bool) -> str:
    """One line an entry, and how many of each."""
    groups = asdict(change)
    if as_json:
        return json.dumps(groups | {"dry_run": dry_run}, indent=2) + "\n"
    lines = [f"{what:<10} {shown(name)}" for what, names in groups.items() for name in names]
    counts = ", ".join(f"{len(names)} {what}" for what, names in groups.items())
    return "\n".join([*lines, f"{'would be: ' if dry_run else ''}{counts}"]) + "\n"
