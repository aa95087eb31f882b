"""The verbs on a running stack: what they print, their exit codes, their help, their completion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from airflow_stack import cli
from airflow_stack.errors import OperationError
from airflow_stack.operations import docker_engine, running
from airflow_stack.operations.running.interface import LogLine, RoleStatus, Work

VERBS = ("status", "logs", "shell", "airflow", "run", "scale", "restart")
NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


class Fake:
    """A stack that does as it is told and remembers it."""

    def __init__(self) -> None:
        self.healthy = 1
        self.asked: list[Any] = []

    def status(self) -> list[RoleStatus]:
        return [RoleStatus("scheduler", 1, 1, self.healthy, "2.10.2", NOW)]

    def work(self) -> Work | None:
        return Work(2, 5)

    def urls(self) -> dict[str, str]:
        return {"Airflow": "http://localhost:8080"}

    def logs(self, roles: Sequence[str], since: Any, tail: int | None, follow: bool) -> Iterator[LogLine]:
        self.asked.append(("logs", tuple(roles), since, tail, follow))
        yield LogLine("worker", "worker-1", NOW, "hello")
        yield LogLine("worker", "worker-extra-1", NOW, "there")
        if follow:
            raise KeyboardInterrupt

    def shell(self, role: str, command: Sequence[str]) -> int:
        self.asked.append(("shell", role, list(command)))
        return 4

    def relay(self, command: Sequence[str], _say: Any) -> int:
        self.asked.append(("airflow", list(command)))
        return 5

    def run(self, command: Sequence[str], cpu: int | None, memory: int | None, _say: Any) -> int:
        self.asked.append(("run", list(command), cpu, memory))
        if command == ["long"]:
            raise KeyboardInterrupt
        return 6

    def check_scale(self, role: str, _count: int) -> None:
        if role == "postgres":
            raise OperationError("postgres can't be scaled.")
        if role == "broken":
            raise APIError("500 Server Error", explanation="error mounting /old: not a directory")

    def scale(self, role: str, count: int, _say: Any) -> None:
        self.asked.append(("scale", role, count))
        if role == "slow":
            raise KeyboardInterrupt

    def restart(self, role: str, _say: Any) -> None:
        self.asked.append(("restart", role))
        if role == "slow":
            raise KeyboardInterrupt


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    stack = Fake()
    monkeypatch.setattr(running, "find", lambda *_: stack)
    return stack


def call(*words: str) -> int:
    """Exit code of a command line."""
    from unittest import mock

    with mock.patch("sys.argv", ["airflow-stack", *words]), pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("healthy", "code"), [(1, 0), (0, 1)])
def test_status_ends_with_whether_all_is_well(
    fake: Fake, capsys: pytest.CaptureFixture[str], healthy: int, code: int
) -> None:
    """Rule: exit code 0 where every role is healthy, else 1; as JSON too, and nothing but JSON."""
    fake.healthy = healthy
    assert call("status", "-s", "local") == code
    assert f"scheduler  {healthy}/1" in capsys.readouterr().out
    assert call("status", "-s", "local", "--json") == code
    assert json.loads(capsys.readouterr().out)["healthy"] is bool(healthy)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], ((), None, 100, False)),
        (["worker", "scheduler", "--tail", "5"], (("worker", "scheduler"), None, 5, False)),
        (["worker", "--follow"], (("worker",), None, 100, True)),
        (["--since", "2024-05-01T12:00+00:00"], ((), NOW, None, False)),
    ],
)
def test_logs_are_lines_with_their_instance(
    fake: Fake, capsys: pytest.CaptureFixture[str], words: list[str], asked: tuple[Any, ...]
) -> None:
    """Rule: the last hundred unless asked otherwise, plain where no terminal is; Ctrl-C is how following ends."""
    assert call("logs", "-s", "local", *words) == 0
    assert fake.asked == [("logs", *asked)]
    assert capsys.readouterr().out == "worker-1 | hello\nworker-extra-1 | there\n"


def test_a_command_keeps_its_own_options(fake: Fake) -> None:
    """Rule: what follows is the command's, options that we have too, with and without --; its exit code is ours."""
    assert call("airflow", "-s", "local", "dags", "list", "-o", "json", "-s", "x", "--help") == 5
    assert call("airflow", "-s", "local", "--", "--version") == 5
    assert call("run", "-s", "local", "--cpu", "512", "--memory", "256", "--", "ls", "--memory", "1") == 6
    assert call("run", "-s", "local", "ls", "-s") == 6
    assert call("shell", "-s", "local", "worker", "ls", "-s") == 4
    assert call("shell", "-s", "local") == 4
    assert fake.asked == [
        ("airflow", ["airflow", "dags", "list", "-o", "json", "-s", "x", "--help"]),
        ("airflow", ["airflow", "--version"]),
        ("run", ["ls", "--memory", "1"], 512, 256),
        ("run", ["ls", "-s"], None, None),
        ("shell", "worker", ["ls", "-s"]),
        ("shell", "scheduler", []),
    ]


