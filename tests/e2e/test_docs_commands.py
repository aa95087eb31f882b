"""The commands of README.md and docs/ that need a stack: word for word, but for its name."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
from collections.abc import Iterator

import pytest
from docs.commands import ON_PULUMI_STACK, ON_STACK
from docs.markdown import ROOT, block

from e2e.conftest import Shared, engine_tests
from e2e.session import poll
from e2e.stack import Stack

PASSPHRASE = "correct horse battery staple"
ORDERS = """\
import pendulum
from airflow.decorators import dag, task


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1))
def orders():
    @task
    def read(dag_run=None) -> None:
        assert dag_run.conf == {"full": True}

    read()


orders()
"""
CONNECTIONS = ("my_db", "my_api")
GIVEN = {
    "dags/orders.py": ORDERS,
    "dags/big.py": "print('a large one')\n",
    "variables.yaml": "days: 3\n",
    "connections.yaml": block(
        ROOT / "docs" / "connections.md", "my_db: postgres://report:pass%40word@db.example.com:5432/main"
    ),
    "dags/hello.py": block(ROOT / "docs" / "dags.md", "import pendulum"),
}
"""Files that the pages have their reader make: as they show them, where they do."""


@pytest.fixture(scope="module")
def place(_composed: None, shared: Shared) -> Iterator[Stack]:
    """The shared stack with those files, and as it was in the end."""
    stack = shared.stack
    for name, content in GIVEN.items():
        (stack.program / name).write_text(content)
    (stack.program / "connections.json").write_text("{}")
    yield stack
    stack.cli("scale", "-s", stack.name, "worker=2").check()
    for name in ("connections.json", *GIVEN):
        (stack.program / name).unlink()
    for file in stack.program.glob("airflow-backup-*"):
        file.unlink()
    api = stack.api()
    there = {one["connection_id"] for one in api.call("GET", "/connections?limit=100")["connections"]}
    for connection in there.intersection(CONNECTIONS):
        api.call("DELETE", f"/connections/{connection}")
    for dag in api.dags().keys() & {"hello", "orders"}:
        api.call("DELETE", f"/dags/{dag}")
    assert stack.unhealthy() == []


def environment(stack: Stack) -> dict[str, str]:
    """Of a reader who has put .venv/bin on the path."""
    base = stack.environment()
    return base | {"PATH": f"{stack.program / '.venv' / 'bin'}{os.pathsep}{base['PATH']}", "STACK": stack.name}


def named(text: str, stack: Stack) -> str:
    return re.sub(r"\blocal\b", stack.name, text)


@pytest.mark.parametrize("text", ON_STACK)
def test_it_runs(place: Stack, text: str) -> None:
    """Rule: each ends well."""
    if "| jq " in text and shutil.which("jq") is None:
        pytest.skip("jq is missing")
    if "dags unpause" in text:
        api = place.api()
        poll("the DAG of the page is there", lambda: "hello" in api.dags())
    if "--follow" in text:
        followed(place, text)
    elif " backup " in text:
        assert list(place.program.glob("airflow-backup-*")) == []
        typed(place, text, PASSPHRASE)
        assert len(list(place.program.glob("airflow-backup-*"))) == 1
    else:
        place.run(["bash", "-c", named(text, place)], environment(place)).check()
    if "dags trigger" in text:
        poll("its run succeeds", lambda: states(place) == ["success"])


def states(stack: Stack) -> list[str]:
    runs = stack.api().call("GET", "/dags/hello/dagRuns")["dag_runs"]
    return [run["state"] for run in runs if run["run_type"] == "manual"]


def followed(stack: Stack, text: str) -> None:
    """Until it has printed something; then Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        pytest.skip("a shell has started the tests in the background: they, and what they start, ignore Ctrl-C")
    log = stack.program / ".output-followed"
    command = ["bash", "-c", named(text, stack)]
    process = stack.session.start(command, stack.program, environment(stack), log)
    try:
        poll("lines of both workers", lambda: len(log.read_text().splitlines()) >= 2)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        stack.session.ended(process)
        stack.outputs.append(log.read_text())


def typed(stack: Stack, text: str, answer: str) -> None:
    """On a terminal, with the same answer to each question."""
    main, ours = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", named(text, stack)], cwd=stack.program, env=environment(stack), stdin=ours, stdout=ours,
        stderr=ours, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),
    )  # fmt: skip
    os.close(ours)
    said = b""
    while chunk := _read(main):
        said += chunk
        if said.endswith(b": "):
            os.write(main, f"{answer}\n".encode())
    os.close(main)
    assert process.wait(timeout=120) == 0, said.decode()
    assert answer.encode() not in said


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that the other side has closed it
        return b""


@pytest.fixture
def installed(pulumied: Stack) -> Iterator[Stack]:
    """With a .venv that `make` finds complete; the real one is everybody's."""
    venv = pulumied.program / ".venv"
    real = venv.readlink()
    venv.unlink()
    venv.mkdir()
    for entry in real.iterdir():
        if entry.name not in ("runtime", "dev"):
            (venv / entry.name).symlink_to(entry)
    (venv / "runtime").touch()
    yield pulumied
    shutil.rmtree(venv)
    venv.symlink_to(real)


@engine_tests
def test_the_commands_on_a_stack_of_pulumi(installed: Stack) -> None:
    """Rule: typed into one shell, they end well, and there is nothing to do."""
    script = "\n".join(["set -e", *(named(text, installed) for text in ON_PULUMI_STACK)])
    output = installed.run(["bash", "-c", script], environment(installed)).check().output
    assert re.search(r"ready in \d+ s", output)
    assert "unchanged" in output
