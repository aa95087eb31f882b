"""`dags check` and `dags test`: no stack is up. A file's name in broken_dags/ is the assertion."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.session import Session, poll
from e2e.stack import VERSION, Stack, docker

pytestmark = pytest.mark.usefixtures("images")

FILES = sorted((Path(__file__).parent / "broken_dags").glob("*.dag"))
"""SEVERITY.KIND.whatever, or ok.whatever. The line of the finding says `# here`, where there is one."""

CONFIG = {"airflow": {"options": {"core": {"dagbag_import_timeout": 10, "dag_file_processor_timeout": 15}}}}
LABEL = "label=airflow-stack.dags"
PASSWORD = "hunter2hunter2"


def report(output: str) -> dict[str, Any]:
    """The JSON that follows the words about progress."""
    found: dict[str, Any] = json.loads(output[output.index("\n{\n") :])
    return found


def left(stack: Stack) -> list[str]:
    """What a command has left behind: containers, and files with what was given to it."""
    containers = docker("ps", "--all", "--quiet", "--filter", f"{LABEL}={stack.name}").split()
    return containers + [path.name for path in (stack.program / ".airflow-stack").glob("dags-*")]


@pytest.fixture(scope="module")
def place(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A project whose stack is never up, with connections and variables in files."""
    stack = Stack(session, tmp_path_factory.mktemp("dags"), CONFIG)
    (stack.program / "connections.yaml").write_text(
        f"given_connection:\n  conn_type: postgres\n  host: db.example.com\n  password: {PASSWORD}\n"
    )
    (stack.program / "variables.json").write_text('{"given_variable": "forty-two", "given_object": {"days": 3}}')
    yield stack
    assert left(stack) == []


@dataclass(frozen=True)
class Checked:
    """A check of all the files of broken_dags/."""

    code: int
    output: str
    findings: list[dict[str, Any]]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if Path(finding["file"]).stem == name]


