"""The file of a backup: whole or refused, and without a secret in clear."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow_stack_runtime.verbs import backup_file, backup_key, backup_place, backup_session
from airflow_stack_runtime.verbs.backup_file import BackupFileError, Manifest, Table, Writer
from cryptography.fernet import Fernet
from moto import mock_aws

PASSPHRASE = b"correct horse battery staple"
ROWS = b"".join(b"%d\tsome text of a row\n" % number for number in range(2000))


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the real thing, but for what a guess costs; and parts so small that a table has several."""
    monkeypatch.setitem(backup_key.SCRYPT, "n", 2**4)
    monkeypatch.setattr(backup_file, "PART", 10_000)


def made(tables: dict[str, bytes], key: str = "") -> bytes:
    """A backup of these tables."""
    file = io.BytesIO()
    writer = Writer(file)
    saved = []
    for name, rows in tables.items():
        sink = writer.table(name)
        for begin in range(0, len(rows), 999):
            sink.write(rows[begin : begin + 999])
        saved.append(Table(name, ["id", "text"], rows.count(b"\n"), sink.close()))
    manifest = Manifest("prod", "2.10.2", {"alembic_version": "abc"}, "2026-01-01T00:00:00+00:00", {"s": 7}, saved)
    text = manifest.text()
    writer.finish(text, backup_key.seal(key or Fernet.generate_key().decode(), PASSPHRASE, text))
    return file.getvalue()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> str:
    """The key of a backup that was verified."""
    verified = backup_file.verify(io.BytesIO(data))
    return backup_key.unseal(verified.key, passphrase, verified.manifest_text)


def rewritten(data: bytes, change: Callable[[list[tuple[str, bytes]]], Any]) -> bytes:
    """The same file with other members."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    change(members)
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return result.getvalue()


def test_what_was_written_is_read() -> None:
    """Rule: rows come back as they went, in one piece a table, and the key opens with the passphrase."""
    key = Fernet.generate_key().decode()
    data = made({"dag_run": ROWS, "empty": b"", "variable": b"1\tone\n"}, key)
    verified = backup_file.verify(io.BytesIO(data))
    assert [(table.name, table.rows) for table in verified.manifest.tables] == [
        ("dag_run", 2000), ("empty", 0), ("variable", 1),
    ]  # fmt: skip
    assert len(verified.manifest.tables[0].parts) > 2, "a table of several parts"
    assert verified.manifest.sequences == {"s": 7}
    found = {}
    for name, content in backup_file.contents(io.BytesIO(data)):
        pieces = iter(lambda: content.read(77), b"")  # noqa: B023 - read before the next
        found[name] = b"".join(pieces)
    assert found == {"dag_run": ROWS, "variable": b"1\tone\n"}
    assert opened(data) == key


def test_the_key_is_not_in_the_file() -> None:
    """Rule: neither the Fernet key, in any form that it has, nor the passphrase is in the file in clear."""
    key = Fernet.generate_key().decode()
    clear = gzip.decompress(made({"variable": b"1\tone\n"}, key))
    for secret in (key.encode(), base64.urlsafe_b64decode(key), key.encode().rstrip(b"="), PASSPHRASE):
        assert secret not in clear
    assert b"one" in clear, "the search would find what is there"


def test_two_backups_do_not_share_their_seal() -> None:
    """Rule: salt and nonce are new for each backup."""
    one, other = (backup_key.seal("same", PASSPHRASE, b"same") for _ in range(2))
    for part in ("salt", "nonce", "sealed"):
        assert one[part] != other[part]


def test_another_passphrase_opens_nothing() -> None:
    """Rule: a wrong passphrase is a sentence."""
    data = made({"variable": b"1\tone\n"})
    with pytest.raises(BackupFileError, match="the passphrase is not the backup's"):
        opened(data, b"another")


def accepted(data: bytes) -> bytes | None:
    """Everything that a restore would take from a file, None where it is refused."""
    try:
        opened(data)
    except BackupFileError:
        return None
    return b"".join(content.read() for _, content in backup_file.contents(io.BytesIO(data)))


def test_any_cut_is_found() -> None:
    """Rule: a file that was not copied to its end is refused, wherever it ends; a tar's padding may be missing."""
    data = made({"dag_run": ROWS, "variable": b"1\tone\n"})
    whole = accepted(data)
    outcomes = [accepted(data[:end]) for end in range(0, len(data), 23)]
    assert set(outcomes) <= {None, whole}
    assert outcomes.count(None) > 0.9 * len(outcomes)


