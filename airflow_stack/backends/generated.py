"""The secrets of a stack by config key: what config sets, else what pulumi-random makes once and its state keeps."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_random as random

from airflow_stack.airflow.secrets import FERNET_BYTES, PASSWORD_LENGTH, GeneratedSecret, fernet_key, generated
from airflow_stack.config import StackConfig


def secret_values(
    name: str, config: StackConfig, known: Mapping[str, str], parent: pulumi.Resource
) -> pulumi.Output[dict[str, str]]:
    """All secrets as one Pulumi secret; ``known`` are those that need no generation, in clear."""
    values: dict[str, pulumi.Input[str]] = {key: pulumi.Output.secret(value) for key, value in known.items()}
    for secret in generated(config):
        # Always made, though another value may win: the resources are the same on every machine.
        value = _generate(name, secret, parent)
        if not known.get(secret.key):
            values[secret.key] = value
    return pulumi.Output.secret(pulumi.Output.all(**values))


def _generate(name: str, secret: GeneratedSecret, parent: pulumi.Resource) -> pulumi.Output[str]:
    options = pulumi.ResourceOptions(parent=parent)
    resource_name = f"{name}-{secret.key.replace('_', '-')}"
    if secret.kind == "fernet":
        return random.RandomBytes(resource_name, length=FERNET_BYTES, opts=options).base64.apply(fernet_key)
    return random.RandomPassword(resource_name, length=PASSWORD_LENGTH, special=False, opts=options).result
