"""entries.py: rows of Airflow's tables as entries and back, and what the program is told. Real rows: tests/e2e."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.verbs import entries

SECRET = "s3cr3t-value"
ENTRY = {
    "conn_type": "http", "description": None, "login": "me", "password": SECRET, "host": "h", "port": 1,
    "schema": None, "extra": f'{{"a": "{SECRET}"}}',
}  # fmt: skip


class Fernet:
    """Turns text around; opens what it has closed."""

    is_encrypted = True

    def encrypt(self, data: bytes) -> bytes:
        return b"closed:" + data[::-1]

    def decrypt(self, data: bytes) -> bytes:
        if not data.startswith(b"closed:"):
            raise InvalidTokenError
        return data.removeprefix(b"closed:")[::-1]


class InvalidTokenError(Exception):
    """As cryptography's."""


@pytest.fixture
def fernet(stand_in: Callable[..., ModuleType]) -> Fernet:
    key = Fernet()
    stand_in("airflow.models.crypto", get_fernet=lambda: key)
    stand_in("cryptography.fernet", InvalidToken=InvalidTokenError)
    return key


class Statement:
    """Of SQLAlchemy, as far as it is said."""

    def __init__(self, kind: str, said: list[Any]) -> None:
        self.kind, self.said = kind, said

    def where(self, _: Any) -> Statement:
        return self

    def values(self, row: dict[str, Any]) -> Statement:
        self.said.append((self.kind, row))
        return self


class Table:
    """Keeps what is written to it."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.c = {"conn_id": "c", "key": "c", "pool": "c"}

    def insert(self) -> Statement:
        return Statement("insert", self.said)

    def update(self) -> Statement:
        return Statement("update", self.said)


class DatabaseError(Exception):
    """SQLAlchemy's errors quote the values."""


class IntegrityError(DatabaseError):
    """A name that is there already."""


class Session:
    """Does what it is told, or fails as the test says."""

    failure: Exception | None = None
    rows = 1

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _: Any) -> SimpleNamespace:
        if self.failure:
            raise self.failure
        return SimpleNamespace(rowcount=self.rows)


@pytest.fixture
def session(stand_in: Callable[..., ModuleType], fernet: Fernet) -> Session:
    assert fernet.is_encrypted
    made = Session()
    stand_in("airflow.utils.session", create_session=lambda: made)
    stand_in("sqlalchemy.exc", IntegrityError=IntegrityError, SQLAlchemyError=DatabaseError)
    return made


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    monkeypatch.setattr(entries, "_table", lambda _: made)
    return made


def test_a_connection_is_encrypted_and_back(fernet: Fernet) -> None:
    """Rule: password and extra are encrypted and say so; what is empty is NULL, so that nothing old stays."""
    row = entries.connection_row(ENTRY)
    assert SECRET not in str(row)
    assert (row["is_encrypted"], row["is_extra_encrypted"]) == (True, True)
    assert entries.connection(row) == ENTRY
    bare = dict.fromkeys(ENTRY) | {"conn_type": "aws"}
    row = entries.connection_row(bare)
    assert (row["password"], row["is_encrypted"], row["extra"]) == (None, False, None)
    assert entries.connection(row | {"host": "", "schema": ""}) == bare
    fernet.is_encrypted = False  # Airflow without a key keeps values in clear, and says so
    assert entries.connection_row(ENTRY)["is_encrypted"] is False


def test_a_row_of_another_key_is_a_value_error(fernet: Fernet) -> None:
    """Rule: it is told from a row that can be read; a row that is not encrypted needs no key."""
    assert fernet.is_encrypted
    with pytest.raises(ValueError, match=r"^$"):
        entries.variable({"val": "other", "is_encrypted": True})
    assert entries.variable({"val": "plain", "is_encrypted": False}) == "plain"
    assert entries.variable({"val": None, "is_encrypted": False}) == ""


def test_a_replaced_variable_keeps_its_description(fernet: Fernet) -> None:
    """Rule: only the value's columns are written."""
    assert fernet.is_encrypted
    assert set(entries.variable_row("x")) == {"val", "is_encrypted"}


def test_it_writes_what_comes_by_standard_input_or_argument(
    session: Session, table: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: both ways are the same; the answer is one line behind the marker, without values."""
    assert session.rows == 1
    pool = {"slots": 1, "description": "", "include_deferred": False}
    data = json.dumps({"create": {"new": pool}, "update": {"old": pool}}).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    entries.main(["write", "pools"])
    entries.main(["write", "pools", base64.b64encode(zlib.compress(data)).decode()])
    written = [("insert", {"pool": "new"} | pool), ("update", pool)]
    assert table.said == written * 2
    assert capsys.readouterr().out == 'airflow-stack-result: {"written": 2}\n' * 2


@pytest.mark.parametrize(
    ("failure", "rows", "said"),
    [
        (IntegrityError(SECRET), 1, "at the same moment. Nothing was changed: run it again."),
        (None, 0, "at the same moment. Nothing was changed: run it again."),
        (DatabaseError(SECRET), 1, "The database does not take it (DatabaseError). Nothing was changed."),
    ],
)
def test_what_the_database_refuses_is_said_without_values(
    failure: Exception | None, rows: int, said: str, session: Session, table: Table
) -> None:
    """Rule: the errors of SQLAlchemy hold the values, so their text is not repeated."""
    session.failure, session.rows = failure, rows
    with pytest.raises(SystemExit) as error:
        entries.write("connections", {"create": {}, "update": {"a": ENTRY}})
    assert said in str(error.value)
    assert SECRET not in str(error.value)
    assert table.said


@pytest.mark.parametrize(
    "arguments", [[], ["read"], ["read", "users"], ["delete", "pools"], ["write", "pools", "", ""]]
)
def test_anything_else_is_refused(arguments: list[str]) -> None:
    """Rule: a usage line and an exit code that is not 0."""
    with pytest.raises(SystemExit, match=r"usage: entries read\|write"):
        entries.main(arguments)
