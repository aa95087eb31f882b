"""What an Airflow deployment is: roles, environment, commands, probes and secrets, by Airflow version. Pure."""

from airflow_stack.airflow.deployment import Deployment, Probe, Role, describe, runs_tasks, there

__all__ = ["Deployment", "Probe", "Role", "describe", "runs_tasks", "there"]
