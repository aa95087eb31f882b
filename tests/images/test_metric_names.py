"""Names of metrics: what statsd, CloudWatch and OpenTelemetry take, of whatever ids there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from airflow_stack_runtime import metric_names
from airflow_stack_runtime.metric_names import LIMIT, PART, handle, valid
from hypothesis import given
from hypothesis import strategies as st

VALID = re.compile(r"[A-Za-z0-9_.-]+")
TAGGED = re.compile(r"[A-Za-z0-9_.-]+(,[A-Za-z0-9_-]+(=[A-Za-z0-9_.-]+)?)*")
names = st.one_of(st.text(max_size=600), st.text("abя.é_- ", max_size=600))


@pytest.fixture(autouse=True)
def _no_influxdb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(metric_names, "_influxdb", lambda: False)
    metric_names._own_handler.cache_clear()
    yield
    metric_names._own_handler.cache_clear()


@given(names, st.sampled_from([LIMIT, 55]))
def test_a_name_is_ascii_and_bounded_whatever_the_ids(name: str, limit: int) -> None:
    """Rule: letters, digits, _, . and - of ASCII, as many as the receiver takes, and the same each time."""
    found = valid(name, limit)
    assert VALID.fullmatch(found)
    assert len(found) <= limit
    valid.cache_clear()
    assert valid(name, limit) == found


@given(st.lists(names, min_size=2, max_size=20, unique=True))
def test_two_names_stay_two(several: list[str]) -> None:
    """Rule: what was cut or replaced is told apart by a hash."""
    assert len({valid(name) for name in several}) == len(several)


@given(st.text("abcXYZ019_.-", min_size=1, max_size=LIMIT))
def test_a_valid_name_is_left_as_it_is(name: str) -> None:
    """Rule: nobody's dashboard changes for it."""
    assert valid(name) == name


def test_a_name_stays_readable_and_in_its_parts() -> None:
    """Rule: one id has one name in all metrics, and what is measured stays at the end, where allow lists look."""
    cut = valid("dag." + "orders_" * 30 + "." + "model_" * 30 + ".queued_duration")
    assert re.fullmatch(r"dag\.orders_[a-z_]+_[0-9a-f]{8}\.model_[a-z_]+_[0-9a-f]{8}\.queued_duration", cut)
    first, second = valid("ti.start.отчёт.a"), valid("ti.finish.отчёт.a.success")
    assert first.split(".")[2] == second.split(".")[2]
    assert re.fullmatch(r"ti\.finish\.\w*_?[0-9a-f]{8}\.a\.success", second)
    assert len(valid("dag." + "a" * 300 + ".queued_duration").split(".")[1]) == PART, "no more is cut than has to be"
    many = valid("dagrun.duration.success." + "x." * 200 + "last")
    assert many.startswith("dagrun.duration.success.x.")
    assert many.endswith(".last")


@given(names)
def test_tags_of_influxdb_are_valid_too(text: str) -> None:
    """Rule: Airflow appends tags to the name before it asks."""
    value = text.replace(",", "").replace("=", "")
    assert TAGGED.fullmatch(valid(f"ti.finish,dag_id={value},task_id=a", influxdb=True))
    assert valid("ti.finish,dag_id=a,task_id=b", influxdb=True) == "ti.finish,dag_id=a,task_id=b"


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (lambda name: f"mine.{name}", "mine.a.b"),
        (lambda name: f"mine {name}", "mine_a_[0-9a-f]{8}.b"),
        (lambda _: 1 / 0, "a.b"),
        (lambda _: None, "None"),
    ],
)
def test_a_handler_of_the_user_is_asked_first_and_cannot_raise(
    handler: Callable[[str], str],
    expected: str,
    stand_in: Callable[..., ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule: Airflow lets the exception of a handler end the scheduler."""
    stand_in("users_own", handler=handler)
    monkeypatch.setenv(metric_names.OWN_HANDLER, "users_own.handler")
    assert re.fullmatch(expected, handle("a.b"))


def test_a_handler_that_is_not_there_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a mistyped path is told in the log, and metrics go on."""
    monkeypatch.setenv(metric_names.OWN_HANDLER, "nowhere.handler")
    assert handle("a.b") == "a.b"