def test_any_flipped_byte_is_found() -> None:
    """Rule: damage of the disk or on the way is refused, or is where nothing stands."""
    data = made({"dag_run": ROWS, "variable": b"1\tone\n"})
    whole = accepted(data)
    outcomes = []
    for place in range(10, len(data), 23):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        outcomes.append(accepted(bytes(damaged)))
    assert set(outcomes) <= {None, whole}
    assert outcomes.count(None) > 0.9 * len(outcomes)


def _swap_content(members: list[tuple[str, bytes]]) -> None:
    members[0] = (members[0][0], members[0][1].replace(b"text", b"TEXT"))


def _leave_out(members: list[tuple[str, bytes]]) -> None:
    del members[0]


def _repeat(members: list[tuple[str, bytes]]) -> None:
    members.insert(1, members[0])


def _reorder(members: list[tuple[str, bytes]]) -> None:
    members[0], members[1] = members[1], members[0]


def _add_table(members: list[tuple[str, bytes]]) -> None:
    members.insert(0, ("tables/ab_user/000000", b"1\tmallory\n"))


def _forge(members: list[tuple[str, bytes]]) -> None:
    """Rows and manifest that fit each other: what a checksum alone would let pass."""
    index = next(number for number, (name, _) in enumerate(members) if name == "manifest.json")
    manifest = json.loads(members[index][1])
    members[0] = (members[0][0], b"9\tforged\n")
    part = backup_file.Writer(io.BytesIO()).add(*members[0])
    manifest["tables"][0]["parts"] = [{"name": part.name, "size": part.size, "sha256": part.sha256}]
    members[index] = ("manifest.json", json.dumps(manifest, sort_keys=True).encode())
    del members[1 : index - 1]


def _no_manifest(members: list[tuple[str, bytes]]) -> None:
    members[:] = [member for member in members if member[0] != "manifest.json"]


def _newer(members: list[tuple[str, bytes]]) -> None:
    members[:] = [(name, content.replace(b'"format": 1', b'"format": 2')) for name, content in members]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_swap_content, "tables/dag_run/000000 is not what was saved"),
        (_leave_out, "is not what was saved"),
        (_repeat, "is not what was saved"),
        (_reorder, "is not what was saved"),
        (_add_table, "is not what was saved"),
        (_forge, "the passphrase is not the backup's, or the file was changed"),
        (_no_manifest, "its end is missing"),
        (_newer, "format 2"),
    ],
)
def test_a_changed_file_is_refused(change: Callable[[Any], None], said: str) -> None:
    """Rule: who does not know the passphrase can change nothing in a backup unseen."""
    data = rewritten(made({"dag_run": ROWS, "variable": b"1\tone\n"}), change)
    with pytest.raises(BackupFileError, match=said):
        opened(data)


def test_the_same_members_are_accepted() -> None:
    """So that the test above refuses for the change, not for the rewriting."""
    assert opened(rewritten(made({"dag_run": ROWS}), lambda _: None))


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", gzip.compress(b"hello"), gzip.compress(b"\0" * 10240)],
    ids=["empty", "text", "compressed text", "empty tar"],
)
def test_what_is_no_backup_is_said(data: bytes) -> None:
    """Rule: any other file is a sentence."""
    with pytest.raises(BackupFileError, match="no backup of airflow-stack"):
        backup_file.verify(io.BytesIO(data))


class Rows:
    """A cursor on connections, variables and triggers."""

    def __init__(self, tables: dict[tuple[str, str], dict[int, str]]) -> None:
        self.tables = tables
        self.answer: list[tuple[int, str]] = []

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> None:
        words = query.split()
        if words[0] == "SELECT":
            self.answer = list(self.tables[words[4], words[2]].items())
        else:
            self.tables[words[1], words[3]][values[1]] = values[0]

    def fetchall(self) -> list[tuple[int, str]]:
        return self.answer


