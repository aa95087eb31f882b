"""The passphrase of a backup: from a terminal, a file or standard input. Never an argument or a variable."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from airflow_stack.errors import OperationError

# Characters. Whoever has the file may try as many as he likes.
LEAST = 12


def passphrase_for_backup(file: str | None) -> str:
    """A new one; a person types it twice. Raises OperationError for a short one."""
    given = _read(file) if file else _ask("Passphrase for the backup: ")
    if len(given) < LEAST:
        raise OperationError(
            f"the passphrase is too short: it has to have {LEAST} characters or more.\nThere is no backup."
        )
    if not file and _ask("Once more: ") != given:
        raise OperationError("the two passphrases are not the same.\nThere is no backup.")
    return given


def passphrase_for_restore(file: str | None) -> str:
    """The backup's own."""
    return _read(file) if file else _ask("Passphrase of the backup: ")


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise OperationError(
            "there is no terminal to ask for the passphrase.\nAdd --passphrase-file FILE, or - for standard input."
        )
    return getpass.getpass(prompt)


def _read(file: str) -> str:
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise OperationError(f"the passphrase file {file} can't be read: {reason}.") from None
    passphrase = text.partition("\n")[0].rstrip("\r")
    if not passphrase:
        raise OperationError(f"the first line of {'standard input' if file == '-' else file} is empty: no passphrase.")
    return passphrase
