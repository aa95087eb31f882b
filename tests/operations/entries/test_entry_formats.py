"""Files of entries: what is written is read back, and what is wrong is named without its value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.formats import Format, format_of, parse, render
from airflow_stack.operations.entries.kinds import MASK, Kind, checked, masked
from airflow_stack.operations.entries.uri import from_uri, is_lossless, to_uri
from operations.entries.places import OF, connection, connections, names

SECRET = "s3cr3t-value"


def read(kind: Kind, text: str, file_format: Format = Format.JSON) -> Any:
    return checked(kind, parse(kind, text, file_format, "the file"), "the file")


@pytest.mark.parametrize("file_format", [Format.JSON, Format.YAML])
@pytest.mark.parametrize("kind", list(Kind))
@given(data=st.data())
def test_what_is_exported_is_imported(kind: Kind, file_format: Format, data: st.DataObject) -> None:
    """Rule: every entry, whatever its characters, comes back from JSON and YAML as it was."""
    entries = data.draw(st.dictionaries(names, OF[kind], max_size=4))
    assert read(kind, render(kind, entries, file_format), file_format) == entries


@given(name=names, entry=connections)
def test_a_uri_that_holds_a_connection_gives_it_back(name: str, entry: Any) -> None:
    """Rule: .env has every connection that a URI can hold, and refuses the others by name."""
    if is_lossless(entry):
        text = render(Kind.CONNECTIONS, {name: entry}, Format.ENV)
        assert read(Kind.CONNECTIONS, text, Format.ENV) == {name: entry | {"description": None}}
    else:
        with pytest.raises(OperationError, match="without loss"):
            render(Kind.CONNECTIONS, {name: entry}, Format.ENV)


@given(password=connections.map(lambda entry: entry["password"]), port=st.none() | st.integers(1, 65_535))
def test_any_password_is_held_by_a_uri(password: str | None, port: int | None) -> None:
    """Rule: special characters in a password are no reason to refuse .env."""
    assert is_lossless(connection(login="user", password=password, host="db.example.com", port=port))


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://u:p%40%2F@db:5432/main", {"login": "u", "password": "p@/", "host": "db", "port": 5432,
                                                "schema": "main"}),
        ("google-cloud-platform://", {"conn_type": "google_cloud_platform"}),
        ("http://https://api.example.com", {"conn_type": "http", "host": "https://api.example.com"}),
        ("aws://k:v@/?region_name=eu-west-1", {"conn_type": "aws", "login": "k", "password": "v",
                                              "extra": '{"region_name": "eu-west-1"}'}),
        ("aws://?__extra__=%7B%22a%22%3A+1%7D", {"conn_type": "aws", "extra": '{"a": 1}'}),
        ("mysql://%2Ftmp%2FMy.sock:3306", {"conn_type": "mysql", "host": "/tmp/My.sock", "port": 3306}),
    ],
)  # fmt: skip
def test_a_uri_is_read_by_airflows_rules(uri: str, fields: dict[str, Any]) -> None:
    """Rule: a URI means what it means to Airflow; tests/e2e compares more of them with Airflow itself."""
    assert from_uri(uri) == connection(**fields)


def test_the_layout_is_airflows() -> None:
    """Rule: keys and order of `airflow connections export`, sorted by name; variables decoded where that is exact."""
    text = render(Kind.CONNECTIONS, {"b": connection(port=1), "a": dict(reversed(connection().items()))}, Format.JSON)
    assert list(json.loads(text)) == ["a", "b"]
    assert list(json.loads(text)["a"]) == [
        "conn_type", "description", "login", "password", "host", "port", "schema", "extra"
    ]  # fmt: skip
    values = {"compact": '{"a":1}', "indented": '{\n  "a": 1\n}', "number": "42", "octal": "007", "quoted": '"x"'}
    assert yaml.safe_load(render(Kind.VARIABLES, values, Format.YAML)) == {
        "compact": '{"a":1}', "indented": {"a": 1}, "number": 42, "octal": "007", "quoted": '"x"'
    }  # fmt: skip


@pytest.mark.parametrize("file_format", [Format.JSON, Format.YAML, Format.ENV])
def test_a_masked_connection_shows_no_secret_and_is_refused(file_format: Format) -> None:
    """Rule: a masked export holds no secret, still says which keys extra has, and can't be imported."""
    entry = connection(password=SECRET, host="db", extra=json.dumps({"token": SECRET, "nested": {"x": SECRET}}))
    hidden = masked(Kind.CONNECTIONS, entry)
    text = render(Kind.CONNECTIONS, {"my_db": hidden}, file_format)
    assert SECRET not in text
    assert json.loads(hidden["extra"]) == {"token": MASK, "nested": MASK}
    with pytest.raises(OperationError, match=r"my_db: its value is masked.*--show-secrets"):
        read(Kind.CONNECTIONS, text, file_format)