def test_rows_go_over_to_the_new_key() -> None:
    """Rule: what any of the old keys has encrypted is readable with the new ones, and encrypted by the newest.

    What no old key opens stays as it is, and is named without its content.
    """
    first, second, new, lost = (Fernet.generate_key() for _ in range(4))

    def encrypted(key: bytes, text: str) -> str:
        return Fernet(key).encrypt(text.encode()).decode()

    unreadable = encrypted(lost, "gone")
    rows = Rows(
        {
            ("connection", "password"): {1: encrypted(first, "pw"), 2: encrypted(second, "older")},
            ("connection", "extra"): {1: encrypted(first, "{}")},
            ("variable", "val"): {5: encrypted(first, "42"), 6: unreadable},
            ("trigger", "kwargs"): {9: encrypted(second, "kwargs")},
        }
    )
    count, left = backup_key.rotate(rows, b",".join((first, second)).decode(), b",".join((new, lost)).decode())
    assert (count, left) == (5, ["variable.val 6"])
    clear = {
        (table, column, row): Fernet(new).decrypt(text.encode()).decode()
        for (table, column), found in rows.tables.items()
        for row, text in found.items()
        if row != 6
    }
    assert list(clear.values()) == ["pw", "older", "{}", "42", "kwargs"]
    assert rows.tables["variable", "val"][6] == unreadable


def test_the_passphrase_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: its first line, without the end of it; nothing else is asked."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("pässword one\r\nrest".encode())))
    assert backup_key.read_passphrase(None) == "pässword one".encode()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account of moto, as the task of a stack finds it: region and credentials in its environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield


@pytest.mark.usefixtures("aws")
def test_the_passphrase_comes_from_secrets_manager() -> None:
    """Rule: on AWS, of the secret that the command names."""
    arn = boto3.client("secretsmanager").create_secret(Name="airflow/backup/1", SecretString="pässword")["ARN"]
    assert backup_key.read_passphrase(arn) == "pässword".encode()


@pytest.mark.usefixtures("aws")
def test_a_backup_goes_to_s3_and_back() -> None:
    """Rule: S3 gets a whole backup or none; what it has is read from there, and no copy stays on the disk."""

    def write(*, fails: bool) -> Path:
        with backup_place.written("s3://bucket/backups/one.tar.gz") as path:
            path.write_bytes(b"content")
            if fails:
                raise BackupFileError("no")
        return path

    with pytest.raises(BackupFileError):
        write(fails=True)
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="bucket")
    assert not write(fails=False).exists()
    with backup_place.read("s3://bucket/backups/one.tar.gz") as path:
        assert path.read_bytes() == b"content"
    assert not path.exists()


def test_mysql_is_said_to_be_for_mysqldump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what can't be done is one sentence with what to do, and without the connection string."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "mysql+pymysql://airflow:hidden@db.example.com/airflow")

    def program(_: list[str]) -> dict[str, Any]:
        with backup_session.connected():
            raise AssertionError

    with pytest.raises(SystemExit, match=r"backup: the metadata database is MySQL.*mysqldump") as ended:
        backup_session.run("backup", program)
    assert "hidden" not in str(ended.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("22P02", "a value does not fit its column \\(22P02\\)"),
        ("55P03", "canceling statement due to lock timeout \\(55P03\\)"),
    ],
)
def test_an_error_of_the_database_quotes_no_row(code: str, said: str) -> None:
    """Rule: PostgreSQL's words where they are about tables, not where they quote a value."""

    class DatabaseError(Exception):
        pgcode = code
        diag = SimpleNamespace(message_primary=said.split(" \\(")[0] if code == "55P03" else 'invalid: "hidden"')

    def program(_: list[str]) -> dict[str, Any]:
        raise DatabaseError("hidden")

    with pytest.raises(SystemExit, match=f"restore: the database refuses: {said}") as ended:
        backup_session.run("restore", program)
    assert "hidden" not in str(ended.value)
