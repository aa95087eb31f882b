"""Run a command as a task of the cluster, to its end: the migration, and any single Airflow command."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.task_log import Say, TaskLog

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef

# Seconds between two looks at a task and its log. AWS allows far more; a person sees no difference.
INTERVAL = 2.0
# Seconds for which a role that has just been made may be unknown to ECS, or a policy unknown to others: IAM takes time.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
SETTLING = 120
# How a service refuses what no policy allows yet, in the reason of a task that could not start.
DENIED = ("AccessDenied", "is not authorized to perform")
# Seconds for which a task that has just been started may not be found.
APPEARING = 60
# Lines of the log in an error.
LOG_LINES = 20

# What AWS says of a task that could not start, by how its reason begins, and what to do about it.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
HINTS = {
    "CannotPullContainerError": "The image is not in the registry, or the task does not reach it: see target.egress.",
    "CannotPullECRContainerError": "The execution role may not read the repository, or the task does not reach it.",
    "ResourceInitializationError": "The task does not reach Secrets Manager or CloudWatch (see target.egress), or its"
    " execution role may not read them.",
    "OutOfMemoryError": "It needs more memory: target.one_off.memory, or the command's own.",
    "SpotInterruption": "AWS took the capacity back. Run it again.",
}


@dataclass(frozen=True)
class OneOff:
    """A command to run in the container of a task definition."""

    region: str
    cluster: str
    """ARN or name."""
    task_definition: str
    command: Sequence[str]
    subnets: Sequence[str]
    security_groups: Sequence[str]
    container: str = "one-off"
    assign_public_ip: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside the definition's. Everybody who may describe the task can read it."""
    cpu: int | None = None
    """CPU units of the task instead of the definition's; with ``memory`` a pair that Fargate has."""
    memory: int | None = None
    """MiB of the task instead of the definition's."""
    platform_version: str = "LATEST"
    timeout: float | None = None
    """Seconds after which the task is stopped. None: never."""


def run(one_off: OneOff, say: Say, output: Say | None = None) -> int:
    """Run it to its end. Returns the container's exit code.

    ``say`` gets what becomes of the task, and ``output`` each line of its log; ``say`` gets both where there is none.

    Ctrl-C stops the task. Raises OperationError where AWS refuses, where the task stops before its container has run,
    and where it takes longer than its time.
    """
    with plain_errors(one_off.region):
        begin = time.monotonic()
        while True:
            task = _Task.start(one_off)
            say(f"started task {task.id}")
            try:
                stopped = task.wait(say, output or say)
            except BaseException:
                task.stop()
                raise
            if not task.may_be_early(stopped) or time.monotonic() - begin > SETTLING:
                return task.exit_code(stopped)
            say(f"task {task.id} was not allowed what its role may: a new policy takes its time, it is started again")
            time.sleep(INTERVAL)


def run_or_fail(inputs: Mapping[str, Any]) -> None:
    """Run what the inputs describe, by the names of `OneOff`; printing its log.

    Raises OperationError as `run` does, and with the last lines of the log where the exit code is not 0.
    """
    one_off = OneOff(**inputs)
    last: deque[str] = deque(maxlen=LOG_LINES)

    def say(line: str) -> None:
        last.append(line)
        print(line, flush=True)

    code = run(one_off, say)
    if code != 0:
        lines = "\n".join(f"  | {line}" for line in last)
        raise OperationError(f"{' '.join(one_off.command)} ended with exit code {code}.\n{lines}")


