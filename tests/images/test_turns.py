"""turns.py: what belongs to a DAG with nothing at work comes first. tests/e2e/test_isolation.py sees it at work."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.patches import turns


class Select:
    """As SQLAlchemy's, with nothing but its order."""

    def __init__(self, *clauses: Any) -> None:
        self._order_by_clauses = clauses

    def order_by(self, *clauses: Any) -> Select:
        return Select() if clauses == (None,) else Select(*self._order_by_clauses, *clauses)


class Column:
    def __init__(self, name: str) -> None:
        self.name = name

    def in_(self, values: Any) -> str:
        return f"{self.name} in {values if isinstance(values, str) else sorted(values)}"


def model(name: str) -> Any:
    return SimpleNamespace(dag_id=Column(f"{name}.dag_id"), state=Column(f"{name}.state"))


@pytest.fixture(autouse=True)
def airflow(stand_in: Callable[..., ModuleType]) -> None:
    stand_in("airflow.models.dagrun", DagRun=model("run"))
    stand_in("airflow.models.taskinstance", TaskInstance=model("task"))
    stand_in("airflow.ti_deps.dependencies_states", EXECUTION_STATES={"running", "queued"})
    stand_in("sqlalchemy", select=lambda column: SimpleNamespace(where=lambda on: f"({column.name} where {on})"))
    stand_in("sqlalchemy.orm", aliased=lambda one: one)
    stand_in("sqlalchemy.sql", Select=Select)


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (("-task.priority_weight", "date"),
         "task.dag_id in (task.dag_id where task.state in ['queued', 'running'])"),
        (("run.last_scheduling_decision NULLS FIRST", "date"),
         "run.dag_id in (run.dag_id where run.state in ['running'])"),
    ],
    ids=["tasks to send", "runs to start"],
)  # fmt: skip
def test_who_has_nothing_at_work_comes_first(order: tuple[str, ...], first: str) -> None:
    """Rule: false is before true; behind it the order is Airflow's."""
    seen: list[Any] = []
    turns.in_turns(lambda query, **named: seen.append((query._order_by_clauses, named)))(Select(*order), of="x")
    assert seen == [((first, *order), {"of": "x"})]


@pytest.mark.parametrize("query", [Select(), Select("date"), "no query of tasks"])
def test_any_other_query_stays_as_it_is(query: Any) -> None:
    """Rule: the rows of tasks that have ended are locked by the same function."""
    assert turns.ordered(query) is query