def test_masks_of_other_kinds() -> None:
    """Rule: a variable is masked whole, extra that is no JSON too; a pool is no secret, and nothing is not masked."""
    assert masked(Kind.VARIABLES, SECRET) == MASK
    assert masked(Kind.CONNECTIONS, connection(extra=SECRET))["extra"] == MASK
    assert masked(Kind.CONNECTIONS, connection(host="db")) == connection(host="db")
    pool = {"slots": 1, "description": "", "include_deferred": False}
    assert masked(Kind.POOLS, pool) == pool


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("connections", {"conn_type": "x", "port": SECRET}, "port must be a whole number from 0 to 65535"),
        ("connections", {"conn_type": "x", "port": 70_000}, "port must be"),
        ("connections", {"conn_type": "x", "port": True}, "port must be"),
        ("connections", {"host": SECRET}, "conn_type is missing"),
        ("connections", {"conn_type": "x", "pasword": SECRET}, "has unknown keys (pasword)"),
        ("connections", {"conn_type": "x", "password": 12345}, "password must be text: put it in quotes"),
        ("connections", {"conn_type": "x", "host": "h" * 501}, "host has 501 characters: Airflow takes 500"),
        ("connections", {"conn_type": "x", "login": f"{SECRET}\0"}, "no database stores"),
        ("connections", {"conn_type": "x", "login": "\ud800"}, "no database stores"),
        ("connections", {"conn_type": "x", "conn_id": "other"}, "its conn_id is another one"),
        ("connections", {"conn_type": "x", "extra": "{}", "extra_dejson": {}}, "extra and extra_dejson"),
        ("connections", {"uri": f"x://{SECRET}", "host": "h"}, "has the key uri beside others"),
        ("connections", SECRET, "must be a URI that starts with its type"),
        ("connections", f"x://u:{SECRET}@h:port", "has a host or port that is none"),
        ("connections", f"x://u:{SECRET}#@h", "has # where"),
        ("connections", f"x://h?url=http://{SECRET}", "has :// where"),
        ("connections", f"x://u:{SECRET}@y://h", "a login before the host's own scheme"),
        ("connections", 7, "must be a mapping or a URI"),
        ("variables", f"{SECRET}\0", "no database stores"),
        ("pools", {"slots": "8"}, "slots must be a whole number"),
        ("pools", {"slots": -2}, "slots must be"),
        ("pools", {"description": SECRET}, "must be a mapping with slots"),
        ("pools", {"slots": 1, "size": 2}, "has unknown keys (size)"),
        ("pools", {"slots": 1, "include_deferred": "yes"}, "include_deferred must be true or false"),
    ],
)
def test_a_wrong_entry_is_named_and_its_value_is_not(kind: str, value: Any, said: str) -> None:
    """Rule: each wrong entry is named with what is wrong; nothing of its value is repeated."""
    with pytest.raises(OperationError) as error:
        read(Kind(kind), json.dumps({"my_entry": value}))
    assert "my_entry: " in str(error.value)
    assert said in str(error.value)
    assert "nothing was changed" in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("connections", "has space", "Airflow's connection ids have"),
        ("connections", "ünïcode", "Airflow's connection ids have"),
        ("connections", "x" * 251, "251 characters: Airflow takes 1 to 250"),
        ("variables", "", "0 characters"),
        ("variables", "two\nlines", "control characters"),
        ("pools", "x" * 257, "257 characters: Airflow takes 1 to 256"),
    ],
)
def test_a_name_that_airflow_does_not_take(kind: str, name: str, said: str) -> None:
    """Rule: names keep to Airflow's columns and characters; one with a line break is printed in one line."""
    value = {"connections": {"conn_type": "x"}, "variables": "v", "pools": {"slots": 1}}[kind]
    with pytest.raises(OperationError) as error:
        read(Kind(kind), json.dumps({name: value}))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_all_wrong_entries_are_named_at_once() -> None:
    """Rule: one run shows every mistake, up to twenty, and says how many more there are."""
    with pytest.raises(OperationError) as error:
        read(Kind.POOLS, json.dumps({f"pool_{number:02}": 1 for number in range(25)}))
    assert [f"pool_{number:02}:" in str(error.value) for number in (0, 19, 20)] == [True, True, False]
    assert "and 5 more" in str(error.value)


