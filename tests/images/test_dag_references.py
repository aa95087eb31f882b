"""dag_references.py: which connections and variables a DAG asks for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow_stack_runtime.verbs.dag_references import in_code, in_dag, in_template
from airflow_stack_runtime.verbs.throwaway import Known
from jinja2 import Environment


def named(source: str) -> list[tuple[str, str, int]]:
    return sorted((each.kind, each.name, each.line) for each in in_code(source, "dags/x.py"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('Variable.get("x")', [("variable", "x", 1)]),
        ('models.Variable.get(key="x", deserialize_json=True)', [("variable", "x", 1)]),
        ('Variable.get("x", default_var=None)', []),
        ('Variable.get("x", 3)', []),
        ('Variable.get("x", **options)', []),
        ('{}.get("x")', []),
        ("Variable.get(name)", []),
        ('BaseHook.get_connection("db")', [("connection", "db", 1)]),
        ('self.hook.get_connection(conn_id="db")', [("connection", "db", 1), ("connection", "db", 1)]),
        ('HttpHook(\n  http_conn_id="api")', [("connection", "api", 2)]),
        ('Copy(aws_conn_id="aws_default")', []),
        ('Copy(conn_id="{{ params.db }}")', []),
        ("Copy(conn_id=None)", []),
    ],
)
def test_in_code(source: str, expected: list[tuple[str, str, int]]) -> None:
    """Rule: literal names count, unless there is a default or the hook does without."""
    assert named(source) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ var.value.x }}", [("variable", "x")]),
        ("{{ var.json.x.days }} {{ var.value['y'] }}", [("variable", "x"), ("variable", "y")]),
        ("{{ var.value.get('x') }}", [("variable", "x")]),
        ("{{ var.value.get('x', 'nothing') }} {{ var.json.get('x', default={}) }}", []),
        ("{{ conn.db.host }} {{ conn['api'] }}", [("connection", "api"), ("connection", "db")]),
        ("{{ conn.get('db').host }}", [("connection", "db")]),
        ("{{ conn.get('db', none) }}", []),
        ("{% for x in var.json.list %}{{ x }}{% endfor %}", [("variable", "list")]),
        ("var.value.x {{ ds }} {{ params.conn }} {{ var.value[name] }}", []),
    ],
)
def test_in_template(template: str, expected: list[tuple[str, str]]) -> None:
    """Rule: what a template looks up counts, unless it has a default or a name that only a run knows."""
    assert list(in_template(Environment(autoescape=True).parse(template))) == expected


def test_in_dag() -> None:
    """Rule: connections that operators hold and templates in nested fields are found, mapped tasks' too."""
    plain = SimpleNamespace(
        task_id="plain", template_fields=("env", "broken"), http_conn_id="api", conn_id=None, conn_ids="no",
        env={"A": ["{{ var.value.deep }}"]}, broken="{{ oops",
    )  # fmt: skip
    mapped = SimpleNamespace(
        task_id="mapped", template_fields=("sql",), partial_kwargs={"conn_id": "db", "sql": "{{ conn.other }}"}
    )
    dag = SimpleNamespace(dag_id="d", tasks=[plain, mapped], get_template_env=lambda: Environment(autoescape=True))
    assert [(each.kind, each.name, each.where) for each in in_dag(dag)] == [
        ("connection", "api", "d.plain: http_conn_id"),
        ("variable", "deep", "d.plain: env"),
        ("connection", "db", "d.mapped: conn_id"),
        ("connection", "other", "d.mapped: sql"),
    ]


def test_known(tmp_path: Path) -> None:
    """Rule: known is what the files hold, what the caller was told, and what Airflow's own variables set."""
    (tmp_path / "connections.json").write_text(json.dumps({"filed": "http://x"}))
    environment = {"AIRFLOW_CONN_SET": "http://x", "AIRFLOW_VAR_SET": "1"}
    known = Known({"variables": ["told"]}, tmp_path, environment)
    assert [name for name in ("filed", "set", "told", "SET") if known.has("connection", name)] == [
        "filed",
        "set",
        "SET",
    ]
    assert [name for name in ("filed", "set", "told") if known.has("variable", name)] == ["set", "told"]
