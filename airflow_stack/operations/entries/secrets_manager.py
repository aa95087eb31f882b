"""Connections and variables in Secrets Manager, where Airflow's SecretsManagerBackend finds them.

A connection is a secret of JSON, a variable one of its text.
https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/secrets-backends/aws-secrets-manager.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.entries.formats import connection_of
from airflow_stack.operations.entries.kinds import Entries, Entry, Kind, WrongError, connection
from airflow_stack.operations.entries.places import Found

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
NAME = re.compile(r"[A-Za-z0-9/_+=.@-]+")
LONGEST_NAME = 512
LARGEST = 65_536

# What the backend takes for each field of a connection in JSON; the first that is there counts.
WORDS = {
    "login": ("login", "user", "username", "user_name"),
    "password": ("password", "pass", "key"),
    "host": ("host", "remote_host", "server"),
    "port": ("port",),
    "schema": ("database", "schema"),
    "conn_type": ("conn_type", "conn_id", "connection_type", "engine"),
    "extra": ("extra",),
    "description": ("description",),
}


class SecretsManager:
    """One kind of entries in it, below the stack's own prefix, which the roles of its tasks may read."""

    def __init__(self, config: AwsConfig, stack: str, kind: Kind) -> None:
        target = config.target
        self._kind, self._region, self._owner = kind, target.region, target.name
        self._prefix = f"{target.name}/{kind}/"
        self._pattern = getattr(target.secrets_lookup, kind)
        self._tags = {"airflow-stack": target.name, "airflow-stack:stack": stack} | target.tags
        self.name = f"Secrets Manager in {target.region}"
        seconds = target.secrets_lookup.cache_seconds
        later = f", the parsing of DAG files at most {seconds} s later (target.secrets_lookup.cache_seconds)"
        self.seen = f"Tasks see it from their next look-up on{later if seconds else ''}."

    def check(self, name: str, entry: Entry) -> None:
        full, text = self._prefix + name, self._text(entry)
        if not NAME.fullmatch(name):
            raise WrongError("names in Secrets Manager have letters, digits and /_+=.@- alone, for example my_database")
        if len(full) > LONGEST_NAME:
            raise WrongError(f"Secrets Manager takes {LONGEST_NAME} characters of {self._prefix}NAME, not {len(full)}")
        if not re.match(self._pattern, name, re.IGNORECASE):
            raise WrongError(
                f"Airflow would not look for it: it does not match target.secrets_lookup.{self._kind}, {self._pattern}"
            )
        if not 1 <= (size := len(text.encode())) <= LARGEST:
            raise WrongError(f"its value has {size} bytes: Secrets Manager takes 1 to {LARGEST}")

    def read(self, names: Collection[str] | None = None) -> Found:
        """Secrets that are scheduled for deletion are gone for Airflow; an import raises OperationError for them."""
        entries: Entries = {}
        unreadable: dict[str, str] = {}
        with plain_errors(self._region):
            listed = {name: gone for name, gone in self._list() if names is None or name in names}
            leaving = [name for name, gone in listed.items() if gone]
            if leaving and names is not None:
                raise OperationError(
                    f"scheduled for deletion, which keeps the names taken: {', '.join(leaving)}.\nNothing was changed."
                    f" Restore each: aws secretsmanager restore-secret --region {self._region}"
                    f" --secret-id {self._prefix}{leaving[0]}"
                )
            for name in sorted(listed.keys() - leaving):
                try:
                    entries[name] = self._value(name)
                except WrongError as error:
                    unreadable[name] = str(error)
        return Found(entries, unreadable)

    def write(self, create: Entries, update: Entries) -> None:
        """One after the other: Secrets Manager has no transaction. What is there by then is unchanged the next time."""
        done = 0
        try:
            with plain_errors(self._region):
                for name, entry in create.items():
                    self._client.create_secret(
                        Name=self._prefix + name,
                        Description=f"{self._kind.removesuffix('s')} {name} of the Airflow stack {self._owner}",
                        SecretString=self._text(entry),
                        Tags=[{"Key": key, "Value": value} for key, value in self._tags.items()],
                    )
                    done += 1
                for name, entry in update.items():
                    self._client.put_secret_value(SecretId=self._prefix + name, SecretString=self._text(entry))
                    done += 1
        except OperationError as error:
            left = len(create) + len(update) - done
            raise OperationError(
                f"{error}\n{done} {self._kind} were written, {left} were not: run the same command again."
            ) from None

    @cached_property
    def _client(self) -> Any:
        return client("secretsmanager", self._region)

    def _list(self) -> list[tuple[str, bool]]:
        """Names below the prefix, and whether each is scheduled for deletion."""
        pages = self._client.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [self._prefix]}], IncludePlannedDeletion=True
        )
        found = [(secret["Name"], "DeletedDate" in secret) for page in pages for secret in page["SecretList"]]
        return sorted((name.removeprefix(self._prefix), gone) for name, gone in found if name.startswith(self._prefix))

    def _value(self, name: str) -> Entry:
        """Raises WrongError for a secret that Airflow can't read."""
        try:
            text = self._client.get_secret_value(SecretId=self._prefix + name).get("SecretString")
        except self._client.exceptions.ResourceNotFoundException:
            raise WrongError("the secret has no value") from None
        if text is None:
            raise WrongError("the secret is binary, and Airflow reads text")
        return _connection(text) if self._kind is Kind.CONNECTIONS else text

    def _text(self, entry: Entry) -> str:
        """As the backend reads it. Airflow itself has no use for the description; an export has."""
        if self._kind is Kind.VARIABLES:
            return str(entry)
        return json.dumps({field: value for field, value in entry.items() if value is not None}, ensure_ascii=False)


def _connection(text: str) -> Entry:
    """What the backend makes of a secret: JSON with words of its own for the fields, or a URI."""
    value = connection_of(text)
    if not text.strip().startswith("{"):
        return value
    return connection(
        {field: next((value[one] for one in value if one in words), None) for field, words in WORDS.items()}
    )