class _Task:
    """A task that was started."""

    def __init__(self, ecs: ECSClient, one_off: OneOff, arn: str, log: TaskLog | None) -> None:
        self.ecs, self.one_off, self.arn, self.log = ecs, one_off, arn, log

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @classmethod
    def start(cls, one_off: OneOff) -> _Task:
        """Raises OperationError where ECS finds a reason not to."""
        ecs: ECSClient = client("ecs", one_off.region)
        definition = ecs.describe_task_definition(taskDefinition=one_off.task_definition)["taskDefinition"]
        container = next(
            (found for found in definition["containerDefinitions"] if found["name"] == one_off.container), None
        )
        if container is None:
            raise OperationError(
                f"{one_off.task_definition} has no container {one_off.container}.\nNothing was started."
            )
        response = _start(ecs, one_off)
        for failure in response["failures"]:
            detail = f" ({failure['detail']})" if failure.get("detail") else ""
            raise OperationError(f"ECS did not start the task: {failure.get('reason', 'no reason given')}{detail}.")
        arn = response["tasks"][0]["taskArn"]
        return cls(ecs, one_off, arn, TaskLog.of(container, one_off.region, arn))

    def wait(self, say: Say, output: Say) -> TaskTypeDef:
        """The task as it is when it has stopped, with all of its log put out."""
        begin = time.monotonic()
        status = ""
        while True:
            found = self.ecs.describe_tasks(cluster=self.one_off.cluster, tasks=[self.arn])["tasks"]
            elapsed = time.monotonic() - begin
            if not found and elapsed > APPEARING:
                raise OperationError(f"task {self.id} has vanished from {self.one_off.cluster}.")
            if found and found[0].get("lastStatus", "") != status:
                status = found[0].get("lastStatus", "")
                say(f"task {self.id} is {status.lower()}")
            if self.log:
                self.log.say_new(output)
            if found and status == "STOPPED":
                if self.log:
                    self.log.say_rest(output)
                return found[0]
            if self.one_off.timeout is not None and elapsed > self.one_off.timeout:
                raise OperationError(
                    f"task {self.id} has not ended after {self.one_off.timeout:.0f} s: it was stopped."
                )
            time.sleep(INTERVAL)

    def may_be_early(self, stopped: TaskTypeDef) -> bool:
        """Whether nothing has run, for want of a right that the role may have in a moment."""
        containers, reason = self._end(stopped)
        ran = any("exitCode" in found for found in containers)
        return not ran and any(word in reason for word in DENIED)

    def _end(self, stopped: TaskTypeDef) -> tuple[list[ContainerTypeDef], str]:
        """Airflow's container, if AWS names it, and all that AWS says of why it has stopped."""
        containers = [found for found in stopped.get("containers", []) if found.get("name") == self.one_off.container]
        reasons = [stopped.get("stoppedReason", "")] + [found.get("reason", "") for found in containers]
        return containers, ". ".join(one.rstrip(".") for one in reasons if one)

    def exit_code(self, stopped: TaskTypeDef) -> int:
        """Raises OperationError where the container has none: it never ran, or was taken away."""
        containers, reason = self._end(stopped)
        if not containers or "exitCode" not in containers[0]:
            known = f"{stopped.get('stopCode', '')} {reason}"
            raise OperationError(
                "\n".join([f"task {self.id} stopped before it ran: {reason or 'AWS gives no reason'}.", *_hints(known)])
            )
        code = containers[0]["exitCode"]
        if code != 0 and _hints(reason):
            raise OperationError("\n".join([f"task {self.id} ended with exit code {code}: {reason}.", *_hints(reason)]))
        return code

    def stop(self) -> None:
        """Nobody waits for it any more. Where AWS is out of reach, what went wrong before is what is said."""
        from botocore.exceptions import BotoCoreError, ClientError

        with suppress(BotoCoreError, ClientError):
            self.ecs.stop_task(cluster=self.one_off.cluster, task=self.arn, reason="airflow-stack: nobody waits for it")


def _start(ecs: ECSClient, one_off: OneOff) -> Any:
    override: dict[str, Any] = {
        "name": one_off.container,
        "command": list(one_off.command),
        "environment": [{"name": key, "value": value} for key, value in sorted(one_off.environment.items())],
    }
    overrides: dict[str, Any] = {"containerOverrides": [override]}
    overrides |= {key: str(size) for key in ("cpu", "memory") if (size := getattr(one_off, key)) is not None}
    begin = time.monotonic()
    while True:
        try:
            return ecs.run_task(
                cluster=one_off.cluster,
                taskDefinition=one_off.task_definition,
                # On demand: a migration must not be taken back in the middle.
                launchType="FARGATE",
                platformVersion=one_off.platform_version,
                count=1,
                startedBy="airflow-stack",
                propagateTags="TASK_DEFINITION",
                enableECSManagedTags=True,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": list(one_off.subnets),
                        "securityGroups": list(one_off.security_groups),
                        "assignPublicIp": "ENABLED" if one_off.assign_public_ip else "DISABLED",
                    }
                },
                overrides=overrides,  # type: ignore[arg-type] # built above, by the same names
            )
        except ecs.exceptions.ClientException as error:
            if "unable to assume" not in str(error) or time.monotonic() - begin > SETTLING:
                raise
        time.sleep(INTERVAL)


def _hints(reason: str) -> list[str]:
    return [hint for beginning, hint in HINTS.items() if beginning in reason]
