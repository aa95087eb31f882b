"""Back a stack up to one file, and restore it, from any target to any."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_stack.operations.backup.passphrase import passphrase_for_backup, passphrase_for_restore
from airflow_stack.operations.backup.place import new_place, old_place
from airflow_stack.operations.running.interface import Say
from airflow_stack.operations.target import target_of_file

NAME = "airflow-backup-{stack}-{time:%Y%m%dT%H%M%SZ}.tar.gz"


def backup(directory: Path, stack: str, to: str | None, passphrase_file: str | None, say: Say) -> dict[str, Any]:
    """Write a backup while the stack works; ``to`` is a file, a directory or s3://bucket/key. Returns what it holds.

    Raises OperationError where the place is taken, and where it did not work: then there is no file.
    """
    target = target_of_file(directory, stack)
    keeper = target.backups(target.running())
    name = NAME.format(stack=stack, time=datetime.now(UTC))
    place = new_place(to, name, keeper.home)
    passphrase = passphrase_for_backup(passphrase_file)
    say(f"backing up {stack} to {place}")
    result: dict[str, Any] = keeper.save(place, name, passphrase, say)
    return result | {"place": str(place)}


def restore(
    directory: Path, stack: str, source: str, passphrase_file: str | None, say: Say, *, replace: bool = False
) -> dict[str, Any]:
    """Put what a backup holds in the place of what the stack holds. Returns what it was.

    Everything that can be checked is checked before anything stops. Raises OperationError where it did not work: then
    the stack is as it was.
    """
    target = target_of_file(directory, stack)
    found = target.running()
    keeper = target.backups(found)
    place = old_place(source)
    passphrase = passphrase_for_restore(passphrase_file)
    options = ["--replace"] if replace else []
    with keeper.at_hand(place, say) as address:
        say(f"checking {place}")
        keeper.put(address, [*options, "--check"], passphrase, say)
        with found.stop_airflow(say):
            say(f"restoring {place} into {stack}")
            result: dict[str, Any] = keeper.put(address, options, passphrase, say)
    return result
