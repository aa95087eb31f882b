"""`airflow-stack cost`: what a stack on AWS costs a month."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import aws_plan
from airflow_stack.cost import Load, estimate
from airflow_stack.cost.report import as_json, table
from airflow_stack.operations.target import target_of_file


def cost(directory: Path, stack: str, tasks_per_day: int, minutes_per_task: float, *, json: bool) -> str:
    """The bill, idle and with this load; idle alone where there is none. Raises PriceError, and OperationError for a
    stack of this machine."""
    config = target_of_file(directory, stack).on_aws()
    plan = aws_plan(config, describe(config))
    load = Load(tasks_per_day, minutes_per_task)
    loaded = estimate(plan, load) if tasks_per_day else None
    show = as_json if json else table
    return show(stack, plan.region, estimate(plan), loaded, load)
