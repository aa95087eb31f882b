"""What a stack file is, before any section's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack import cli
from airflow_stack.config import ConfigError, LocalConfig, read_stack_file
from airflow_stack.config.load import raw_from_yaml
from config.rows import Row, table


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code of the command line, and all that it has printed."""
    monkeypatch.setattr("sys.argv", ["airflow-stack", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    return int(exit_.value.code or 0), printed.out + printed.err


@pytest.mark.parametrize(
    ("text", "message", "example"),
    [
        pytest.param(
            "config: [airflow-stack:worker]\n",
            "must be a mapping with the key 'config', itself a mapping",
            "config: {airflow-stack:worker: {count: 2}}",
            id="config-is-a-list",
        ),
        pytest.param(
            "- airflow-stack:worker\n",
            "must be a mapping with the key 'config', itself a mapping",
            "config: {airflow-stack:worker: {count: 2}}",
            id="file-is-a-list",
        ),
        pytest.param(
            "two workers, please\n",
            "must be a mapping with the key 'config', itself a mapping",
            "config: {airflow-stack:worker: {count: 2}}",
            id="file-is-a-sentence",
        ),
        pytest.param(
            "config:\n  airflow-stack:worker: {count: 2}\n  airflow-stack:worker: {count: 3}\n",
            "has a key for the second time at line 3, column 3",
            "",
            id="key-twice",
        ),
        pytest.param(
            "config:\n  worker: {count: 2}\n",
            "the key 'worker' is not NAMESPACE:KEY",
            "airflow-stack:worker",
            id="key-without-namespace",
        ),
        pytest.param(
            "config:\n  'airflow-stack:': 1\n",
            "the key 'airflow-stack' is not NAMESPACE:KEY",
            "airflow-stack:worker",
            id="section-with-nothing-after-namespace",
        ),
        pytest.param(
            "config: !!python/object:os.system {}\n",
            "is not valid YAML at line 1, column 9",
            "",
            id="yaml-with-python-object",
        ),
    ],
)
def test_what_is_no_stack_file_is_to_be_edited(text: str, message: str, example: str) -> None:
    """It says what it is not; no command changes a file that can't be read."""
    with pytest.raises(ConfigError) as error:
        raw_from_yaml(text, "Pulumi.local.yaml")
    (problem,) = error.value.problems
    assert (problem.key, problem.message, problem.example) == ("", message, example)
    assert problem.mend == "edit Pulumi.local.yaml"


@pytest.mark.parametrize(
    "text", ["", "config:\n", "encryptionsalt: v1:AAAA\nconfig: {docker:host: unix:///docker.sock}\n"]
)
def test_a_file_without_keys_of_the_stack_is_all_defaults(text: str, tmp_path: Path) -> None:
    """Other providers' keys are theirs."""
    (tmp_path / "Pulumi.local.yaml").write_text(text, encoding="utf-8")
    assert read_stack_file(tmp_path, "local") == (LocalConfig(), set())


@table(
    Row(
        "key-is-not-text",
        "worker: {1: 2}",
        "worker[1]",
        "is not a key: keys are text",
        '{"concurrency": 4}',
        fix="edit",
    ),
    Row(
        "section-as-list",
        "worker: [count, 2]",
        "worker",
        "must be a mapping of keys to values",
        '{"concurrency": 4}',
        fix="edit",
    ),
    Row("section-empty", "worker:", "worker", "must be a mapping of keys to values", '{"concurrency": 4}', fix="edit"),
    Row("section-as-scalar", "proxy: 80", "proxy", "must be a mapping of keys to values", '{"port": 8080}', fix="edit"),
    Row(
        "unknown-section", "workers: {count: 2}", "workers", "there is no such key; did you mean worker?", fix="remove"
    ),
)
def test_sections_and_keys_are_mappings_and_words(row: Row) -> None:
    """The stack's own sections, each a mapping of keys to values."""
    row.check()


def test_a_stack_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usual cause is a typo, or the wrong directory."""
    (tmp_path / "Pulumi.local.yaml").touch()
    code, text = run(["config", "-s", "lcoal", "-C", str(tmp_path)], monkeypatch, capsys)
    assert code == 2
    assert "there is no stack 'lcoal': Pulumi.lcoal.yaml is missing" in text
    assert "the stacks here are: local" in text


def test_a_stack_file_that_cannot_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory of that name, and bytes that are no text."""
    (tmp_path / "Pulumi.folder.yaml").mkdir()
    (tmp_path / "Pulumi.bytes.yaml").write_bytes(b"config: \xff")
    for stack, why in (("folder", "can't be read: Is a directory"), ("bytes", "is not UTF-8 text")):
        code, text = run(["config", "-s", stack, "-C", str(tmp_path)], monkeypatch, capsys)
        assert code == 2
        assert f"bad config in Pulumi.{stack}.yaml" in text
        assert why in text
