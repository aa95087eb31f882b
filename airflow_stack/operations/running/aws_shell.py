"""A shell in a task on AWS: ECS exec, and the plugin of Session Manager that speaks its protocol."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Sequence

from airflow_stack.errors import OperationError
from airflow_stack.operations.running.aws_services import Services

PLUGIN = "session-manager-plugin"
INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)

# By this variable the plugin takes the session with its token, which every user of the machine would see among the
# arguments. Since version 1.2.497.
SESSION = "AWS_SSM_START_SESSION_RESPONSE"


def open_shell(services: Services, role: str, command: Sequence[str]) -> int:
    """Become the session. Raises OperationError where the plugin is missing, or no task of the role runs."""
    plugin = shutil.which(PLUGIN)
    if plugin is None:
        raise OperationError(f"AWS's {PLUGIN} is not installed, which a shell needs.\nInstall it: {INSTALL}")
    running = [task for task in services.tasks(role) if task.get("lastStatus") == "RUNNING"]
    if not running:
        raise OperationError(f"no task of {role} runs.\nStart one: airflow-stack scale {role}=1")
    task = running[0]
    container = next(one for one in task["containers"] if one["name"] == role)
    session = services.ecs.execute_command(
        cluster=services.cluster,
        task=task["taskArn"],
        container=role,
        command=shlex.join(command or ["bash"]),
        interactive=True,
    )["session"]
    cluster, number = task["clusterArn"].rpartition("/")[2], task["taskArn"].rpartition("/")[2]
    target = {"Target": f"ecs:{cluster}_{number}_{container['runtimeId']}"}
    arguments = [PLUGIN, SESSION, services.region, "StartSession", "", json.dumps(target)]
    arguments.append(f"https://ssm.{services.region}.amazonaws.com")
    os.execve(plugin, arguments, os.environ | {SESSION: json.dumps(session)})  # noqa: S606 - a program, no shell
    return 0  # pragma: no cover - the plugin's exit code is the process's