@pytest.mark.usefixtures("fake")
def test_an_interrupted_command_ends_as_a_shell_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: 130, and a word on what became of the command."""
    assert call("run", "-s", "local", "long") == 130
    assert capsys.readouterr().err == "interrupted: the command was ended\n"


def test_several_roles_are_scaled_or_none(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: all words are checked before the first is done."""
    call("scale", "-s", "local", "worker=4", "triggerer=0")
    assert fake.asked == [("scale", "worker", 4), ("scale", "triggerer", 0)]
    fake.asked.clear()
    assert call("scale", "-s", "local", "worker=4", "postgres=2") == 1
    assert call("scale", "-s", "local", "worker=4", "triggerer") == 1
    assert fake.asked == []
    assert "error: postgres can't be scaled." in capsys.readouterr().err


def test_restart_is_for_one_role(fake: Fake) -> None:
    """Rule: the role that is named."""
    call("restart", "-s", "local", "worker")
    assert fake.asked == [("restart", "worker")]


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: each verb answers --help with a line to copy."""
    assert call(verb, "--help") == 0
    assert f"Example: airflow-stack {verb} -s " in " ".join(capsys.readouterr().out.split())


WORDS = {
    "status": [], "logs": [], "shell": [], "airflow": ["version"], "run": ["ls"], "scale": ["worker=2"],
    "restart": ["worker"],
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_docker_that_is_stopped_is_a_sentence(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: no traceback, whatever was asked, and what to do."""
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    docker_engine.client.cache_clear()
    assert call(verb, "-s", "local", "-C", str(tmp_path), *WORDS[verb]) == 1
    assert "error: Docker does not answer" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _no_client_is_kept() -> Iterator[None]:
    yield
    docker_engine.client.cache_clear()


def completions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    monkeypatch.setenv("_AIRFLOW_STACK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    call()
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("airflow-stack status -s lo", ["load", "local"]),
        ("airflow-stack restart -s local w", ["webserver", "worker"]),
        ("airflow-stack scale -s local wor", ["worker="]),
        ("airflow-stack logs -s local tr", ["triggerer"]),
    ],
)
def test_stacks_and_roles_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, offered: list[str]
) -> None:
    """Rule: stacks by their files, roles by a list that asks nobody."""
    for name in ("local", "load", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert completions(monkeypatch, capsys, line) == offered


@pytest.mark.parametrize("words", [("restart", "slow"), ("scale", "slow=2")], ids=" ".join)
def test_ctrl_c_says_that_the_work_goes_on(
    fake: Fake,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    """Rule: 130, and a word on what becomes of what was begun."""
    assert call(words[0], "-s", "local", *words[1:]) == 130
    said = capsys.readouterr().err
    assert "interrupted: what has begun goes on without this command" in said
    assert "airflow-stack status -s local" in said


def test_what_docker_refuses_is_one_error(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """Rule: its words and what to do, and no traceback, whichever verb asked."""
    assert call("scale", "-s", "local", "broken=1") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: Docker refuses: error mounting /old: not a directory\n")
    assert "`airflow-stack up`" in said
