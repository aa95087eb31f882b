"""The deployment that a config asks for: a release's roles with their values, environment and secrets. Pure."""

from airflow_stack.airflow.deployment import Deployment, Probe, Role, describe, runs_tasks, there

__all__ = ["Deployment", "Probe", "Role", "describe", "runs_tasks", "there"]
