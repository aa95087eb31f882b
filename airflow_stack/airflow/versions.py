"""Airflow's version is data: what depends on it asks this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AirflowVersion:
    """What differs from one Airflow to the next."""

    python: str
    """Python's minor version in the images."""
    lock: str
    """Lock file of the dependencies, below images/airflow/."""
    upstream_image: str
    """Base of the images of origin ``registry``."""
    ui: str
    """Role that serves the UI."""
    roles: tuple[str, ...]
    """Long-running roles, in the order in which a person would list them."""


VERSIONS = {
    "2.10.2": AirflowVersion(
        python="3.11",
        lock="requirements/2.10.2.txt",
        upstream_image="apache/airflow:slim-2.10.2-python3.11",
        ui="webserver",
        roles=("webserver", "scheduler", "triggerer", "worker", "flower"),
    ),
}
