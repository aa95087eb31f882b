"""`airflow-stack diff`: what differs between two stacks, with the reason for what is meant to."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.airflow import describe
from airflow_stack.config import read_stack_file
from airflow_stack.operations.diff.compare import Comparison, Difference, Side, compare

__all__ = ["Comparison", "Difference", "diff"]


def diff(directory: Path, left: str, right: str) -> Comparison:
    """Of the descriptions that are deployed; without Docker, Pulumi or a network."""
    return compare(_side(directory, left), _side(directory, right))


def _side(directory: Path, stack: str) -> Side:
    config, _ = read_stack_file(directory, stack)
    deployment = describe(config)
    if config.on_aws:
        from airflow_stack.backends.images import image
        from airflow_stack.operations.diff.aws import aws_facts

        airflow = image("airflow", config, directory.resolve(), config.aws.image_origin)
        return Side(stack, config, tuple(aws_facts(config, deployment, airflow)))
    from airflow_stack.backends.containers import plan
    from airflow_stack.backends.machine import Machine
    from airflow_stack.operations.diff.docker import docker_facts

    machine = Machine.of(config, directory, stack)
    return Side(stack, config, tuple(docker_facts(config, deployment, plan(config, deployment, machine), machine)))
