"""Where a backup goes, and the passphrase comes from: bad input is a sentence, and changes nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations.backup import passphrase
from airflow_stack.operations.backup.place import S3Object, new_file, new_place, old_place

NAME = "airflow-backup-prod-1.tar.gz"


@pytest.mark.parametrize(
    ("to", "place"),
    [
        (None, S3Object("home", f"backups/{NAME}")),
        ("s3://b", S3Object("b", NAME)),
        ("s3://b/", S3Object("b", NAME)),
        ("s3://b/nightly/", S3Object("b", f"nightly/{NAME}")),
        ("s3://b/one.tar.gz", S3Object("b", "one.tar.gz")),
    ],
)
def test_a_place_in_s3(to: str | None, place: S3Object) -> None:
    """Rule: a bucket or a folder gets the backup's own name added; without a place, the target's own."""
    assert new_place(to, NAME, "s3://home/backups/") == place


def test_a_place_here(tmp_path: Path) -> None:
    """Rule: a directory gets the name added; a file that is there is not touched."""
    assert new_place(str(tmp_path), NAME, ".") == tmp_path / NAME
    (tmp_path / "one").write_text("kept")
    with pytest.raises(OperationError, match="one is there already"):
        new_place(str(tmp_path / "one"), NAME, ".")
    with pytest.raises(OperationError, match=r"the directory .*/none does not exist"):
        new_place(str(tmp_path / "none" / "one"), NAME, ".")


@pytest.mark.parametrize("source", ["s3://", "s3:///key", "s3://bucket", "s3://bucket/", "/no/such/file"])
def test_a_source_that_can_not_be_is_said(source: str) -> None:
    """Rule: before anything is asked of anybody."""
    with pytest.raises(OperationError, match=r"names no|there is no file"):
        old_place(source)


def test_a_file_is_there_when_it_is_complete(tmp_path: Path) -> None:
    """Rule: for its owner alone, and after an error nothing is left of it."""
    path = tmp_path / "backup"

    def write_half() -> None:
        with new_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []
    with new_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_passphrase_from_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the first line of it."""
    path = tmp_path / "file"
    path.write_text("correct horse battery\r\nsomething else\n")
    assert passphrase.passphrase_for_backup(str(path)) == "correct horse battery"
    monkeypatch.setattr("sys.stdin", io.StringIO("from standard input\n"))
    assert passphrase.passphrase_for_restore("-") == "from standard input"


@pytest.mark.parametrize(
    ("content", "said"), [("", "is empty: no passphrase"), ("short\n", "too short"), (None, "can't be read")]
)
def test_a_passphrase_that_protects_nothing_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    """Rule: none, or one that is guessed; the message does not repeat it."""
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    with pytest.raises(OperationError, match=said) as refused:
        passphrase.passphrase_for_backup(str(path))
    assert "short\n" not in str(refused.value)


def test_a_passphrase_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a backup whose passphrase has a typing error in it is no backup; a restore asks once."""
    typed = iter(["correct horse battery", "correct horse buttery", "correct horse battery"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    with pytest.raises(OperationError, match="not the same"):
        passphrase.passphrase_for_backup(None)
    assert passphrase.passphrase_for_restore(None) == "correct horse battery"


def test_without_a_terminal_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a script that forgot it does not wait for ever."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(OperationError, match="--passphrase-file"):
        passphrase.passphrase_for_backup(None)
