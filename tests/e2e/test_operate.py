"""Every verb on a stack that runs: it is left as it was found."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2e.session import Finished, poll
from e2e.stack import Stack, docker

HEALTHY_WITHIN = 180


def verb(stack: Stack, name: str, *words: str) -> Finished:
    return stack.cli(name, "-s", stack.name, *words)


def apart(stack: Stack, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb whose two streams matter."""
    command = stack.command(name, "-s", stack.name, *words)
    return subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False, timeout=600
    )


def roles(stack: Stack) -> dict[str, Any]:
    found = apart(stack, "status", "--json")
    return {role["role"]: role for role in json.loads(found.stdout)["roles"]}


@pytest.fixture
def unscaled(composed: Stack) -> Iterator[Stack]:
    """The shared stack, with its two workers again whatever a test has done."""
    yield composed
    verb(composed, "scale", "worker=2", "triggerer=1").check()
    assert composed.unhealthy() == []
    assert not (composed.state / "scaled.json").exists()


def test_status_of_a_stack_that_is_well(composed: Stack) -> None:
    """Rule: every role, its image, the tasks and the addresses; exit code 0; the same as JSON."""
    poll("all is healthy", lambda: composed.unhealthy() == [], HEALTHY_WITHIN)
    shown = verb(composed, "status").check().output
    assert f"Airflow:  {composed.url}" in shown
    assert "Flower:" in shown
    assert re.search(r"tasks: +\d+ running, \d+ queued", shown)
    found = json.loads(apart(composed, "status", "--json").stdout)
    assert found["healthy"] is True
    assert set(found["tasks"]) == {"running", "queued", "cut_off", "troubles"}
    own = composed.containers()
    assert {role["role"]: role["healthy"] for role in found["roles"]} == {
        "docker-socket-proxy": 1, "flower": 1, "postgres": 1, "proxy": 1, "redis": 1, "scheduler": 1, "triggerer": 1,
        "webserver": 1, "worker": 2,
    }  # fmt: skip
    versions = {role["role"]: role["version"] for role in found["roles"]}
    assert versions["scheduler"] == own["scheduler"]["Config"]["Image"].rpartition(":")[2]


def test_status_of_a_stack_that_is_not_well(composed: Stack) -> None:
    """Rule: exit code 1, and which container it is."""
    docker("stop", composed.container("proxy"))
    try:
        ended = verb(composed, "status")
        assert ended.code == 1
        assert "proxy is exited, with exit code" in ended.output
    finally:
        docker("start", composed.container("proxy"))
        poll("the proxy is healthy", lambda: "proxy" not in composed.unhealthy(), HEALTHY_WITHIN)


def test_airflow_prints_what_airflow_prints(composed: Stack) -> None:
    """Rule: its standard output byte for byte, its errors beside it, its exit code."""
    listed = apart(composed, "airflow", "dags", "list", "--output", "json")
    assert listed.returncode == 0
    assert "example_workers" in {dag["dag_id"] for dag in json.loads(listed.stdout)}
    wrong = apart(composed, "airflow", "dags", "lst")
    assert wrong.returncode == 2
    assert "invalid choice: 'lst'" in wrong.stdout + wrong.stderr


def test_logs_of_one_role_and_of_all(composed: Stack) -> None:
    """Rule: of the role that is named, by instance; of all, in the order of time; nothing older than asked for."""
    workers = apart(composed, "logs", "worker", "--tail", "3").stdout.splitlines()
    assert {line.partition(" ")[0] for line in workers} == {"worker-1", "worker-2"}
    assert len(workers) <= 6
    everything = {line.partition(" ")[0] for line in apart(composed, "logs").stdout.splitlines()}
    assert {"postgres", "redis", "scheduler", "worker-1", "init"} <= everything
    recent = apart(composed, "logs", "init", "--since", "0s").stdout
    assert recent == ""


def test_logs_are_followed_across_a_restart(composed: Stack) -> None:
    """Rule: new lines as they come, also of a container that has ended and started meanwhile; Ctrl-C ends it well."""
    command = composed.command("logs", "-s", composed.name, "redis", "--follow", "--since", "1h")
    with (composed.program / ".followed").open("w+") as log:
        process = subprocess.Popen(command, cwd=composed.program, env=composed.environment(), stdout=log, stderr=log)
        try:
            for number in range(2):
                docker("exec", composed.container("redis"), "sh", "-c", f"echo line-{number} >/proc/1/fd/1")
                poll("the line", partial(_holds, Path(log.name), f"redis | line-{number}"))
                if number == 0:
                    docker("restart", composed.container("redis"))
                    poll("redis is healthy", lambda: "redis" not in composed.unhealthy(), HEALTHY_WITHIN)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    text = Path(log.name).read_text()
    assert text.count("line-0") == text.count("line-1") == 1
    assert "Traceback" not in text
    poll("all is healthy", lambda: composed.unhealthy() == [], HEALTHY_WITHIN)


