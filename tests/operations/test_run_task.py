"""One-off tasks: how they are started, followed, and how they fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from airflow_stack.errors import OperationError
from airflow_stack.operations import run_task, task_log
from airflow_stack.operations.run_task import OneOff, run, run_or_fail

REGION = "eu-central-1"
GROUP = "/airflow-stack/airflow/one-off"


class Account:
    """What moto has of the stack, made once: its clients take seconds."""

    def __init__(self) -> None:
        self.client = boto3.client("ecs", region_name=REGION)
        self.logs = boto3.client("logs", region_name=REGION)
        ec2 = boto3.client("ec2", region_name=REGION)
        self.client.create_cluster(clusterName="airflow")
        self.logs.create_log_group(logGroupName=GROUP)
        self.subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]


class Ecs:
    """Moto's ECS, in which a task passes through the states that a test has set."""

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client, self.logs = account.client, account.logs
        self.subnet, self.group = account.subnet, account.group
        self.definition = self.register("awslogs")
        self.requests: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.states: list[dict[str, Any]] = []
        self.lines: dict[str, list[str]] = {}
        """What the container writes when it reaches a state."""
        self.late: dict[int, str] = {}
        """What arrives at CloudWatch before the look at the log with this number after the end."""
        self.looks = 0
        self.refusals: list[Exception] = []
        self._patch(monkeypatch)

    def register(self, driver: str) -> str:
        log: Any = {"logDriver": driver, "options": {"Name": "kinesis_firehose"}}
        if driver == "awslogs":
            log["options"] = {
                "awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "one-off",
            }  # fmt: skip
        found = self.client.register_task_definition(
            family="airflow-one-off",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="512",
            memory="1024",
            containerDefinitions=[
                # Moto adds up the memory of the containers, and fails where one has none.
                {"name": "cloudwatch-agent", "image": "agent", "essential": False, "memory": 64},
                {"name": "one-off", "image": "airflow", "memory": 512, "logConfiguration": log},
            ],
        )
        return found["taskDefinition"]["taskDefinitionArn"]

    def one_off(self, **fields: Any) -> OneOff:
        known = {
            "region": REGION,
            "cluster": "airflow",
            "task_definition": self.definition,
            "command": ["airflow", "db", "check"],
            "subnets": [self.subnet],
            "security_groups": [self.group],
        }
        return OneOff(**(known | fields))

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = vars(BaseClient)["_make_api_call"]

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if operation == "RunTask":
                self.requests.append(parameters)
                if self.refusals:
                    raise self.refusals.pop(0)
            if operation == "StopTask":
                self.stopped.append(parameters["task"])
                return {}
            if operation == "GetLogEvents" and self.states[0]["lastStatus"] == "STOPPED":
                self.looks += 1
                if self.looks in self.late:
                    self._put(parameters["logStreamName"], [self.late[self.looks]])
            answer = real(client, operation, parameters)
            if operation == "DescribeTasks":
                if not answer["tasks"] or not self.states:
                    return answer
                state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
                if state.get("lastStatus") is None:
                    return answer | {"tasks": []}
                self._write(parameters["tasks"][0], state["lastStatus"])
                return answer | {"tasks": [answer["tasks"][0] | state]}
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        monkeypatch.setattr(run_task, "INTERVAL", 0)
        monkeypatch.setattr(task_log, "INTERVAL", 0)

    def _write(self, arn: str, status: str) -> None:
        if lines := self.lines.pop(status, []):
            self._put(f"one-off/one-off/{arn.rpartition('/')[2]}", lines)

    def _put(self, stream: str, lines: list[str]) -> None:
        place = {"logGroupName": GROUP, "logStreamName": stream}
        with suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_stream(**place)
        now = int(time.time() * 1000)
        self.logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": line} for line in lines])


def ended(
    code: int | None, reason: str = "Essential container in task exited", stop_code: str = "", why: str = ""
) -> Any:
    """A task that has stopped."""
    container: dict[str, Any] = {"name": "one-off", "lastStatus": "STOPPED"}
    if code is not None:
        container["exitCode"] = code
    if why:
        container["reason"] = why
    agent = {"name": "cloudwatch-agent", "lastStatus": "STOPPED", "exitCode": 137}
    return {"lastStatus": "STOPPED", "stoppedReason": reason, "stopCode": stop_code, "containers": [agent, container]}


PENDING, RUNNING, HIDDEN = {"lastStatus": "PENDING"}, {"lastStatus": "RUNNING"}, {"lastStatus": None}


