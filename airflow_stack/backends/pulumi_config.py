"""Read the config of the stack that Pulumi runs."""

from __future__ import annotations

import pulumi

from airflow_stack.config import ConfigError, Secrets, StackConfig, parse
from airflow_stack.config.load import raw_from_pulumi


def load() -> tuple[StackConfig, Secrets]:
    """The validated config of the selected stack.

    Bad config ends the program with the error's text alone, before any resource is registered.
    """
    from pulumi.runtime import config as runtime

    # pulumi.Config reads single keys; a key that nobody knows must be an error, so all of them are read.
    values = runtime.CONFIG.get() or runtime.get_config_env()
    secret_keys = {key for key in values if runtime.is_config_secret(key)}
    stack = pulumi.get_stack()
    try:
        return parse(*raw_from_pulumi(values, secret_keys), stack, f"Pulumi.{stack}.yaml")
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
