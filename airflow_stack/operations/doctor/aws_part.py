"""What every look at a stack on AWS begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_stack.config import AwsConfig
from airflow_stack.operations.aws_client import client


@dataclass(frozen=True)
class AwsPart:
    """A part of one stack, asked by boto3."""

    name: str
    config: AwsConfig
    known: dict[str, Any]
    """AwsOutputs, by the names of its fields."""

    def _client(self, service: str) -> Any:
        return client(service, self.known["region"])
