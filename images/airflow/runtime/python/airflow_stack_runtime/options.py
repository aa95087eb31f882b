"""Airflow's options, read without Airflow: the standard library alone, for processes that must start at once."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

SECRETS = Path("/run/secrets")


class OptionError(Exception):
    """An option is missing or cannot be read. The message is one sentence for a person."""


def option(section: str, key: str, default: str | None = None) -> str:
    """Return an option from ``AIRFLOW__SECTION__KEY``, else from its ``_CMD``, else from the secret file of that name.

    Raises:
        OptionError: it is nowhere and there is no default, or its command fails.
    """
    variable = f"AIRFLOW__{section}__{key}".upper()
    if variable in os.environ:
        return os.environ[variable]
    if command := os.environ.get(f"{variable}_CMD"):
        return _output(variable, shlex.split(command))
    path = SECRETS / key.lower()
    if path.is_file():
        return path.read_text().strip()
    if default is None:
        raise OptionError(f"{variable} is not set, neither as such, nor as {variable}_CMD, nor in {path}.")
    return default


def _output(variable: str, words: list[str]) -> str:
    """Run the command of a ``_CMD`` option. ``cat FILE``, the usual one, needs no process."""
    try:
        match words:
            case ["cat", file]:
                return Path(file).read_text().strip()
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        # Not the error's own text: it may hold what the command printed.
        raise OptionError(f"{variable}_CMD does not work ({type(error).__name__}).") from None


def is_true(name: str, *, default: bool = False) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "t", "yes", "y", "on"}
