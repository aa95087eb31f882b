"""What a user may ask of a stack: the model, its secrets, and how both are read.

Pure: nothing here knows Pulumi, a network or a clock.
"""

from airflow_stack.config.errors import ConfigError
from airflow_stack.config.load import parse, read_stack_file
from airflow_stack.config.secrets import SECRET_KEYS, Secrets
from airflow_stack.config.stack import StackConfig

__all__ = ["SECRET_KEYS", "ConfigError", "Secrets", "StackConfig", "parse", "read_stack_file"]
