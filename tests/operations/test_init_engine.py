"""`airflow-stack init` through the real Pulumi command line, with a state and a passphrase of its own."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import pytest

from airflow_stack import cli
from airflow_stack.operations.pulumi_cli import PulumiCli

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi command line is not on PATH"),
]

SECRET = "hunter2-hunter2"
OTHER = "another-secret-of-8"
FILE = """\
# The head.
config:
  # About workers.
  airflow-stack:worker: # why
    count: 2 # as many as cores
    # Tasks.
    concurrency: 4
# The tail.
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's directory, for a user who has chosen neither a backend nor a passphrase."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text(FILE)
    for variable in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE",
                     "PULUMI_CONFIG_PASSPHRASE_FILE"):  # fmt: skip
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi-home"))
    return tmp_path


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line: exit code, and all that it prints. No secret may be in that."""

    def call(*arguments: str, stdin: str = "", stack: str = "local") -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["airflow-stack", "init", "-s", stack, "-C", str(project), *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        printed = "".join(capfd.readouterr())
        assert SECRET not in printed
        assert OTHER not in printed
        return int(exit_.value.code or 0), printed

    return call


def secret(project: Path, key: str, stack: str = "local") -> str:
    """A secret as Pulumi decrypts it."""
    pulumi = PulumiCli.find(project, stack)
    assert pulumi is not None
    command = [pulumi.command, "config", "get", f"airflow-stack:{key}", "--stack", stack]
    return subprocess.check_output(command, cwd=project, env=pulumi.environment, text=True).rstrip("\n")


def test_answers_change_their_keys_and_nothing_else(run: Run, project: Path) -> None:
    """Comments stay, types are kept, and no salt comes in where nothing is encrypted."""
    answers = ["--set", "worker.count=3", "--set", "flower.port=", "--set", "target.prefix=123", "--set",
               "airflow.options.core.parallelism=9", "--set", "hardened=true"]  # fmt: skip
    assert run(*answers)[0] == 0
    text = (project / "Pulumi.local.yaml").read_text()
    assert text.startswith(FILE.replace("count: 2", "count: 3").removesuffix("# The tail.\n"))
    assert text.endswith("# The tail.\n")
    assert "encryptionsalt" not in text
    config = models.local_file(project)
    assert (config.worker.count, config.flower.port, config.target.prefix, config.hardened) == (3, None, "123", True)
    assert config.airflow.options == {"core": {"parallelism": 9}}
    run(*answers)
    assert (project / "Pulumi.local.yaml").read_text() == text


def test_a_new_stack_and_the_way_back_to_its_defaults(run: Run, project: Path) -> None:
    """The head of the file stays, and a section that is left empty goes."""
    assert run("--set", "worker.count=3", "--set", "proxy.port=81", stack="staging")[0] == 0
    assert run("--set", "worker.count=2", stack="staging")[0] == 0
    text = (project / "Pulumi.staging.yaml").read_text()
    assert text.startswith("# yaml-language-server")
    assert text.endswith("config:\n  airflow-stack:proxy:\n    port: 81\n")


def test_a_secret_is_encrypted_and_kept_by_a_second_run(run: Run, project: Path) -> None:
    """With the salt of the stack beside it; its value is in no file in clear."""
    code, text = run("--secret", "admin_password=-", stdin=f"{SECRET}\n")
    assert (code, "admin_password: [secret]" in text, "keep a copy" in text) == (0, True, True)
    before = (project / "Pulumi.local.yaml").read_bytes()
    salt = (project / ".airflow-stack/local/encryptionsalt").read_text()
    assert f"encryptionsalt: {salt}" in before.decode()
    assert secret(project, "admin_password") == SECRET
    assert not any(SECRET.encode() in path.read_bytes() for path in project.rglob("*") if path.is_file())
    code, text = run("--secret", "admin_password=-", stdin=OTHER)
    assert (code, "exists and was kept" in text) == (0, True)
    assert (project / "Pulumi.local.yaml").read_bytes() == before


def test_a_secret_is_replaced_when_the_user_names_and_confirms_it(run: Run, project: Path) -> None:
    """And only that one."""
    run("--secret", "admin_password=-", stdin=SECRET)
    run("--secret", "webserver_secret_key=-", stdin=SECRET)
    replace = ["--secret", "admin_password=-", "--replace-secret", "admin_password", "--yes"]
    assert run(*replace, stdin=OTHER)[0] == 0
    assert secret(project, "admin_password") == OTHER
    assert secret(project, "webserver_secret_key") == SECRET


def test_no_secret_is_on_a_command_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every user of the machine reads it."""
    commands: list[list[str]] = []
    original = subprocess.run

    def spy(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return original(command, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    assert run("--secret", "admin_password=-", stdin=SECRET)[0] == 0
    assert any("--secret" in command for command in commands)
    assert SECRET not in str(commands)


def test_a_secret_that_this_machine_has_kept_is_enough(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL that was given before there was a Pulumi moves into the config with the first run that has one."""
    url = f"postgresql://airflow:{SECRET}@db/airflow"
    with monkeypatch.context() as without:
        without.setattr(PulumiCli, "find", lambda *_: None)
        answers = ["--set", "database.kind=external"]
        assert run(*answers, "--secret", "database_url=-", stdin=url)[0] == 0
    assert run("--yes")[0] == 0
    assert secret(project, "database_url") == url


@pytest.mark.parametrize("new", [False, True])
def test_a_failure_of_pulumi_leaves_the_file_as_it_was(run: Run, project: Path, new: bool) -> None:
    """Here a passphrase that does not open the stack."""
    run("--secret", "admin_password=-", stdin=SECRET)
    path = project / "Pulumi.local.yaml"
    before = path.read_bytes()
    (project / ".airflow-stack/passphrase").write_text("wrong")
    stack = "other" if new else "local"
    if new:
        (project / "Pulumi.yaml").write_text("not a project")
    code, text = run("--set", "worker.count=7", "--secret", "webserver_secret_key=-", stdin=OTHER, stack=stack)
    assert code == 1
    assert "failed" in text
    assert path.read_bytes() == before
    assert not (project / "Pulumi.other.yaml").exists()
