"""The secrets of a stack by config key: what config sets, else what pulumi-random makes once and its state keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi
import pulumi_random as random

from airflow_stack.airflow.secrets import GeneratedSecret, Recipe


def secret_values(
    name: str, generated: Iterable[GeneratedSecret], known: Mapping[str, str], parent: pulumi.Resource
) -> dict[str, pulumi.Output[str]]:
    """All secrets by config key, each a Pulumi secret; ``known`` are those that need no generation, in clear.

    None waits for another: in a preview, a value that is to be generated leaves the others known.
    """
    values = {key: pulumi.Output.secret(value) for key, value in known.items()}
    for secret in generated:
        # Always made, though another value may win: the resources are the same on every machine.
        value = _generate(name, secret, parent)
        if not known.get(secret.key):
            values[secret.key] = pulumi.Output.secret(value)
    return values


def file_content(
    recipe: Recipe, values: Mapping[str, pulumi.Output[str]], servers: Mapping[str, pulumi.Input[str]]
) -> pulumi.Output[str]:
    """Content of one secret file, as a Pulumi secret. It waits for what the file is made of, and for nothing else."""
    known: dict[str, pulumi.Input[str]] = {**values, **servers}
    # Absent is what nobody has set and nobody has to.
    names = [name for name in recipe.sources if name in known]
    sources = pulumi.Output.all(*(known[name] for name in names))
    return pulumi.Output.secret(sources.apply(lambda found: recipe.content(dict(zip(names, found, strict=True)))))


def _generate(name: str, secret: GeneratedSecret, parent: pulumi.Resource) -> pulumi.Output[str]:
    options = pulumi.ResourceOptions(parent=parent)
    resource_name = f"{name}-{secret.key.replace('_', '-')}"
    # Of pulumi-random's resources, this one alone keeps the value out of its id, which the state shows in clear.
    made = random.RandomPassword(resource_name, length=secret.length, special=False, opts=options)
    return made.result.apply(secret.value)
