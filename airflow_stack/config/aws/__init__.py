"""``airflow-stack:target`` of kind ``aws``: what belongs to AWS alone, one file a concern."""

from airflow_stack.config.aws.data import ElastiCacheBroker, RdsDatabase, SqsBroker
from airflow_stack.config.aws.target import AwsTarget

__all__ = ["AwsTarget", "ElastiCacheBroker", "RdsDatabase", "SqsBroker"]