def silent(said: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        yield Account()


@pytest.fixture
def ecs(account: Account, monkeypatch: pytest.MonkeyPatch) -> Ecs:
    return Ecs(account, monkeypatch)


def refused(ecs: Ecs, code: str, message: str) -> ClientError:
    error = {"Error": {"Code": code, "Message": message}}
    kind: Any = ecs.client.exceptions.from_code(code)
    found: ClientError = kind(error, "RunTask")
    return found


def test_a_command_is_run_once_on_demand_in_the_network_of_the_stack(ecs: Ecs) -> None:
    """Rule: RunTask on Fargate, never Spot, with the command overridden in Airflow's container, and pinned."""
    ecs.states = [ended(0)]
    assert run(ecs.one_off(platform_version="1.4.0"), silent) == 0
    [request] = ecs.requests
    assert request["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in request
    assert request["platformVersion"] == "1.4.0"
    assert request["count"] == 1
    assert request["taskDefinition"] == ecs.definition
    network = request["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {"subnets": [ecs.subnet], "securityGroups": [ecs.group], "assignPublicIp": "DISABLED"}
    assert request["overrides"] == {
        "containerOverrides": [{"name": "one-off", "command": ["airflow", "db", "check"], "environment": []}]
    }


def test_a_command_may_have_its_own_size_environment_and_address(ecs: Ecs) -> None:
    """Rule: CPU and memory of the task, as text; variables, sorted; a public address where the network has one."""
    ecs.states = [ended(0)]
    run(ecs.one_off(cpu=1024, memory=4096, environment={"B": "2", "A": "1"}, assign_public_ip=True), silent)
    overrides = ecs.requests[0]["overrides"]
    assert (overrides["cpu"], overrides["memory"]) == ("1024", "4096")
    assert overrides["containerOverrides"][0]["environment"] == [
        {"name": "A", "value": "1"}, {"name": "B", "value": "2"},
    ]  # fmt: skip
    assert ecs.requests[0]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"


def test_the_log_is_streamed_in_order_and_whole(ecs: Ecs) -> None:
    """Rule: each line once, while the task runs; CloudWatch is behind, so the last ones after its end."""
    ecs.states = [HIDDEN, PENDING, RUNNING, RUNNING, ended(0)]
    ecs.lines = {"RUNNING": ["one", "two"], "STOPPED": ["three"]}
    ecs.late = {4: "four", 6: "five"}
    said: list[str] = []
    assert run(ecs.one_off(), said.append) == 0
    assert [line for line in said if "task" not in line] == ["one", "two", "three", "four", "five"]
    assert [line.rpartition(" ")[2] for line in said if "task" in line][1:] == ["pending", "running", "stopped"]


def test_a_container_that_logs_elsewhere_is_waited_for_all_the_same(ecs: Ecs) -> None:
    """Rule: without a CloudWatch log there is no line to say, and still an exit code."""
    ecs.definition = ecs.register("awsfirelens")
    ecs.states = [RUNNING, ended(3)]
    assert run(ecs.one_off(), silent) == 3


@pytest.mark.parametrize("code", [0, 1, 137])
def test_the_exit_code_is_the_containers(ecs: Ecs, code: int) -> None:
    """Rule: Airflow's container decides, not the agent beside it."""
    ecs.states = [ended(code)]
    assert run(ecs.one_off(), silent) == code


EARLY = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:"
    " AccessDeniedException: User is not authorized to perform: secretsmanager:GetSecretValue"
)


def test_a_policy_that_is_seconds_old_is_waited_for(ecs: Ecs) -> None:
    """Rule: a task that was refused what its role may, and has run nothing, is started again; and it is said."""
    ecs.states = [ended(None, EARLY), ended(0)]
    said: list[str] = []
    assert run(ecs.one_off(), said.append) == 0
    assert len(ecs.requests) == 2
    assert any("it is started again" in line for line in said)


def test_a_policy_that_lacks_a_right_is_no_matter_of_time(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: after two minutes the refusal is the error; a command that has run is never run twice for one."""
    monkeypatch.setattr(run_task, "SETTLING", -1)
    ecs.states = [ended(None, EARLY)]
    with pytest.raises(OperationError, match="AccessDeniedException"):
        run(ecs.one_off(), silent)
    assert len(ecs.requests) == 1
    monkeypatch.setattr(run_task, "SETTLING", 120)
    ecs.states = [ended(1, "AccessDenied, said the command")]
    assert run(ecs.one_off(), silent) == 1
    assert len(ecs.requests) == 2


def test_run_or_fail_fails_with_the_end_of_the_log(ecs: Ecs, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: a migration that ends with another code than 0 fails with its last lines; every line is printed."""
    ecs.states = [RUNNING, ended(1)]
    ecs.lines = {"RUNNING": [f"line {number}" for number in range(40)]}
    inputs = vars(ecs.one_off()) | {"command": ["/opt/airflow-stack/bin/init"]}
    with pytest.raises(OperationError, match="/opt/airflow-stack/bin/init ended with exit code 1") as caught:
        run_or_fail(json.loads(json.dumps(inputs)))
    assert "| line 39" in str(caught.value)
    assert "| line 2\n" not in str(caught.value)
    assert "line 0\n" in capsys.readouterr().out


def test_run_or_fail_returns_nothing_where_all_is_well(ecs: Ecs) -> None:
    """Rule: exit code 0 is success."""
    ecs.states = [ended(0)]
    run_or_fail(vars(ecs.one_off()))


@pytest.mark.parametrize(
    ("reason", "stop_code", "said"),
    [
        ("CannotPullContainerError: pull image manifest has been retried 5 time(s)", "TaskFailedToStart",
         "see target.egress"),
        ("ResourceInitializationError: unable to pull secrets or registry auth", "TaskFailedToStart",
         "Secrets Manager"),
        ("Your Spot Task was interrupted", "SpotInterruption", "Run it again"),
        ("", "", "AWS gives no reason"),
    ],
)  # fmt: skip
def test_a_task_that_never_ran_fails_with_its_reason_and_what_to_do(
    ecs: Ecs, reason: str, stop_code: str, said: str
) -> None:
    """Rule: stopped before the start is no exit code; AWS's own reason is said, and what it is about."""
    ecs.states = [PENDING, ended(None, reason, stop_code)]
    with pytest.raises(OperationError, match="stopped before it ran") as caught:
        run(ecs.one_off(), silent)
    assert reason in str(caught.value)
    assert said in str(caught.value)


def test_a_task_that_ran_out_of_memory_says_so(ecs: Ecs) -> None:
    """Rule: 137 alone tells nobody which key to change."""
    ecs.states = [RUNNING, ended(137, why="OutOfMemoryError: Container killed due to memory usage")]
    with pytest.raises(OperationError, match=r"exit code 137(.|\n)*target\.one_off\.memory"):
        run(ecs.one_off(), silent)


def test_failures_of_run_task_are_not_taken_for_a_start(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: RunTask answers 200 with failures and no task."""
    failure = {"failures": [{"reason": "Capacity is unavailable at this time", "detail": "eu-central-1a"}], "tasks": []}
    monkeypatch.setattr(run_task, "_start", lambda *_: failure)
    with pytest.raises(OperationError, match=r"ECS did not start the task: Capacity is unavailable .*eu-central-1a"):
        run(ecs.one_off(), silent)


def test_a_role_that_aws_does_not_know_yet_is_waited_for(ecs: Ecs) -> None:
    """Rule: a role takes seconds to be known; the first deployment must not fail for it."""
    ecs.refusals = [refused(ecs, "ClientException", "ECS was unable to assume the role 'arn:aws:iam::1:role/x'")] * 2
    ecs.states = [ended(0)]
    assert run(ecs.one_off(), silent) == 0
    assert len(ecs.requests) == 3


def test_a_role_that_stays_unknown_is_said(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: waiting for it ends."""
    monkeypatch.setattr(run_task, "SETTLING", -1)
    ecs.refusals = [refused(ecs, "ClientException", "ECS was unable to assume the role 'arn:aws:iam::1:role/x'")]
    with pytest.raises(OperationError, match="AWS refuses RunTask in eu-central-1: ECS was unable to assume the role"):
        run(ecs.one_off(), silent)


def test_a_refusal_of_aws_is_one_sentence(ecs: Ecs) -> None:
    """Rule: no traceback for a missing permission."""
    ecs.refusals = [refused(ecs, "AccessDeniedException", "User is not authorized to perform: ecs:RunTask")]
    with pytest.raises(OperationError, match="AWS refuses RunTask in eu-central-1: User is not authorized"):
        run(ecs.one_off(), silent)


def test_missing_credentials_are_said(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: whoever is not logged in is told how."""
    monkeypatch.setattr(run_task, "_start", lambda *_: (_ for _ in ()).throw(NoCredentialsError()))
    with pytest.raises(OperationError, match="AWS_PROFILE"):
        run(ecs.one_off(), silent)


def test_a_definition_without_the_container_starts_nothing(ecs: Ecs) -> None:
    """Rule: a wrong container is found before anything is paid for."""
    with pytest.raises(OperationError, match="has no container web"):
        run(ecs.one_off(container="web"), silent)
    assert not ecs.requests


def test_a_task_that_takes_too_long_is_stopped(ecs: Ecs) -> None:
    """Rule: whoever gives it a time gets it stopped at the end of it."""
    ecs.states = [RUNNING]
    with pytest.raises(OperationError, match="has not ended after 0 s: it was stopped"):
        run(ecs.one_off(timeout=0.001), silent)
    assert len(ecs.stopped) == 1


def test_ctrl_c_stops_the_task(ecs: Ecs) -> None:
    """Rule: nothing runs on for which nobody waits."""
    ecs.states = [RUNNING]

    def say(line: str) -> None:
        if line.endswith("running"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ecs.one_off(), say)
    assert len(ecs.stopped) == 1


def test_a_task_that_vanishes_is_said(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a task that nobody knows any more is not waited for for ever."""
    monkeypatch.setattr(run_task, "APPEARING", -1)
    ecs.states = [HIDDEN]
    with pytest.raises(OperationError, match="has vanished from airflow"):
        run(ecs.one_off(), silent)
