"""What a user may ask of a stack: one model by target, its secrets, and how they are read.

Pure: nothing here knows Pulumi, a network or a clock.
"""

from airflow_stack.config.aws import AwsConfig
from airflow_stack.config.errors import ConfigError
from airflow_stack.config.load import parse, read_stack_file
from airflow_stack.config.local import LocalConfig
from airflow_stack.config.models import AnyConfig
from airflow_stack.config.secrets import SECRET_KEYS, Secrets
from airflow_stack.config.stack import StackConfig

__all__ = ["SECRET_KEYS", "AnyConfig", "AwsConfig", "ConfigError", "LocalConfig", "Secrets", "StackConfig", "parse",
           "read_stack_file"]  # fmt: skip
