"""What a target is, wherever a stack runs: ``local/`` and ``aws/`` have the two that there are."""

from __future__ import annotations

from airflow_stack.config.types import Directory, RegistryHost, Section


class TargetConfig(Section):
    """``airflow-stack:target``: where the stack runs, with what belongs to that place alone."""

    kind: str
    project_dir: Directory
    registry: RegistryHost
