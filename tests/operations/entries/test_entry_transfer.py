"""Import and export between a file and a place: what changes, what is refused, and what a second run does."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack import cli
from airflow_stack.cli import entries as commands
from airflow_stack.errors import OperationError
from airflow_stack.operations.entries import transfer
from airflow_stack.operations.entries.files import write
from airflow_stack.operations.entries.formats import Format
from airflow_stack.operations.entries.kinds import Kind
from airflow_stack.operations.entries.metadata import MetadataDatabase
from airflow_stack.operations.entries.transfer import Change, export_entries, import_entries
from operations.entries.places import OF, Memory, connection, names

SECRET = "s3cr3t-value"


def bring(place: Memory, kind: Kind, content: Any, *, overwrite: bool = False, dry_run: bool = False) -> Change:
    text = content if isinstance(content, str) else json.dumps(content)
    return import_entries(place, kind, text, Format.JSON, "the file", overwrite=overwrite, dry_run=dry_run)


@pytest.mark.parametrize("kind", list(Kind))
@given(data=st.data())
def test_from_one_stack_to_another_and_again(kind: Kind, data: st.DataObject) -> None:
    """Rule: an export with values, imported elsewhere, gives the same entries; the second time nothing is written."""
    one, other = Memory(data.draw(st.dictionaries(names, OF[kind], max_size=4))), Memory()
    text = export_entries(one, kind, Format.JSON, show_secrets=True)
    assert bring(other, kind, text).created == sorted(one.entries)
    assert other.entries == one.entries
    writes = other.writes
    assert bring(other, kind, text) == Change([], [], sorted(one.entries))
    assert other.writes == writes


def test_other_values_are_replaced_only_when_asked() -> None:
    """Rule: without --overwrite nothing is written where one entry would be replaced; the refusal has names alone."""
    place = Memory({"old": "old value", "same": "x", "beside": "stays"})
    wanted = {"old": SECRET, "same": "x", "new": SECRET}
    with pytest.raises(OperationError) as error:
        bring(place, Kind.VARIABLES, wanted)
    assert "the memory has other values for 1 of these variables: old." in str(error.value)
    assert "--overwrite" in str(error.value)
    assert SECRET not in str(error.value)
    assert place.writes == 0
    assert bring(place, Kind.VARIABLES, wanted, dry_run=True) == Change(["new"], ["old"], ["same"])
    assert place.writes == 0
    assert bring(place, Kind.VARIABLES, wanted, overwrite=True) == Change(["new"], ["old"], ["same"])
    assert place.entries == {"old": SECRET, "same": "x", "new": SECRET, "beside": "stays"}


def test_one_wrong_entry_keeps_all_others_out() -> None:
    """Rule: nothing is read or written where a file has a mistake."""
    place = Memory()
    with pytest.raises(OperationError, match="bad: slots must be"):
        bring(place, Kind.POOLS, {"good": {"slots": 1}, "bad": {"slots": "many"}})
    assert place.writes == 0


def test_json_with_other_spaces_is_the_same() -> None:
    """Rule: Airflow's own export of a compact JSON value is no other value; in a password each space counts."""
    place = Memory({"v": '{"b": 1,"a":2}'})
    assert bring(place, Kind.VARIABLES, {"v": {"a": 2, "b": 1}}).unchanged == ["v"]
    place = Memory({"c": connection(password='{"a":1}', extra='{"a":1}')})
    assert bring(place, Kind.CONNECTIONS, {"c": connection(password='{"a":1}', extra={"a": 1})}).unchanged == ["c"]
    other = {"c": connection(password='{"a": 1}', extra='{"a":1}')}
    assert bring(place, Kind.CONNECTIONS, other, dry_run=True).updated == ["c"]


def test_what_can_not_be_read_is_said_or_replaced() -> None:
    """Rule: an export names what is encrypted with another key; an import may replace it, when told to."""
    place = Memory({"a": "x"}, {"b": "it was encrypted with another Fernet key"})
    with pytest.raises(OperationError, match="b: it was encrypted with another Fernet key"):
        export_entries(place, Kind.VARIABLES, Format.JSON, show_secrets=False)
    with pytest.raises(OperationError, match="--overwrite"):
        bring(place, Kind.VARIABLES, {"b": "new"})
    assert bring(place, Kind.VARIABLES, {"b": "new"}, overwrite=True).updated == ["b"]