@pytest.fixture(scope="module")
def checked(session: Session, place: Stack, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    stack = Stack(session, tmp_path_factory.mktemp("broken"), CONFIG)
    for folder in ("config", "plugins"):
        (stack.program / folder).mkdir(exist_ok=True)
    for file in FILES:
        shutil.copy(file, stack.program / "dags" / f"{file.stem}.py")
    (stack.program / "dags" / "broken_helper.py").write_text("def help():\n    return missing\n\n\nhelp()\n")
    (stack.program / "config" / "from_config.py").write_text('TAG = "config"\n')
    (stack.program / "plugins" / "from_plugins.py").write_text('TAG = "plugins"\n')
    (stack.program / "plugins" / "broken_plugin.py").write_text("import a_library_that_nobody_has\n")
    (stack.program / "plugins" / "exiting_plugin.py").write_text("import os\nos._exit(3)\n")
    given = ["--connections", str(place.program / "connections.yaml"),
             "--variables", str(place.program / "variables.json")]  # fmt: skip
    result = stack.cli("dags", "check", "-s", stack.name, "--json", "--slow", "1.4", *given)
    assert left(stack) == []
    return Checked(result.code, result.output, report(result.output)["findings"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_name_says_what_is_found(checked: Checked, file: Path) -> None:
    """Rule: a file has the one finding that its name says, at the line that says so, and no other one has."""
    severity, kind, *_ = file.stem.split(".")
    # A busy machine is slow with every file; that the slow one is found is what counts.
    found = [each for each in checked.of(file.stem) if kind == "slow" or each["kind"] != "slow"]
    if "broken_helper" in file.read_text():
        found = checked.of("broken_helper")
        assert found[0]["line"] == 2
    if severity == "ok":
        assert found == []
        return
    assert [(each["severity"], each["kind"]) for each in found] == [(severity, kind)]
    marked = [number for number, line in enumerate(file.read_text().splitlines(), 1) if "# here" in line]
    assert not marked or found[0]["line"] == marked[0]


def test_broken_files_fail_the_check(checked: Checked) -> None:
    """Rule: exit code 1, broken plugins are found too, and a given secret is nowhere."""
    assert checked.code == 1
    assert [each["kind"] for each in checked.of("broken_plugin")] == ["plugin"]
    assert [each["kind"] for each in checked.of("exiting_plugin")] == ["crash"]
    assert PASSWORD not in checked.output


def test_the_examples_pass(place: Stack) -> None:
    """Rule: the DAGs of this repository pass, in words a person reads, and in a container of the stack's own image."""
    result = place.cli("dags", "check", "-s", place.name, "--strict", "--slow", "60").check()
    assert re.search(r"4 DAGs in 4 files: 0 errors, 0 warnings; slowest import \d", result.output)
    assert f"airflow-stack/airflow:{VERSION}-" in result.output
    assert left(place) == []


def test_a_file_that_ends_its_process_is_not_run(place: Stack) -> None:
    """Rule: `dags test` says what becomes of the file that holds the DAG's name."""
    dag = place.program / "dags" / "exits.py"
    dag.write_text("# airflow DAG exiting\nimport os\nos._exit(3)\n")
    try:
        result = place.cli("dags", "test", "exiting", "-s", place.name)
    finally:
        dag.unlink()
    assert result.code == 1
    assert "dags/exits.py: error: the import ends the whole process, with exit code 3" in result.output


def test_local_settings_that_raise(place: Stack) -> None:
    """Rule: one error with its line, for a check and for a run; the DAGs are checked without them."""
    settings = place.program / "config" / "airflow_local_settings.py"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('raise RuntimeError("the settings raise")\n')
    try:
        for command in (["check"], ["test", "example_deferrable"]):
            result = place.cli("dags", *command, "-s", place.name)
            assert result.code == 1
            assert (
                "config/airflow_local_settings.py:1: error: no role of the stack starts: RuntimeError: the settings"
                in (result.output)
            )
            assert "Traceback" not in result.output
            assert "4 DAGs in 4 files" in result.output or command != ["check"]
    finally:
        settings.unlink()


def test_missing_names_fail_a_strict_check(place: Stack) -> None:
    """Rule: a missing variable is a warning, and an error with --strict; a given one is neither."""
    dag = place.program / "dags" / "asks.py"
    dag.write_text('from airflow.models import Variable\nDAYS = Variable.get("given_variable")  # of a dag\n')
    try:
        result = place.cli("dags", "check", "-s", place.name).check()
        assert "dags/asks.py:2: warning: variable given_variable is missing" in result.output
        assert place.cli("dags", "check", "-s", place.name, "--strict").code == 1
        place.cli(
            "dags", "check", "-s", place.name, "--strict", "--slow", "60", "--variables", "variables.json"
        ).check()
    finally:
        dag.unlink()


def test_the_dags_of_a_stack_on_aws(place: Stack) -> None:
    """Rule: a stack on AWS is checked here too, without credentials."""
    place.cli("dags", "check", "-s", "prod", "--slow", "60").check()


@pytest.mark.parametrize("dag", ["example_connection", "example_deferrable"])
def test_an_example_runs(place: Stack, dag: str) -> None:
    """Rule: a run without a stack; its log is seen, and nothing of it stays."""
    result = place.cli("dags", "test", dag, "-s", place.name).check()
    assert f"{dag} succeeded: " in result.output
    assert "DagRun Finished" in result.output
    assert left(place) == []


def test_an_example_that_needs_docker(place: Stack) -> None:
    """Rule: the run fails, with exit code 1 and a sentence that says what is not there."""
    result = place.cli("dags", "test", "example_docker_operator", "-s", place.name)
    assert result.code == 1
    assert "There is no Docker in here, and answer needs it" in result.output
    assert left(place) == []


GREETING = """
import pendulum
from airflow.decorators import dag, task
from airflow.hooks.base import BaseHook
from airflow.models import Variable


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1))
def greeting():
    @task
    def greet(logical_date=None, params=None, dag_run=None):
        password = BaseHook.get_connection("given_connection").password
        print(f"{Variable.get('given_variable')} on {logical_date:%Y-%m-%d}: {dag_run.conf['word']}, {len(password)}")

    greet()


greeting()
"""


def test_a_run_with_everything(place: Stack) -> None:
    """Rule: date, configuration, connections and variables reach the run."""
    dag = place.program / "dags" / "greeting.py"
    dag.write_text(GREETING)
    try:
        result = place.cli(
            "dags", "test", "greeting", "-s", place.name, "--date", "2026-01-31", "--conf", '{"word": "hello"}',
            "--connections", "connections.yaml", "--variables", "variables.json",
        ).check()  # fmt: skip
    finally:
        dag.unlink()
    assert f"forty-two on 2026-01-31: hello, {len(PASSWORD)}" in result.output
    assert PASSWORD not in result.output


SLEEPER = """
import time
import pendulum
from airflow.decorators import dag, task


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1))
def sleeper():
    @task
    def sleep():
        print("asleep")
        time.sleep(600)

    sleep()


sleeper()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(place: Stack, tmp_path: Path, number: int) -> None:
    """Rule: Ctrl-C, and the SIGTERM of a cancelled job, take the container and the given files along."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("a shell has started the tests in the background: they, and what they start, ignore Ctrl-C")
    dag = place.program / "dags" / "sleeper.py"
    dag.write_text(SLEEPER)
    log = tmp_path / "log"
    command = place.command("dags", "test", "sleeper", "-s", place.name, "--connections", "connections.yaml")
    process = place.session.start(command, place.program, place.environment(), log)
    try:
        poll("the task sleeps", lambda: "asleep" in log.read_text(errors="replace") or process.poll() is not None, 240)
        assert process.poll() is None, log.read_text(errors="replace")
        shown = docker("inspect", *docker("ps", "--quiet", "--filter", f"{LABEL}={place.name}").split())
        assert PASSWORD not in shown
        assert json.loads(shown)[0]["Config"]["User"].split(":")[0] not in ("", "0")
        os.kill(process.pid, number)
        process.wait(60)
    finally:
        dag.unlink()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        place.session.ended(process)
    assert process.returncode not in (0, None)
    assert left(place) == []


def test_no_such_dag(place: Stack) -> None:
    """Rule: a DAG that is not there is answered with those that are."""
    result = place.cli("dags", "test", "exmaple_deferrable", "-s", place.name)
    assert result.code == 1
    assert "there is no DAG 'exmaple_deferrable'" in result.output
    assert "example_deferrable" in result.output.partition("The DAGs are:")[2]


@pytest.mark.parametrize("command", [["check"], ["test", "example_deferrable"]])
def test_docker_stopped(place: Stack, command: list[str]) -> None:
    """Rule: without an engine one sentence says so, and how to start one."""
    environment = place.environment() | {"DOCKER_HOST": f"unix://{place.program}/nobody.sock"}
    result = place.run(place.command("dags", *command, "-s", place.name), environment)
    assert result.code == 1
    assert "Docker does not answer" in result.output
    assert "Traceback" not in result.output