def _holds(file: Path, text: str) -> bool:
    return text in file.read_text()


def test_a_shell_on_a_terminal(composed: Stack) -> None:
    """Rule: a terminal of its own, Airflow's user with a home and a name, and the exit code of the shell."""
    main, ours = pty.openpty()
    command = composed.command("shell", "-s", composed.name, "worker")
    process = subprocess.Popen(
        command, cwd=composed.program, env=composed.environment(), stdin=ours, stdout=ours, stderr=ours,
        start_new_session=True,
    )  # fmt: skip
    os.close(ours)
    os.write(main, b"tty; echo home=$HOME; hostname; exit 9\n")
    text = b""
    while chunk := _read(main):
        text += chunk
    assert process.wait(timeout=60) == 9
    assert b"/dev/pts/" in text
    assert b"home=/home/airflow" in text
    assert composed.container("worker-1").encode() in text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that the other side has closed it
        return b""


def test_a_command_in_a_shell_s_place(composed: Stack) -> None:
    """Rule: without a terminal it is a command like any other; servers have a shell too."""
    assert apart(composed, "shell", "postgres", "psql", "--version").stdout.startswith("psql (PostgreSQL)")
    assert verb(composed, "shell", "triggerer", "sh", "-c", "exit 4").code == 4


def one_offs(stack: Stack) -> list[str]:
    label = f"label=airflow-stack.stack={stack.name}"
    own = docker("ps", "--all", "--filter", label, "--filter", "label=airflow-stack.service=one-off", "--quiet")
    return own.split()


def test_a_command_of_its_own_size(composed: Stack) -> None:
    """Rule: image, environment, mounts, networks and secrets of a worker, and the size that was asked for."""
    limits = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"
    script = f"{limits}; ls dags; cat /run/secrets/fernet_key | wc -c; getent hosts $1 >/dev/null && echo found; exit 7"
    broker = composed.container("redis")
    ended = apart(composed, "run", "--memory", "300", "--cpu", "512", "--", "bash", "-c", script, "sh", broker)
    assert ended.returncode == 7, ended.stderr
    lines = ended.stdout.split()
    assert lines[0] == str(300 * 1024**2)
    assert "example_workers.py" in lines
    assert lines[-2:] == ["44", "found"]
    assert one_offs(composed) == []


def test_a_command_that_needs_more_memory_says_so(composed: Stack) -> None:
    """Rule: killed for its memory: which size it had, and the option that gives it more."""
    ended = verb(composed, "run", "--memory", "64", "--", "python3", "-c", "b = b'x' * 400_000_000; print(len(b))")
    assert ended.code == 1
    assert "the command needed more than its 64 MiB of memory.\nGive it more: --memory" in ended.output
    assert one_offs(composed) == []


