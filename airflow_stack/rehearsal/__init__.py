"""Prod on this machine: the task definitions that the program registers, run by Docker, with moto as AWS."""

from airflow_stack.rehearsal.rehearse import rehearse

__all__ = ["rehearse"]
