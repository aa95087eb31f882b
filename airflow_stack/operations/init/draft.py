"""A stack's config while it is being answered: what the file holds, with the answers put in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_stack.config import SECRET_KEYS, AnyConfig, ConfigError, parse
from airflow_stack.config.errors import Problem
from airflow_stack.config.load import ENCRYPTED, raw_from_yaml
from airflow_stack.config.models import model_of
from airflow_stack.operations.init.fields import MISSING, FieldAt, member


@dataclass(frozen=True)
class Draft:
    """Config under the namespace, as `parse` takes it. Each change makes a new one."""

    stack: str
    raw: Mapping[str, Any]
    """By key: what the file holds or will hold. A secret is ENCRYPTED, or its new value."""
    sealed: frozenset[str]
    """Keys in ``raw`` that are secrets."""

    @classmethod
    def read(cls, path: Path, stack: str) -> Draft:
        """What the stack file holds; nothing where there is none."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(stack, {}, frozenset())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([Problem("", f"can't be read: {type(error).__name__}")], path.name) from None
        raw, sealed = raw_from_yaml(text, path.name)
        return cls(stack, raw, frozenset(sealed))

    def field(self, key: str) -> FieldAt:
        """The model's field for a key."""
        return FieldAt(key, self.raw)

    def value(self, key: str) -> Any:
        """What the file or an answer says, else the model's default; MISSING where there is neither."""
        found: Any = self.raw
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return self.field(key).default
            found = found[part]
        return found

    def with_value(self, key: str, value: Any) -> Draft:
        """With an answer. One that is the default leaves no key behind; nor do keys that it makes meaningless stay."""
        if same(value, self.value(key)):
            return self
        path = key.split(".")
        raw = _put(self.raw, path, MISSING if same(value, self.field(key).default) else value)
        if path[-1] == "kind":
            raw = _without_other_kinds(raw, path[0], value)
        if key == "airflow.executor" and value == "LocalExecutor":
            for celery_only in (["worker"], ["broker"], ["flower", "enabled"]):
                raw = _put(raw, celery_only, MISSING)
        return replace(self, raw=raw)

    def with_secret(self, key: str, value: str) -> Draft:
        """With a new value for a secret."""
        return replace(self, raw={**self.raw, key: value}, sealed=self.sealed | {key})

    def with_sealed(self, keys: Collection[str]) -> Draft:
        """With secrets that are set, and not to be written again."""
        return replace(self, raw={**self.raw, **dict.fromkeys(keys, ENCRYPTED)}, sealed=self.sealed.union(keys))

    def given(self) -> dict[str, str]:
        """New secrets, in clear, by key."""
        return {key: self.raw[key] for key in SECRET_KEYS if key in self.sealed and self.raw[key] is not ENCRYPTED}

    def config(self, source: str = "") -> AnyConfig:
        """The model. Raises ConfigError with all that is wrong."""
        return parse(self.raw, set(self.sealed), self.stack, source)[0]

    def problems(self) -> list[Problem]:
        """All that is wrong; empty when the draft could be a stack file."""
        try:
            self.config()
        except ConfigError as error:
            return error.problems
        return []

    def refusal(self, after: Draft, key: str) -> str:
        """Why an answer to ``key``, which made ``after`` of this draft, can't stand; empty when it can."""
        known = self.problems()
        for problem in after.problems():
            # A secret that is asked for later may be missing; one that is there must not become useless.
            own = problem.key in ("", key) or problem.key.startswith((f"{key}.", f"{key}["))
            if problem not in known and (own or problem.joins or problem.key in self.sealed):
                mend = f"; {problem.mend}" if problem.key in self.sealed else ""
                return problem.message if own else f"{problem.key} {problem.message}{mend}"
        return ""

    def leaves(self) -> dict[str, Any]:
        """Everything but the secrets, by full key."""
        return {key: value for name, section in self.raw.items() if name not in SECRET_KEYS
                for key, value in _leaves(name, section)}  # fmt: skip


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(key, value)]
    return [leaf for name, inner in value.items() for leaf in _leaves(f"{key}.{name}", inner)]


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type all the way down: to Python, True is 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _put(node: Any, path: list[str], value: Any) -> dict[str, Any]:
    """A copy with the value at the path, or without it where it is MISSING. Mappings left empty go too."""
    copy = dict(node) if isinstance(node, Mapping) else {}
    head, *rest = path
    inner = _put(copy.get(head), rest, value) if rest else value
    if inner is MISSING or (rest and not inner):
        copy.pop(head, None)
    else:
        copy[head] = inner
    return copy


def _without_other_kinds(raw: dict[str, Any], section: str, kind: str) -> dict[str, Any]:
    model = member(model_of(raw).model_fields[section].annotation, {"kind": kind})
    known = model.model_fields if model else {}
    kept = {key: value for key, value in raw.get(section, {}).items() if key in known}
    return _put(raw, [section], kept or MISSING)
