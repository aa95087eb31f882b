"""A stack of this machine: what belongs to it alone, one file a concern."""

from airflow_stack.config.local.stack import LocalConfig

__all__ = ["LocalConfig"]
