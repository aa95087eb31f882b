"""Files of connections and variables: what is read, and that no mistake in one shows what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations.dags.entries import read


def test_both_formats(tmp_path: Path) -> None:
    """Rule: JSON and YAML; a variable that is no text becomes JSON, as `airflow variables import` stores it."""
    connections, variables = tmp_path / "c.yaml", tmp_path / "v.json"
    connections.write_text("db: postgresql://me@db/x\napi:\n  conn_type: http\n  host: example.com\n")
    variables.write_text('{"bucket": "orders", "days": 3, "map": {"a": [1]}}')
    found = read(connections, variables)
    assert found.connections == {"db": "postgresql://me@db/x", "api": {"conn_type": "http", "host": "example.com"}}
    assert found.variables == {"bucket": "orders", "days": "3", "map": '{"a": [1]}'}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.json", '{"db": hunter2}', "is not valid JSON (line 1)"),
        ("c.yaml", "a: x\nb: [hunter2\n", "is not valid YAML (line 3)"),
        ("c.yaml", "- hunter2", "must be an object"),
        ("c.yaml", "3: hunter2", "must be an object"),
        ("c.json", '{"db": ["hunter2"]}', "connection db is neither a URI nor an object"),
        ("c.json", None, "can't be read: No such file or directory"),
    ],
)
def test_a_bad_file(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    """Rule: one sentence with the file and what is wrong with it, never a value."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(OperationError) as error:
        read(path, None)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "hunter2" not in str(error.value)
