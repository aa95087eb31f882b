"""`airflow-stack run`: a single command on AWS, by the outputs of the stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_stack import cli
from airflow_stack.operations import aws_stack
from airflow_stack.operations.run_task import OneOff

OUTPUTS: dict[str, Any] = {
    "region": "eu-central-1",
    "cluster": "airflow",
    "task_definitions": {"one-off": "arn:aws:ecs:eu-central-1:123456789012:task-definition/airflow-one-off:7"},
    "subnets": ["subnet-1", "subnet-2"],
    "security_groups": {"one-off": "sg-1", "worker": "sg-2"},
    "assign_public_ip": True,
}
PROD = """
config:
  airflow-stack:target:
    {kind: aws, region: eu-central-1, load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.prod.yaml").write_text(PROD)
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["airflow-stack", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_runs_where_the_outputs_say_and_its_exit_code_is_ours(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network, definition and size of the one-off task; the command as it was written, options and all."""
    asked: list[OneOff] = []

    def run_task(one_off: OneOff, say: Any) -> int:  # noqa: ARG001 - its signature
        asked.append(one_off)
        return 3

    monkeypatch.setattr(aws_stack, "outputs", lambda *_: OUTPUTS)
    monkeypatch.setattr(aws_stack, "run_task", run_task)
    options = ["-s", "prod", "--cwd", str(program), "--cpu", "1024", "--memory", "2048"]
    assert call(monkeypatch, "run", *options, "--", "airflow", "dags", "list", "--output", "json") == 3
    (one_off,) = asked
    assert one_off.command == ["airflow", "dags", "list", "--output", "json"]
    assert (one_off.cluster, one_off.region, one_off.cpu, one_off.memory) == ("airflow", "eu-central-1", 1024, 2048)
    assert (one_off.task_definition, one_off.container) == (OUTPUTS["task_definitions"]["one-off"], "one-off")
    assert (one_off.subnets, one_off.security_groups) == (["subnet-1", "subnet-2"], ["sg-1"])
    assert one_off.assign_public_ip is True


@pytest.mark.parametrize(
    ("stack", "found", "said"),
    [
        ("local", OUTPUTS, "this stack runs on this machine; this is for stacks on AWS"),
        ("prod", {}, "stack 'prod' is not up.\nBring it up: pulumi up --stack prod"),
        ("prod", None, "Pulumi is not installed"),
    ],
)
def test_what_can_not_be_run_is_said_in_a_sentence(
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stack: str,
    found: dict[str, Any] | None,
    said: str,
) -> None:
    """A local stack, one that is not up, no Pulumi: no traceback."""

    class Known:
        def outputs(self) -> dict[str, Any]:
            assert found is not None
            return found

    monkeypatch.setattr(aws_stack.PulumiCli, "find", lambda *_: None if found is None else Known())
    assert call(monkeypatch, "run", "-s", stack, "--cwd", str(program), "--", "airflow", "version") == 1
    assert said in capsys.readouterr().err
