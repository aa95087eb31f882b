"""A stack on AWS: what belongs to it alone, one file a concern."""

from airflow_stack.config.aws.data import ElastiCacheBroker, RdsDatabase, SqsBroker
from airflow_stack.config.aws.stack import AwsConfig

__all__ = ["AwsConfig", "ElastiCacheBroker", "RdsDatabase", "SqsBroker"]
