"""`airflow-stack diff`: what differs between two stacks, with the reason for what is meant to."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.operations.diff.compare import Comparison, Difference, Side, compare
from airflow_stack.operations.target import target_of_file

__all__ = ["Comparison", "Difference", "diff"]


def diff(directory: Path, left: str, right: str) -> Comparison:
    """Of the descriptions that are deployed; without Docker, Pulumi or a network."""
    return compare(_side(directory, left), _side(directory, right))


def _side(directory: Path, stack: str) -> Side:
    target = target_of_file(directory, stack)
    return Side(stack, target.config, target.facts())
