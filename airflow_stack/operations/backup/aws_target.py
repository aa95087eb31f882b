"""Backup and restore of a stack on AWS: one-off tasks, and the stack's bucket between them and this machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_stack.airflow.deployment import RUNTIME
from airflow_stack.backends.aws.plan.rights import BACKUPS, PASSPHRASES
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.backup.place import Place, S3Object, copy, delete, download, upload
from airflow_stack.operations.backup.target import Answer
from airflow_stack.operations.running.aws_stack import AwsStack
from airflow_stack.operations.running.interface import Say


@dataclass(frozen=True)
class AwsTarget:
    """A stack on AWS. The tasks reach one prefix of one bucket, whatever place a user names."""

    stack: AwsStack

    @property
    def region(self) -> str:
        return str(self.stack.known["region"])

    @property
    def bucket(self) -> str:
        return str(self.stack.known["bucket"])

    @property
    def home(self) -> str:
        """In the stack's bucket."""
        return f"s3://{self.bucket}/{BACKUPS}/"

    def save(self, place: Place, name: str, passphrase: str, say: Say) -> dict[str, Any]:
        direct = self._reaches(place)
        own = place if isinstance(place, S3Object) and direct else S3Object(self.bucket, f"{BACKUPS}/{name}")
        result = self._run(["backup", "--to", str(own), "--stack", self.stack.name], passphrase, say)
        if isinstance(place, Path):
            say(f"fetching {own}, which stays there, too")
            download(own, place, self.region)
        elif not direct:
            say(f"copying {own}, which stays there, too")
            copy(own, place, self.region)
        return result

    @contextmanager
    def at_hand(self, place: Place, say: Say) -> Iterator[str]:
        if self._reaches(place):
            yield str(place)
            return
        own = S3Object(self.bucket, f"{BACKUPS}/restore-{secrets.token_hex(8)}.tar.gz")
        say(f"bringing {place} to {own}")
        try:
            if isinstance(place, Path):
                upload(place, own, self.region)
            else:
                copy(place, own, self.region)
            yield str(own)
        finally:
            delete(own, self.region)

    def put(self, address: str, options: Sequence[str], passphrase: str, say: Say) -> dict[str, Any]:
        return self._run(["restore", "--from", address, *options], passphrase, say)

    def _reaches(self, place: Place) -> bool:
        return isinstance(place, S3Object) and place.bucket == self.bucket and place.key.startswith(f"{BACKUPS}/")

    def _run(self, command: list[str], passphrase: str, say: Say) -> dict[str, Any]:
        program, *arguments = command
        answer = Answer(program, say)
        with self._kept(passphrase) as secret:
            words = [f"{RUNTIME}/{program}", *arguments, "--passphrase-secret", secret]
            completed = self.stack.execute(words, output=answer.line)
        return answer.result(completed.code)

    @contextmanager
    def _kept(self, passphrase: str) -> Iterator[str]:
        """ARN of a secret for as long as the task: its command and variables are shown to many, a secret is not."""
        manager = client("secretsmanager", self.region)
        with plain_errors(self.region):
            arn = manager.create_secret(
                Name=f"{self.stack.config.target.name}/{PASSPHRASES}/{secrets.token_hex(8)}",
                Description="Passphrase of a backup that is being made or restored. It can be deleted.",
                SecretString=passphrase,
            )["ARN"]
        try:
            yield arn
        finally:
            with plain_errors(self.region):
                manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
