"""What every Pulumi program of ours begins with: its config, and errors that end it without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pulumi
from pulumi.runtime import config as runtime

from airflow_stack.backends import secret_files
from airflow_stack.config import AnyConfig, Secrets, parse
from airflow_stack.config.load import raw_from_pulumi, secrets_directory
from airflow_stack.errors import StackError

# Tells Pulumi's language host that the user has seen the error; any other code makes it add one of its own.
# https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/python/cmd/pulumi-language-python-exec
SHOWN = 32


def load(program: Path) -> tuple[AnyConfig, Secrets]:
    """The validated config of the selected stack. Raises ConfigError before any resource is registered."""
    # pulumi.Config reads single keys; a key that nobody knows must be an error, so all of them are read.
    values = runtime.CONFIG.get() or runtime.get_config_env()
    secret_keys = {key for key in values if runtime.is_config_secret(key)}
    stack = pulumi.get_stack()
    kept = secret_files.kept(secrets_directory(program, stack))
    return parse(*raw_from_pulumi(values, secret_keys), stack, f"Pulumi.{stack}.yaml", kept)


def end_quietly_when_interrupted() -> None:
    """Ctrl-C ends this process without a word: the engine hears it too, and says what it means."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


@contextmanager
def clear_errors() -> Iterator[None]:
    """Show an error that a user can mend as it is, and nothing else."""
    try:
        yield
    except StackError as error:
        pulumi.log.error(str(error))
        sys.exit(SHOWN)
