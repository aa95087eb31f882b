"""`run`, `airflow`, `shell` and programs of the image on AWS. Moto runs nothing and has no execute_command: its tasks
are run_task's tests, and the shell's call is checked by botocore's Stubber."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.run_task import OneOff
from airflow_stack.operations.running import aws_stack
from operations.running.conftest import REGION, Prod


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[OneOff]:
    """What was asked of run_task; each answers as a program of the image would, with exit code 3 for `false`."""
    asked: list[OneOff] = []

    def run_task(one_off: OneOff, say: Any, output: Any) -> int:
        asked.append(one_off)
        say("task 1 is running")
        output("hello")
        output('airflow-stack-result: {"tasks": 4}')
        return 3 if "false" in one_off.command else 0

    monkeypatch.setattr(aws_stack, "run_task", run_task)
    return asked


def test_a_command_runs_where_the_outputs_say(
    prod: Prod, tasks: list[OneOff], capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: network, definition and size of the one-off task; its log is the output, and its exit code ours."""
    assert prod.find().run(["false", "--help"], 1024, 2048, prod.said.append) == 3
    (one_off,) = tasks
    assert one_off.command == ["false", "--help"]
    assert (one_off.cluster, one_off.region, one_off.cpu, one_off.memory) == ("airflow", REGION, 1024, 2048)
    assert (one_off.task_definition, one_off.container) == ("airflow-one-off:1", "one-off")
    assert (one_off.subnets, one_off.security_groups) == (["subnet-1", "subnet-2"], ["sg-1"])
    assert one_off.assign_public_ip is True
    assert capsys.readouterr().out.splitlines()[0] == "hello"
    assert prod.said == ["task 1 is running"]


def test_airflow_is_a_task_too(prod: Prod, tasks: list[OneOff], capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: progress and output are two streams, for whoever pipes one of them."""
    assert prod.find().relay(["airflow", "dags", "list"], prod.said.append) == 0
    assert tasks[0].command == ["airflow", "dags", "list"]
    assert "task 1" not in capsys.readouterr().out


def test_a_program_of_the_image_answers(prod: Prod, tasks: list[OneOff], errors: Any) -> None:
    """Rule: the JSON behind the marker; its last lines where it has failed; no standard input."""
    assert prod.find().ask(["facts", "work"]) == {"tasks": 4}
    assert tasks[0].command == ["/opt/airflow-stack/bin/facts", "work"]
    assert errors(prod.find().ask, ["false", "false"]) == "false ended with exit code 3.\n  | hello"
    assert "no standard input" in errors(lambda: prod.find().execute(["cat"], stdin=b"x"))


def test_a_shell_that_is_off_names_the_key(prod: Prod, errors: Any) -> None:
    """Rule: what to set, and nothing asked of AWS."""
    said = errors(prod.find().shell, "worker", [])
    assert said.startswith("a shell on AWS is off.\nAllow it with airflow-stack:target.exec: true in Pulumi.prod.yaml")


def test_a_shell_needs_the_plugin(prod: Prod, errors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what is missing, and where it is had."""
    prod.configure("exec: true")
    monkeypatch.setenv("PATH", "/nowhere")
    said = errors(prod.find().shell, "worker", [])
    assert said.startswith("AWS's session-manager-plugin is not installed")
    assert "https://docs.aws.amazon.com/" in said


def test_a_shell_becomes_the_plugin_with_the_session_out_of_sight(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the role's own container; the session's token is in no argument."""
    prod.configure("exec: true")
    ecs = boto3.client("ecs", region_name=REGION)
    session = {"sessionId": "s-1", "streamUrl": "wss://stream", "tokenValue": "the-token"}
    asked = {
        "cluster": "airflow",
        "task": f"arn:aws:ecs:{REGION}:123456789012:task/airflow/3f2a9c01",
        "container": "worker",
        "command": "bash -c 'echo 1'",
        "interactive": True,
    }
    describe: Any = ecs.describe_services(cluster="airflow", services=["airflow-worker"])
    describe.pop("ResponseMetadata")
    became: list[Any] = []
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(os, "execve", lambda *arguments: became.append(arguments))
    with Stubber(ecs) as stub:
        stub.add_response("describe_services", describe)
        stub.add_response("execute_command", {"session": session}, asked)
        monkeypatch.setattr("airflow_stack.operations.running.aws_services.client", lambda *_: ecs)
        prod.find().shell("worker", ["bash", "-c", "echo 1"])
        stub.assert_no_pending_responses()
    ((program, arguments, environment),) = became
    assert program == "/bin/session-manager-plugin"
    assert arguments[1:4] == ["AWS_SSM_START_SESSION_RESPONSE", REGION, "StartSession"]
    assert json.loads(arguments[5]) == {"Target": "ecs:airflow_3f2a9c01_3f2a9c01-7"}
    assert json.loads(environment["AWS_SSM_START_SESSION_RESPONSE"]) == session
    assert "the-token" not in " ".join(arguments)
    assert environment["PATH"] == os.environ["PATH"]


def test_a_shell_in_a_role_that_does_not_run(prod: Prod, errors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: said, with what starts one."""
    prod.configure("exec: true")
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    prod.find().scale("worker", 0, prod.said.append)
    assert errors(prod.find().shell, "worker", []).startswith("no task of worker runs.")


def test_missing_credentials_are_a_sentence(prod: Prod, errors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: no traceback, and what to do."""

    def without(*_: Any) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr("airflow_stack.operations.running.aws_services.client", without)
    stack = prod.find()
    for call in (stack.status, lambda: stack.restart("worker", print), lambda: stack.scale("worker", 1, print)):
        assert errors(call).startswith("there are no AWS credentials.")


@pytest.mark.parametrize(
    ("found", "said"),
    [({}, "stack 'prod' is not up.\nBring it up: pulumi up --stack prod"), (None, "Pulumi is not installed")],
)
def test_a_stack_that_nobody_knows(
    prod: Prod, errors: Any, monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None, said: str
) -> None:
    """Rule: not up, or no Pulumi to ask: one sentence."""

    class Known:
        def outputs(self) -> dict[str, Any]:
            assert found is not None
            return found

    monkeypatch.undo()
    monkeypatch.setattr(PulumiCli, "find", lambda *_: None if found is None else Known())
    assert errors(prod.find).startswith(said)
