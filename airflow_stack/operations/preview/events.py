"""The stream of events of `pulumi preview --json`, as far as a reviewer needs it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from airflow_stack.operations.preview.change import Change, Finding, Operation

# The engine's steps by what they mean to a reader. A replacement is three steps of one resource.
_OPERATIONS = {
    "create": Operation.CREATE,
    "update": Operation.UPDATE,
    "delete": Operation.DELETE,
    "replace": Operation.REPLACE,
    "create-replacement": Operation.REPLACE,
    "delete-replaced": Operation.REPLACE,
    "import": Operation.CREATE,
}
# What the engine says besides the reason itself: the program's error, or a finding of the policy pack.
_NO_REASON = ("an unhandled error occurred", "preview failed")
_COLOR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


class _State(BaseModel):
    inputs: dict[str, Any] = Field(default_factory=dict)
    """The engine masks secrets: ``[secret]``."""
    custom: bool = False
    """Whether it is a resource at all, and no component, which only groups some."""


class _Metadata(BaseModel):
    op: str
    urn: str
    type: str
    new: _State | None = None
    old: _State | None = None
    keys: list[str] | None = None
    """Properties that force a replacement."""
    diffs: list[str] | None = None
    detailed_diff: dict[str, Any] | None = Field(None, alias="detailedDiff")

    @property
    def counts(self) -> bool:
        """Components and providers are no resources to a reviewer."""
        state = self.new or self.old
        return state is not None and state.custom and not self.type.startswith("pulumi:")


class _Step(BaseModel):
    metadata: _Metadata


class _Diagnostic(BaseModel):
    message: str
    severity: str
    urn: str = ""


class _Policy(BaseModel):
    message: str
    urn: str = Field("", alias="resourceUrn")
    rule: str = Field(alias="policyName")
    level: Literal["mandatory", "advisory", "remediate", "warning", "disabled"] = Field(alias="enforcementLevel")


class _Event(BaseModel):
    step: _Step | None = Field(None, alias="resourcePreEvent")
    diagnostic: _Diagnostic | None = Field(None, alias="diagnosticEvent")
    policy: _Policy | None = Field(None, alias="policyEvent")


@dataclass(frozen=True)
class Planned:
    """A resource that the program asks for, with its inputs; what a preview does not know yet is one constant."""

    urn: str
    type: str
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What the engine said that it would do."""

    changes: tuple[Change, ...]
    same: int
    findings: tuple[Finding, ...]
    errors: tuple[str, ...]
    resources: tuple[Planned, ...]
    """All that the program asks for."""


def parse(stream: str) -> Plan:
    """Read the events of one preview. Lines that are no event of ours are skipped: plugins print too."""
    changes: dict[str, Change] = {}
    resources: dict[str, Planned] = {}
    same: set[str] = set()
    findings: list[Finding] = []
    errors: list[str] = []
    for event in _events(stream):
        if event.diagnostic is not None and event.diagnostic.severity == "error":
            errors.append(plain(event.diagnostic.message))
        if event.policy is not None and event.policy.level != "disabled":
            mandatory = event.policy.level == "mandatory"
            findings.append(Finding(event.policy.rule, mandatory, name(event.policy.urn), plain(event.policy.message)))
        if event.step is None or not event.step.metadata.counts:
            continue
        step = event.step.metadata
        if step.new is not None:
            resources[step.urn] = Planned(step.urn, step.type, step.new.inputs)
        if step.op == "same":
            same.add(step.urn)
        elif (operation := _OPERATIONS.get(step.op)) is not None:
            before = changes.get(step.urn)
            changed = sorted({_property(path) for path in (step.keys or step.detailed_diff or step.diffs or ())})
            if before is None or (changed and not before.properties):
                changes[step.urn] = Change(operation, step.type, name(step.urn), tuple(changed))
    return Plan(
        tuple(sorted(changes.values())), len(same - changes.keys()), _unique(findings), _reasons(errors, findings),
        tuple(resources.values()),
    )  # fmt: skip


def name(urn: str) -> str:
    """The resource's own name."""
    return urn.rpartition("::")[2]


def plain(text: str) -> str:
    """Without the engine's colours."""
    return _COLOR.sub("", text).strip()


def _events(stream: str) -> Iterator[_Event]:
    for line in stream.splitlines():
        if line.startswith("{"):
            try:
                yield _Event.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                continue


def _property(path: str) -> str:
    """The first word of a property's path: what stands below it may be a user's own key."""
    return re.split(r"[.\[]", path.removeprefix("__"), maxsplit=1)[0]


def _reasons(errors: list[str], findings: list[Finding]) -> tuple[str, ...]:
    said = [error for error in errors if not error.startswith(_NO_REASON)]
    return _unique(said if said or any(finding.mandatory for finding in findings) else errors)


def _unique(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(found))
