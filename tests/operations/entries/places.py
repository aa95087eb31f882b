"""What the tests of entries share: entries of every shape, and a place without a stack."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from airflow_stack.operations.entries.kinds import Entries, Entry, Kind
from airflow_stack.operations.entries.places import Found

characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
text = st.text(characters, min_size=1, max_size=30)
maybe = st.none() | text
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
connections = st.fixed_dictionaries(
    {
        "conn_type": st.sampled_from(["postgres", "http", "aws", "google_cloud_platform", "Mixed"]) | text,
        "description": maybe,
        "login": maybe,
        "password": maybe,
        "host": maybe | st.sampled_from(["db.example.com", "https://api.example.com", "/var/run/sock", "::1"]),
        "port": st.none() | st.integers(0, 65_535),
        "schema": maybe,
        "extra": maybe | st.dictionaries(text, json_values, min_size=1, max_size=3).map(json.dumps),
    }
)
pools = st.fixed_dictionaries(
    {"slots": st.integers(-1, 1000), "description": st.just("") | text, "include_deferred": st.booleans()}
)
variables = text | json_values.map(lambda value: json.dumps(value, indent=2)) | json_values.map(json.dumps)
names = st.text("abcXYZ019_.-", min_size=1, max_size=20)
OF: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.CONNECTIONS: connections, Kind.VARIABLES: variables, Kind.POOLS: pools
}  # fmt: skip


def connection(**fields: Any) -> Entry:
    """A connection with these fields, and nothing else but a type."""
    empty = dict.fromkeys(("description", "login", "password", "host", "port", "schema", "extra"))
    return {"conn_type": "postgres"} | empty | fields


@dataclass
class Memory:
    """A place that is a dictionary."""

    entries: Entries = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    name: str = "the memory"
    seen: str = "at once"

    def check(self, name: str, entry: Entry) -> None:
        """Takes all."""

    def read(self, names: Collection[str] | None = None) -> Found:  # noqa: ARG002 - all is as good
        return Found(dict(self.entries), dict(self.unreadable))

    def write(self, create: Entries, update: Entries) -> None:
        self.writes += 1
        self.entries |= create | update
