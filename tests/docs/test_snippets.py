"""What the pages say to write about Airflow into a stack file can be written there."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from airflow_stack.config import parse
from airflow_stack.config.load import raw_from_yaml
from docs.markdown import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
# In a line or in a block; and what a text says to set, by its key.
_INLINE = re.compile(r"`(airflow-stack:airflow: \{[^`]+\})`")
_BLOCK = re.compile(r"(?:^|\n\n)((?:    airflow-stack:airflow:.*\n)(?:    .+\n)*)")
_KEY = re.compile(r"`airflow\.options\.([a-z_]+)\.([a-z_]+)(?:: ([^`]+))?`")


def snippets() -> list[Any]:
    found = []
    for page in (ROOT / "README.md", *PAGES):
        text = page.read_text(encoding="utf-8")
        for snippet in [*_INLINE.findall(text), *_BLOCK.findall(text)]:
            found.append((page.name, yaml.safe_load(snippet)))
        for section, key, value in _KEY.findall(text):
            options = {section: {key: yaml.safe_load(value or "x")}}
            found.append((page.name, {"airflow-stack:airflow": {"options": options}}))
    return [pytest.param(config, id=f"{name}-{number}") for number, (name, config) in enumerate(found)]


def test_there_are_some() -> None:
    assert len(snippets()) > 6


@pytest.mark.parametrize("config", snippets())
def test_a_snippet_is_accepted(config: dict[str, Any]) -> None:
    """Rule: whoever copies it gets no error of its keys and options."""
    parse(*raw_from_yaml(yaml.safe_dump({"config": config}), ""), "local")
