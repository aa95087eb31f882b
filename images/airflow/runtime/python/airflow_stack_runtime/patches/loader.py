"""The one way by which a patch is applied."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib import import_module

from airflow_stack_runtime.patches.registry import PATCHES, Patch

OFF = "AIRFLOW_STACK_PATCHES_OFF"
"""Variable with the names of those that the user leaves out, separated by commas."""

log = logging.getLogger(__name__)


def apply(where: str) -> None:
    """Apply those of this process, before it runs Airflow's own code."""
    from airflow import __version__

    for patch in PATCHES:
        if patch.where != where:
            continue
        if reason := left_out(patch, __version__):
            log.info("%s", reason)
        else:
            install(patch)


def left_out(patch: Patch, version: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return why a patch is not applied to this version of Airflow; empty where it is."""
    if patch.name in environment.get(OFF, "").split(","):
        return f"airflow-stack:airflow.patches.{patch.name} is false: Airflow is as it was released."
    if not patch.is_for(version):
        return f"The patch {patch.name} is for Airflow {', '.join(patch.lines)}, and is left out of {version}."
    return ""


def install(patch: Patch) -> None:
    """Import its module, which imports what it replaces."""
    import_module(f"airflow_stack_runtime.patches.{patch.name}").apply()
