"""Stack files are edited as text where there is no Pulumi: what changes, and that all else stays."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_stack.config.load import raw_from_yaml
from airflow_stack.operations.init.fields import MISSING
from airflow_stack.operations.init.stack_text import edited

Mapping = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("", {"a": 1}, "config:\n  airflow-stack:a: 1\n"),
        ("# only a comment\n", {"a": 1}, "# only a comment\nconfig:\n  airflow-stack:a: 1\n"),
        ("config:\n# tail\n", {"a": {"b": None}}, "config:\n  airflow-stack:a:\n    b: null\n# tail\n"),
        ("config: {}\n", {"a": 1}, "config:\n  airflow-stack:a: 1\n"),
        ("x: 1\n", {"a": 1}, "x: 1\nconfig:\n  airflow-stack:a: 1\n"),
        ("config:\n  airflow-stack:a:\n  z:z: 1\n", {"a": {"b": 1}},
         "config:\n  airflow-stack:a:\n    b: 1\n  z:z: 1\n"),
        ("config:\n    airflow-stack:a: {b: 1} # c\n", {"a": {"c": 2}},
         "config:\n    airflow-stack:a:\n      b: 1\n      c: 2\n"),
        ("config:\n  airflow-stack:a:\n    b:\n    - 1\n    # in\n    c: 2 # why\n", {"a": {"b": [3], "c": "x"}},
         "config:\n  airflow-stack:a:\n    b:\n    - 3\n    # in\n    c: x # why\n"),
        ("config:\n  airflow-stack:a: |\n    x\n  z:z: 1\n", {"a": 2}, "config:\n  airflow-stack:a: 2\n  z:z: 1\n"),
        ("config:\n  airflow-stack:a: |\n    x\n  z:z: 1\n", {"a": MISSING}, "config:\n  z:z: 1\n"),
    ],
)  # fmt: skip
def test_a_key_changes_in_its_place(text: str, changes: Mapping, expected: str) -> None:
    """Whatever style the file is written in."""
    assert edited(text, changes) == expected


keys = st.sampled_from(["a", "b", "count", "on", "1"])
scalars = st.none() | st.booleans() | st.integers() | st.text("xy #:'\"\n{[-é", max_size=8)
values = st.recursive(
    scalars | st.lists(scalars, max_size=3), lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3)
)
sections = st.dictionaries(st.sampled_from(["worker", "flower", "target"]), values, max_size=3)
styles = st.fixed_dictionaries(
    {"default_flow_style": st.sampled_from([True, False, None]), "indent": st.sampled_from([2, 3, 4])}
)


@settings(deadline=None)
@given(old=sections, new=sections, style=styles)
def test_any_change_gives_the_config_that_was_meant(old: Mapping, new: Mapping, style: Mapping) -> None:
    """And other providers' keys stay, wherever they stand."""
    config = {"aws:region": "eu", **{f"airflow-stack:{key}": value for key, value in old.items()}, "docker:host": "x"}
    text = yaml.safe_dump({"config": config, "encryptionsalt": "v1:x"}, sort_keys=False, **style)
    changes = {key: _difference(old.get(key, MISSING), new.get(key, MISSING)) for key in (*old, *new)}
    assert isinstance(text, str)
    document = yaml.safe_load(edited(text, changes))
    expected = {f"airflow-stack:{key}": value for key, value in new.items()}
    assert document["config"] == {"aws:region": "eu", "docker:host": "x", **expected}
    assert document["encryptionsalt"] == "v1:x"
    assert raw_from_yaml(text, "")[1] == set()


def _difference(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: _difference(old.get(key, MISSING), new.get(key, MISSING)) for key in {**old, **new}}
    return new
