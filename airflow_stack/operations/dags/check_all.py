"""Import every DAG of a stack in the stack's image, without the stack: no database, no secret and no network of it."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.operations.dags.container import answer
from airflow_stack.operations.dags.entries import read
from airflow_stack.operations.dags.report import Report, report
from airflow_stack.operations.dags.subject import subject
from airflow_stack.operations.image_build import Say

SLOW = 2.0
"""Seconds that the import of one file may take without a word."""


def check(
    directory: Path,
    stack: str,
    say: Say,
    *,
    connections: Path | None = None,
    variables: Path | None = None,
    running: bool = False,
    slow: float = SLOW,
    strict: bool = False,
) -> Report:
    """The report on all DAGs. ``connections`` and ``variables`` are files of what the stack will have.

    With ``running``, the stack is asked for the names that its database holds; it must be up. With ``strict`` each
    warning is an error.
    """
    entries = read(connections, variables)
    tried = subject(directory, stack, say)
    names: dict[str, list[str]] = {"connections": [], "variables": []}
    if running:
        from airflow_stack.operations.running import find

        names = find(directory, stack).ask(["dags-names"])
    say(f"importing the DAGs of {tried.folders['dags']} in {tried.image.tag}")
    found = answer(tried, "dags-check", {"known": names}, entries, tried.import_memory, network=False)
    return report(stack, tried.image.tag, found, tried.folders, slow, strict=strict)
