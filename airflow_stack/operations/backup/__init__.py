"""Back a stack up to one file, and restore it, from any target to any."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from airflow_stack.operations import running
from airflow_stack.operations.backup.passphrase import passphrase_for_backup, passphrase_for_restore
from airflow_stack.operations.backup.place import new_place, old_place
from airflow_stack.operations.backup.target import Target
from airflow_stack.operations.running import RunningStack
from airflow_stack.operations.running.interface import Say

NAME = "airflow-backup-{stack}-{time:%Y%m%dT%H%M%SZ}.tar.gz"


def backup(directory: Path, stack: str, to: str | None, passphrase_file: str | None, say: Say) -> dict[str, Any]:
    """Write a backup while the stack works; ``to`` is a file, a directory or s3://bucket/key. Returns what it holds.

    Raises OperationError where the place is taken, and where it did not work: then there is no file.
    """
    found = running.find(directory, stack)
    name = NAME.format(stack=stack, time=datetime.now(UTC))
    target = _target(found)
    place = new_place(to, name, target.home)
    passphrase = passphrase_for_backup(passphrase_file)
    say(f"backing up {stack} to {place}")
    result = target.save(place, name, passphrase, say)
    return result | {"place": str(place)}


def restore(
    directory: Path, stack: str, source: str, passphrase_file: str | None, say: Say, *, replace: bool = False
) -> dict[str, Any]:
    """Put what a backup holds in the place of what the stack holds. Returns what it was.

    Everything that can be checked is checked before anything stops. Raises OperationError where it did not work: then
    the stack is as it was.
    """
    found = running.find(directory, stack)
    target = _target(found)
    place = old_place(source)
    passphrase = passphrase_for_restore(passphrase_file)
    options = ["--replace"] if replace else []
    with target.at_hand(place, say) as address:
        say(f"checking {place}")
        target.put(address, [*options, "--check"], passphrase, say)
        with found.stop_airflow(say):
            say(f"restoring {place} into {stack}")
            result = target.put(address, options, passphrase, say)
    return result


def _target(found: RunningStack) -> Target:
    if found.config.on_aws:
        from airflow_stack.operations.backup.aws_target import AwsTarget
        from airflow_stack.operations.running.aws_stack import AwsStack

        return AwsTarget(cast(AwsStack, found))
    from airflow_stack.operations.backup.docker_target import DockerTarget

    return DockerTarget(found)
