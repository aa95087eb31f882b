"""The secret files of a local stack: written once, kept beside the data that they open.

The directory is 0700 and belongs to whoever runs the stack; the files in it are 0444, since each is mounted into
containers of several users. That is how Docker's own secrets look inside a container.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

from airflow_stack.airflow.secrets import GeneratedSecret
from airflow_stack.config.load import VALUES

__all__ = ["VALUES", "generate", "kept", "write"]


def kept(directory: Path) -> dict[str, str]:
    """Secrets by config key that an earlier run has written. Empty where there was none.

    They win over newly generated ones: a volume that outlived its stack opens with the secrets it was made with.
    """
    values = {}
    try:
        for path in sorted((directory / VALUES).iterdir()):
            if not path.name.startswith("."):
                values[path.name] = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    return values


def write(directory: Path, values: Mapping[str, str], contents: Mapping[str, str]) -> None:
    """Write the values and the files made of them. What is already there with the same content is left alone."""
    (directory / VALUES).mkdir(parents=True, exist_ok=True)
    for folder in (directory.parent, directory, directory / VALUES):
        folder.chmod(0o700)
    for key, value in values.items():
        _write(directory / VALUES / key, value)
    for name, content in contents.items():
        _write(directory / name, content)


def _write(path: Path, content: str) -> None:
    """In place: a running container has this very inode mounted, and a rename would leave it with the old one."""
    try:
        if path.read_text(encoding="utf-8") == content:
            return
    except FileNotFoundError:
        pass
    if path.exists():
        path.chmod(0o600)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    path.chmod(0o444)


def generate(secret: GeneratedSecret) -> str:
    """A new value, for stacks that run without Pulumi; with Pulumi, pulumi-random makes it."""
    return secret.value("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(secret.length)))