class Stack:
    """Answers as the program `entries` does, and keeps what it was asked."""

    def __init__(self, entries: dict[str, Any] | None = None) -> None:
        self.entries, self.asked = entries or {}, [("", b"")][:0]

    def ask(self, command: Sequence[str], *, stdin: bytes = b"") -> Any:
        self.asked.append((" ".join(command), stdin))
        return {"entries": self.entries, "unreadable": ["locked"]}


def test_values_go_to_the_database_by_standard_input() -> None:
    """Rule: no value is on a command line, which every user of the machine can list."""
    stack = Stack({"a": connection(password=SECRET), "b": connection()})
    place = MetadataDatabase(stack, Kind.CONNECTIONS)
    assert list(place.read(["a"]).entries) == ["a"]
    assert list(place.read().unreadable) == ["locked"]
    place.write({"new": connection(password=SECRET)}, {})
    command, stdin = stack.asked[-1]
    assert command == "entries write connections"
    assert json.loads(stdin) == {"create": {"new": connection(password=SECRET)}, "update": {}}


def test_pools_go_to_aws_by_an_argument() -> None:
    """Rule: a task of ECS has no standard input. Secrets never go this way; too many pools are refused before it."""
    stack = Stack()
    place = MetadataDatabase(stack, Kind.POOLS, by_argument=True)
    pool = {"slots": 8, "description": "", "include_deferred": False}
    place.write({"a": pool}, {})
    command, stdin = stack.asked[-1]
    assert stdin == b""
    assert json.loads(zlib.decompress(base64.b64decode(command.split()[-1]))) == {"create": {"a": pool}, "update": {}}
    with pytest.raises(ValueError, match="secrets"):
        MetadataDatabase(stack, Kind.VARIABLES, by_argument=True)
    many = {f"pool-{hash(str(number))}": pool for number in range(2000)}
    with pytest.raises(OperationError, match="Split the file"):
        place.write(many, {})
    assert len(stack.asked) == 1


def test_a_file_of_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    """Rule: 0600 even where a file that everybody reads was there; a folder that is missing is said."""
    path = tmp_path / "out.json"
    path.write_text("old")
    path.chmod(0o644)
    write(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OperationError, match="can't be written: No such file"):
        write(tmp_path / "none" / "out.json", "x")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """A stack that is a dictionary, behind the command line."""
    place = Memory({"old": SECRET})
    monkeypatch.setattr(transfer, "place_of", lambda *_: place)
    return place


def run(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    assert commands  # registers itself
    monkeypatch.setattr("sys.argv", ["airflow-stack", *arguments])
    try:
        cli.main()
        code = 0
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_says_what_it_has_done(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: one line an entry on standard output, by name; --json for scripts; a refusal ends with 1."""
    file = tmp_path / "variables.yaml"
    file.write_text(f"new: {SECRET}\n")
    words = ["variables", "import", str(file), "-s", "local"]
    code, out, err = run([*words, "--dry-run", "--json"], monkeypatch, capsys)
    assert (code, json.loads(out)) == (0, {"created": ["new"], "updated": [], "unchanged": [], "dry_run": True})
    assert "Nothing was changed." in err
    code, out, err = run(words, monkeypatch, capsys)
    assert (code, out) == (0, "created    new\n1 created, 0 updated, 0 unchanged\n")
    assert "at once" in err
    file.write_text("old: other\n")
    code, out, err = run(words, monkeypatch, capsys)
    assert (code, out) == (1, "")
    assert "error: the memory has other values" in err
    assert "Traceback" not in err
    assert memory.entries == {"old": SECRET, "new": SECRET}


def test_the_command_masks_unless_asked(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: values only with --show-secrets; the format follows from --output."""
    assert memory.entries
    code, out, err = run(["variables", "export", "-s", "local"], monkeypatch, capsys)
    assert code == 0
    assert list(json.loads(out)) == ["old"]
    assert SECRET not in out + err
    file = tmp_path / "variables.yml"
    words = ["variables", "export", "-s", "local", "--show-secrets", "-o", str(file)]
    code, out, err = run(words, monkeypatch, capsys)
    assert (code, out, file.read_text()) == (0, "", f"old: {SECRET}\n")
    assert SECRET not in err


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff", "is not UTF-8, at byte 0"), (b" \n", "is empty"), (None, "can't be read: No such file")],
)
def test_a_file_that_can_not_be_read(
    content: bytes | None, said: str, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Rule: one sentence, and nothing is asked of the stack."""
    file = tmp_path / "pools.json"
    if content is not None:
        file.write_bytes(content)
    code, _, err = run(["pools", "import", str(file), "-s", "local"], monkeypatch, capsys)
    assert code == 1
    assert said in err
    assert memory.writes == 0