@pytest.mark.parametrize(
    ("text", "file_format", "said"),
    [
        (f'{{"a": "{SECRET}"', "json", "is not valid JSON: line 1"),
        (f'{{"a": "{SECRET}", "a": "x"}}', "json", "a stands there for the second time"),
        ("[1]", "json", "must hold a mapping of names to variables"),
        ("[" * 100_000, "json", "is not valid JSON"),
        (f"a: {SECRET}\na: y\n", "yaml", "a stands there for the second time"),
        (f"a: [{SECRET}", "yaml", "is not valid YAML: line"),
        (f"a: !!python/object:os.system {SECRET}", "yaml", "is not valid YAML"),
        ("2024: x", "yaml", "2024: the name must be text"),
        ("a: 2024-01-01", "yaml", "a: its value holds what JSON has no word for"),
    ],
)
def test_a_file_that_is_none(text: str, file_format: str, said: str) -> None:
    """Rule: what can't be read is said with its place, without its contents."""
    with pytest.raises(OperationError) as error:
        read(Kind.VARIABLES, text, Format(file_format))
    assert said in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("text", [SECRET, f"a=\n{SECRET}", f"=x://{SECRET}", f"a=x://h\na=x://{SECRET}"])
def test_a_line_of_env_that_is_none(text: str) -> None:
    """Rule: its number is said, not what stands there; # and empty lines are nothing."""
    with pytest.raises(OperationError, match=r"the file, line [0-9]+: ") as error:
        read(Kind.CONNECTIONS, text, Format.ENV)
    assert SECRET not in str(error.value)
    assert list(read(Kind.CONNECTIONS, "# remark\n\na=x://h\n", Format.ENV)) == ["a"]


def test_the_format_follows_from_the_name() -> None:
    """Rule: suffix, else --format; a stream is JSON; only connections have .env."""
    names_ = {
        "a.json": Format.JSON,
        "a.YML": Format.YAML,
        "a.yaml": Format.YAML,
        ".env": Format.ENV,
        "a.env": Format.ENV,
    }
    assert {name: format_of(Kind.CONNECTIONS, Path(name), None) for name in names_} == names_
    assert format_of(Kind.POOLS, None, None) is Format.JSON
    assert format_of(Kind.POOLS, Path("a.txt"), Format.YAML) is Format.YAML
    with pytest.raises(OperationError, match="--format json"):
        format_of(Kind.POOLS, Path("a.txt"), None)
    with pytest.raises(OperationError, match=r"variables have no \.env format"):
        format_of(Kind.VARIABLES, Path("a.env"), None)


@given(entry=connections)
def test_a_uri_has_no_line_break(entry: Any) -> None:
    """Rule: one connection is one line of .env, whatever its values are."""
    assume(is_lossless(entry))
    assert len(to_uri(entry).splitlines()) == 1
