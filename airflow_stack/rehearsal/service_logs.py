"""The services' logs as Athena would find them: records in S3, a line of JSON each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from airflow_stack.backends.aws.log_queries import COLUMNS, RECORDS
from airflow_stack.errors import OperationError
from airflow_stack.rehearsal.cloud import Cloud

Record = dict[str, str]


def records(cloud: Cloud, bucket: str) -> list[Record]:
    """All that have arrived. Raises OperationError for one that lacks a column of the table."""
    found = list(_read(cloud.client("s3"), bucket))
    for record in found:
        if lacking := COLUMNS.keys() - record.keys():
            raise OperationError(f"a record in S3 lacks the columns {', '.join(sorted(lacking))}: {record}")
    return found


def missing(lines: Sequence[str], found: Sequence[Record], task: str, container: str) -> list[str]:
    """Those lines of a task's container that are in no record, each as often as it is missing."""
    arrived = Counter(
        record["log"]
        for record in found
        if record["ecs_task_arn"].endswith(f"/{task}") and record["container_name"] == container
    )
    return list((Counter(line for line in lines if line) - arrived).elements())


def _read(s3: Any, bucket: str) -> Iterator[Record]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RECORDS):
        for entry in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            yield from map(json.loads, body.decode().splitlines())
