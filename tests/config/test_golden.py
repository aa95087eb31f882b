"""Stack files whose names are the assertion: ``<stack>.error.<what>.yaml`` and ``<stack>.ok.<what>.yaml``.

Those of ``prod`` run on AWS, those of ``local`` on this machine.

The exact text for the user stands beside each. After a wanted change: UPDATE_GOLDEN=1 pytest tests/config, and read
the diff.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from airflow_stack import cli

GOLDEN = Path(__file__).parent / "golden"


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code of the command line, and all that it has printed."""
    monkeypatch.setattr("sys.argv", ["airflow-stack", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    return int(exit_.value.code or 0), printed.out + printed.err


def matches(expected: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_stack_file_is_what_its_name_says(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good files resolve to this config with exit code 0; bad ones end with 2 and one text, without a traceback."""
    stack, verdict, _ = file.stem.split(".", 2)
    shutil.copy(file, tmp_path / f"Pulumi.{stack}.yaml")
    code, text = run(["config", "-s", stack, "-C", str(tmp_path)], monkeypatch, capsys)
    matches(file.with_suffix(".expected.txt"), text)
    assert code == (2 if verdict == "error" else 0)
    assert "Traceback" not in text
    assert "hunter2" not in text, "a value was echoed"


def test_there_are_no_expectations_left_over() -> None:
    """Every expected text belongs to a stack file."""
    assert {file.name for file in GOLDEN.iterdir()} == {
        name for file in GOLDEN.glob("*.yaml") for name in (file.name, file.with_suffix(".expected.txt").name)
    }
