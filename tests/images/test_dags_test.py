"""dags_test.py: one run, and the secrets of its container."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from airflow_stack_runtime.patches import inline_triggers
from airflow_stack_runtime.verbs import dags_test, throwaway
from airflow_stack_runtime.verbs.dag_file import Found


def test_a_resumed_task_has_what_it_has_deferred_with(stand_in: Callable[..., ModuleType]) -> None:
    """Rule: arguments of defer() and the trigger's event, both, as the triggerer hands them back."""

    class Deferred(Exception):  # noqa: N818 - as Airflow's
        trigger, method_name, kwargs = object(), "resumed", {"since": 1}

    stand_in("airflow.exceptions", TaskDeferred=Deferred)
    stand_in("airflow.models.dag", _run_inline_trigger=lambda _: SimpleNamespace(payload="done"))
    ti = SimpleNamespace(task_id="wait", calls=0)

    def run(**_: Any) -> None:
        ti.calls += 1
        if ti.calls == 1:
            raise Deferred

    ti._run_raw_task = run
    inline_triggers.run_task(ti=ti, session=SimpleNamespace(merge=lambda _: None, commit=lambda: None))
    assert (ti.calls, ti.next_method, ti.next_kwargs) == (2, "resumed", {"since": 1, "event": "done"})


def test_the_file_of_the_dag(tmp_path: Path) -> None:
    """Rule: files that hold the name are looked at first, and no file after the one that has the DAG."""
    for name, text in {"a.py": "", "b.py": "wanted, in a comment", "c.py": "wanted"}.items():
        (tmp_path / name).write_text(text)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    path, seen = dags_test.find("wanted", paths, lambda each: Found(each, dags=["wanted"] if each == paths[2] else []))
    assert path == paths[2]
    assert [found.file for found in seen] == paths[1:]
    assert dags_test.find("other", paths, Found)[0] == ""


def test_tasks_that_need_docker() -> None:
    """Rule: DockerOperator and whatever derives from it, mapped or not."""

    class DockerOperator:
        task_id = "plain"

    class Child(DockerOperator):
        task_id = "child"

    mapped = SimpleNamespace(task_id="mapped", operator_class=Child)
    assert dags_test.needs_docker([DockerOperator(), Child(), mapped, SimpleNamespace(task_id="other")]) == [
        "child", "mapped", "plain",
    ]  # fmt: skip


def test_secrets_open_nothing(tmp_path: Path) -> None:
    """Rule: each file that the configuration refers to is there; its key is new each time, its database a file's."""
    names = ["fernet_key", "sql_alchemy_conn", "celery_result_backend", "broker_url", "webserver_secret_key"]
    contents = []
    for _ in range(2):
        throwaway.make_secrets(names, tmp_path)
        contents.append({path.name: path.read_text() for path in tmp_path.iterdir()})
    first, second = contents
    assert sorted(first) == sorted(names)
    assert len(base64.urlsafe_b64decode(first["fernet_key"])) == 32
    assert first["fernet_key"] != second["fernet_key"]
    assert first["celery_result_backend"] == f"db+{first['sql_alchemy_conn']}" == f"db+{throwaway.DATABASE}"
