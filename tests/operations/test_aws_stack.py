"""Verbs of local stacks, asked of one on AWS: one clear sentence, and nothing done."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack import cli

FILE = """# Head.
config:
  airflow-stack:target:
    kind: aws
    region: us-east-1
    load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack file of AWS, and no Docker, Pulumi or terminal to go with it."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(FILE)
    for engine in ("lifecycle.ensure_engine", "lifecycle.PulumiCli.find"):
        monkeypatch.setattr(f"airflow_stack.operations.{engine}", lambda *_: pytest.fail("Docker or Pulumi was asked"))
    monkeypatch.setattr("airflow_stack.operations.init.run.PulumiCli.find", lambda *_: None)
    return tmp_path


def run(
    words: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["airflow-stack", *words.split(), "-s", "prod", "-C", str(project)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    return int(exit_.value.code or 0), printed.out + printed.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("compose", "error: stack 'prod' runs on AWS: a Compose file is for stacks of this machine."),
        ("up", "Use: pulumi up --stack prod"),
        ("up --compose", "Use: pulumi up --stack prod"),
        ("down", "Use: pulumi destroy --stack prod"),
        ("database-sql", "has its database in RDS"),
        ("init", "the questions are about stacks of this machine"),
    ],
)
def test_a_verb_of_this_machine_says_what_is_for_aws(
    words: str, message: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no Docker, no file changed."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, text = run(words, project, monkeypatch, capsys)
    assert code != 0
    assert message in text
    assert "Traceback" not in text
    assert (project / "Pulumi.prod.yaml").read_text() == FILE


def test_answers_by_option_are_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options do what the questions do not: the model of AWS checks them, and the next step is a preview."""
    code, text = run("init --set target.worker.max=4 --set database.multi_az=true", project, monkeypatch, capsys)
    assert code == 0
    assert "next: pulumi preview --stack prod" in text
    written = (project / "Pulumi.prod.yaml").read_text()
    assert "max: 4" in written
    assert "multi_az: true" in written
    assert "# Head." in written
    code, text = run("init --set target.worker.max=0", project, monkeypatch, capsys)
    assert code == 2
    assert "airflow-stack:target.worker.max: must be at least 1" in text


def test_sql_for_an_external_server_is_printed_for_aws_too(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that is already there is the same for both targets."""
    (project / "Pulumi.prod.yaml").write_text(
        FILE + "  airflow-stack:database: {kind: external}\n  airflow-stack:database_url: {secure: AAAB}\n"
    )
    code, text = run("database-sql", project, monkeypatch, capsys)
    assert code == 0
    assert "CREATE DATABASE" in text