@pytest.mark.parametrize("words", [["run", "--", "sleep", "777"], ["execute", "sleep", "778"]], ids=["run", "exec"])
def test_an_interrupted_command_ends(composed: Stack, words: list[str]) -> None:
    """Rule: Ctrl-C ends the command in its container too, not only our waiting for it; a container of its own goes."""
    seconds = words[-1]
    if words[0] == "run":
        command = composed.command("run", "-s", composed.name, *words[1:])
    else:
        # `airflow` takes no command but Airflow's: what it stands on is asked itself.
        code = (
            "import sys; from pathlib import Path; from airflow_stack.operations.running import find;"
            f"find(Path(), '{composed.name}').relay(['sleep', '{seconds}'], print)"
        )
        command = [*composed.command()[:-1], code]
    process = subprocess.Popen(
        command, cwd=composed.program, env=composed.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        poll("the command runs", lambda: sleeps(seconds))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        poll("the command ends", lambda: not sleeps(seconds))
    finally:
        process.kill()
        assert process.stdout is not None
        process.stdout.close()
    assert one_offs(composed) == []


def test_a_check_of_dags_asks_the_stack_that_is_up(composed: Stack) -> None:
    """Rule: with --running, the names in the stack's database count; the stack stays as it is."""
    dag = composed.program / "dags" / "asks.py"
    dag.write_text('from airflow.models import Variable\nDAYS = int(Variable.get("of_the_stack"))  # of a dag\n')
    command = ["dags", "check", "-s", composed.name, "--slow", "60", "--strict"]
    composed.api().call("POST", "/variables", {"key": "of_the_stack", "value": "3"})
    try:
        assert composed.cli(*command).code == 1
        composed.cli(*command, "--running").check()
    finally:
        dag.unlink()
        composed.api().call("DELETE", "/variables/of_the_stack")
    assert not docker("ps", "--all", "--quiet", "--filter", f"label=airflow-stack.dags={composed.name}").strip()


def sleeps(seconds: str) -> bool:
    """Whether such a command runs in any container of this machine."""
    wanted = ["sleep", seconds]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_text().split("\0")[:2] == wanted:
                return True
        except OSError:
            continue
    return False


def test_workers_are_scaled_to_three_and_back(unscaled: Stack) -> None:
    """Rule: one more worker that works, like the others but for its name; and it goes when it is too many."""
    stack = unscaled
    said = verb(stack, "scale", "worker=3").check().output
    assert "worker-extra-1 is healthy" in said
    assert "airflow-stack:worker.count: 3 makes it last" in said
    found = stack.containers()
    extra, first = found["worker-extra-1"], found["worker-1"]
    assert extra["Config"]["Env"] == first["Config"]["Env"]
    assert extra["Config"]["Labels"]["airflow-stack.extra"] == "true"
    for key in ("Binds", "Memory", "MemorySwap", "RestartPolicy", "SecurityOpt", "GroupAdd"):
        assert extra["HostConfig"][key] == first["HostConfig"][key]
    assert set(extra["NetworkSettings"]["Networks"]) == set(first["NetworkSettings"]["Networks"])
    ping = stack.exec(
        "worker-1", "celery", "--app", "airflow.providers.celery.executors.celery_executor.app", "inspect", "ping"
    )
    assert stack.container("worker-extra-1") in ping
    assert (roles(stack)["worker"]["desired"], roles(stack)["worker"]["healthy"]) == (3, 3)
    verb(stack, "scale", "worker=2").check()
    assert "worker-extra-1" not in stack.containers()
    assert stack.unhealthy() == []


def test_fewer_stay_fewer_until_the_next_up(unscaled: Stack) -> None:
    """Rule: a role at less than the config says is well, and `up` brings all of it back."""
    stack = unscaled
    verb(stack, "scale", "worker=1", "triggerer=0").check()
    assert stack.unhealthy() == ["triggerer", "worker-2"]
    found = roles(stack)
    assert (found["worker"]["healthy"], found["triggerer"]["healthy"]) == (1, 0)
    assert verb(stack, "status").code == 0
    verb(stack, "scale", "worker=3").check()
    stack.up(compose=True)
    assert stack.unhealthy() == []
    assert set(stack.containers()) >= {"worker-1", "worker-2", "triggerer"}
    assert "worker-extra-1" not in stack.containers()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scale", "postgres=2"), "postgres can't be scaled: there is one of it in a stack of this machine."),
        (("scale", "scheduler=2"), "scheduler can be 0 or 1 on this machine, and not 2"),
        (("restart", "wroker"), "has no role 'wroker'. Did you mean worker?"),
        (("restart", "init"), "no container of init runs that could be restarted: it runs to its end at each `up`"),
        (("logs", "schedular"), "Did you mean scheduler?"),
        (("shell", "init"), "no container of init runs."),
        (("run", "--memory", "10", "--", "ls"), "--memory 10: 64 MiB are the least."),
        (("run", "--cpu", "9999999", "--", "ls"), "--cpu 9999999: this machine has 1 to"),
    ],
)
def test_what_can_not_be_is_a_sentence(composed: Stack, words: tuple[str, ...], said: str) -> None:
    """Rule: exit code 1, one sentence, no traceback, nothing changed."""
    before = composed.containers()
    ended = verb(composed, *words)
    assert ended.code == 1
    assert f"error: {said}" in ended.output or said in ended.output
    assert "Traceback" not in ended.output
    assert {service: one["Id"] for service, one in composed.containers().items()} == {
        service: one["Id"] for service, one in before.items()
    }


def test_a_restart_is_one_after_the_other(composed: Stack) -> None:
    """Rule: each worker has started anew, the second after the first was healthy again."""
    before = composed.containers()
    said = verb(composed, "restart", "worker").check().output.splitlines()
    assert said == ["restarting worker-1", "worker-1 is healthy", "restarting worker-2", "worker-2 is healthy"]
    after = composed.containers()
    for service in ("worker-1", "worker-2"):
        assert after[service]["Id"] == before[service]["Id"]
        assert after[service]["State"]["StartedAt"] > before[service]["State"]["StartedAt"]
    assert composed.unhealthy() == []


def test_a_stack_that_is_not_up_is_a_sentence(composed: Stack) -> None:
    """Rule: what brings it up, for every verb."""
    other = composed.file.with_name("Pulumi.notup.yaml")
    other.write_text("config:\n  airflow-stack:target: {prefix: notup}\n")
    for words in (["status"], ["logs"], ["shell"], ["airflow", "version"], ["run", "ls"], ["restart", "worker"],
                  ["scale", "worker=1"]):  # fmt: skip
        ended = composed.cli(words[0], "-s", "notup", *words[1:])
        assert ended.code == 1
        assert "error: stack 'notup' is not up.\nBring it up: airflow-stack up -s notup" in ended.output
    other.unlink()
