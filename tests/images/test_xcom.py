"""xcom.py: an XCom that is too large for the database fails its task, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class FailError(Exception):
    """As Airflow's AirflowFailException."""


class Base:
    """As Airflow's BaseXCom."""

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> bytes:
        return json.dumps(value).encode()


@pytest.fixture
def xcom(
    stand_in: Callable[..., ModuleType], fresh: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    stand_in("airflow.models.xcom", BaseXCom=Base)
    stand_in("airflow.exceptions", AirflowFailException=FailError)
    module = fresh("xcom")
    monkeypatch.setenv(module.LIMIT, "1")
    return SimpleNamespace(of=module.XCom, limit=module.LIMIT)


@pytest.mark.parametrize("size", [1, 2**20 - 2])
def test_what_fits_is_stored_as_airflow_stores_it(xcom: SimpleNamespace, size: int) -> None:
    """Rule: up to the limit, quotes included."""
    assert xcom.of.serialize_value("x" * size, key="k", task_id="t") == b'"' + b"x" * size + b'"'


@pytest.mark.parametrize("value", ["x" * (2**20 - 1), ["xyz"] * 200_000], ids=["text", "list"])
def test_what_is_too_large_says_what_to_do(xcom: SimpleNamespace, value: Any) -> None:
    """Rule: the XCom's key and size, the limit, its key in the stack file, and what to use instead."""
    with pytest.raises(FailError, match=r"XCom 'return_value' is too large: \d MiB") as error:
        xcom.of.serialize_value(value, key="return_value")
    for word in ("airflow-stack:airflow.xcom_limit is 1 MiB", "return its path", "core.xcom_backend"):
        assert word in str(error.value)


def test_a_large_text_is_refused_before_it_is_copied(xcom: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the copy may be what the worker has no memory for."""
    monkeypatch.setattr(Base, "serialize_value", staticmethod(lambda *_, **__: pytest.fail("it was copied")))
    with pytest.raises(FailError):
        xcom.of.serialize_value(b"x" * (2**20 + 1), key="k")


def test_without_a_limit_nothing_is_refused(xcom: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: an image that runs outside a stack behaves as Airflow does."""
    monkeypatch.delenv(xcom.limit)
    assert len(xcom.of.serialize_value("x" * 2**21)) == 2**21 + 2
