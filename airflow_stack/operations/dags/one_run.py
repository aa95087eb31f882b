"""Run one DAG of a stack once, on a database that is gone afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.dags.container import answer
from airflow_stack.operations.dags.entries import read
from airflow_stack.operations.dags.report import as_text
from airflow_stack.operations.dags.subject import subject
from airflow_stack.operations.image_build import Say

# A failure is to be seen at once, whatever airflow.options has. The retries that a DAG itself asks for stay.
ENVIRONMENT = {"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "0"}


def run(
    directory: Path,
    stack: str,
    dag: str,
    say: Say,
    output: Callable[[str], None],
    *,
    date: str | None = None,
    conf: str | None = None,
    connections: Path | None = None,
    variables: Path | None = None,
) -> dict[str, str]:
    """Run the DAG to its end, its log to ``output``; states of the tasks.

    ``date`` is ISO 8601, ``conf`` a JSON object. Raises OperationError where the run does not succeed.
    """
    asked = {"dag": dag, "date": _date(date), "conf": _conf(conf)}
    entries = read(connections, variables)
    tried = subject(directory, stack, say)
    tried.environment.update(ENVIRONMENT)
    say(f"running {dag} in {tried.image.tag}")
    found = answer(tried, "dags-test", asked, entries, tried.task_memory, network=True, output=output)
    problems = as_text(found.get("problems", ()), tried.folders)
    if found["state"] == "not started":
        raise OperationError(f"{dag} was not run.\n{problems}")
    if found["state"] == "not found":
        raise OperationError(_not_found(dag, stack, found, problems))
    if found["state"] == "not imported":
        raise OperationError(
            f"the file of {dag} can't be imported: the lines above say why.\n"
            f"A variable or connection that it asks for: --variables FILE, --connections FILE"
        )
    if found["state"] != "success":
        raise OperationError(_failure(dag, found))
    states: dict[str, str] = found["tasks"]
    return states


def _date(text: str | None) -> str | None:
    """As the container reads it, which takes a date without a zone as UTC."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise OperationError(f"--date {text!r} is no date of ISO 8601. Example: --date 2026-01-31T06:00:00") from None


def _conf(text: str | None) -> Any:
    if text is None:
        return None
    try:
        conf = json.loads(text)
    except ValueError:
        conf = None
    if not isinstance(conf, dict):
        raise OperationError("--conf is no JSON object. Example: --conf '{\"day\": 1}'")
    return conf


def _not_found(dag: str, stack: str, found: dict[str, Any], problems: str) -> str:
    if problems:
        return f"{dag} can't be run: a file that holds its name can't be imported.\n{problems}"
    there = ", ".join(found["dags"]) or "none"
    number = "1 file" if found["broken"] == 1 else f"{found['broken']} files"
    broken = f" {number} can't be imported: airflow-stack dags check -s {stack}" if found["broken"] else ""
    return f"there is no DAG {dag!r}. The DAGs are: {there}.{broken}"


def _failure(dag: str, found: dict[str, Any]) -> str:
    failed = [name for name, state in found["tasks"].items() if state == "failed"]
    text = (
        f"the run of {dag} ended as {found['state']}. Failed: {', '.join(failed) or 'no task'}; the log above says why."
    )
    if docker := sorted({name.partition("[")[0] for name in failed} & set(found["needs_docker"])):
        text += (
            f"\nThere is no Docker in here, and {', '.join(docker)} needs it: run the DAG on the stack,"
            " or skip these tasks."
        )
    return text
