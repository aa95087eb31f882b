"""The log of a task in CloudWatch, read while it is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_stack.operations.aws_client import client

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef

Say = Callable[[str], None]

# Seconds between two looks after the end, and how many of them must find nothing new: CloudWatch comes a little late.
INTERVAL = 1.0
QUIET = 3


class TaskLog:
    """A container's stream in CloudWatch, read to where it ends so far."""

    def __init__(self, region: str, group: str, stream: str) -> None:
        self.logs = client("logs", region)
        self.place = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
        self.token: str | None = None

    @classmethod
    def of(cls, container: ContainerDefinitionOutputTypeDef, region: str, task: str) -> TaskLog | None:
        """Of a container of the task with this ARN. None where it logs elsewhere, by FireLens for example."""
        configuration = container.get("logConfiguration")
        if configuration is None or configuration["logDriver"] != "awslogs":
            return None
        options = configuration.get("options", {})
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task.rpartition('/')[2]}"
        return cls(options.get("awslogs-region", region), options["awslogs-group"], stream)

    def say_new(self, say: Say) -> bool:
        """Whether there was anything new."""
        new = False
        while True:
            try:
                page = self.logs.get_log_events(**self.place, **({"nextToken": self.token} if self.token else {}))
            except self.logs.exceptions.ResourceNotFoundException:
                return new  # the stream is made with its first line
            for event in page["events"]:
                new = True
                say(event["message"])
            # The end of a stream answers with the token that it was asked with.
            if page["nextForwardToken"] == self.token:
                return new
            self.token = page["nextForwardToken"]

    def say_rest(self, say: Say) -> None:
        """What arrives after the end."""
        quiet = 0
        while quiet < QUIET:
            time.sleep(INTERVAL)
            quiet = 0 if self.say_new(say) else quiet + 1
