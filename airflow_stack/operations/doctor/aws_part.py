"""What every look at a stack on AWS begins with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import AwsPlan, aws_plan
from airflow_stack.config import AwsConfig
from airflow_stack.operations.aws_client import client


@dataclass(frozen=True)
class AwsPart:
    """A part of one stack, asked by boto3."""

    name: str
    config: AwsConfig
    known: dict[str, Any]
    """AwsOutputs, by the names of its fields."""

    @cached_property
    def plan(self) -> AwsPlan:
        """By the config, which may be newer than what is deployed."""
        return aws_plan(self.config, describe(self.config))

    def _client(self, service: str) -> Any:
        return client(service, self.known["region"])
