"""What a check has found, for a person and for a script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from airflow_stack.airflow.deployment import HOME

WARNINGS = ("connection", "variable", "slow")
"""Kinds that are no error: the stack may have what the check does not know of."""


@dataclass(frozen=True)
class Finding:
    """One problem, with its place in the user's files."""

    severity: Literal["error", "warning"]
    kind: str
    message: str
    file: str = ""
    line: int = 0
    source: str = ""
    traceback: tuple[str, ...] = ()


@dataclass(frozen=True)
class DagFile:
    """One file of DAGs."""

    file: str
    seconds: float
    dags: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The whole check of a stack's DAGs."""

    stack: str
    image: str
    seconds: float
    files: tuple[DagFile, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Of the findings, how many are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    def as_json(self) -> str:
        """For a script: all of it."""
        return json.dumps(asdict(self) | {"errors": self.errors}, indent=2)

    def as_text(self) -> str:
        """For a person: a line a problem, as compilers write it, and one about all."""
        lines = [line for finding in self.findings for line in _lines(finding)]
        dags = sum(len(file.dags) for file in self.files)
        slowest = max(self.files, key=lambda file: file.seconds, default=None)
        lines.append(
            f"{_count(dags, 'DAG')} in {_count(len(self.files), 'file')}: {_count(self.errors, 'error')},"
            f" {_count(len(self.findings) - self.errors, 'warning')}"
            + (f"; slowest import {slowest.seconds:.1f} s, {slowest.file}" if slowest else "")
        )
        return "\n".join(lines)


def report(
    stack: str, image: str, answer: Mapping[str, Any], folders: Mapping[str, Path], slow: float, *, strict: bool
) -> Report:
    """The container's answer with the user's paths, and with what is slow: longer than ``slow`` seconds to import."""
    limit = float(answer["import_timeout"])
    findings = [_finding(raw, folders) for raw in answer["problems"]]
    files = []
    for raw in answer["files"]:
        file = DagFile(_path(raw["file"], folders), raw["seconds"], tuple(raw["dags"]))
        files.append(file)
        found = [_finding(each, folders) for each in raw["problems"]]
        # Near the limit is slow, however patient the user: the stack's machine may be busier than this one.
        if file.seconds > min(slow, limit / 2 if limit > 0 else slow) and not any(f.kind == "timeout" for f in found):
            allowed = f"; core.dagbag_import_timeout allows {limit:g} s" if limit > 0 else ""
            found.append(Finding("warning", "slow", f"the import takes {file.seconds:.1f} s{allowed}", file.file))
        findings += found
    if strict:
        findings = [replace(finding, severity="error") for finding in findings]
    return Report(stack, image, answer["seconds"], tuple(files), tuple(findings))


def as_text(problems: Iterable[Mapping[str, Any]], folders: Mapping[str, Path]) -> str:
    """Problems as the report of a check shows them."""
    return "\n".join(line for raw in problems for line in _lines(_finding(raw, folders)))


def _finding(raw: Mapping[str, Any], folders: Mapping[str, Path]) -> Finding:
    return Finding(
        "warning" if raw["kind"] in WARNINGS else "error",
        raw["kind"],
        _path(raw["message"], folders),
        _path(raw["file"], folders),
        raw["line"],
        raw["source"],
        tuple(_path(line, folders) for line in raw["traceback"]),
    )


def _path(text: str, folders: Mapping[str, Path]) -> str:
    """A text with the container's paths written as the user's: relative where that is shorter."""
    for name, folder in folders.items():
        here = str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
        text = text.replace(f"{HOME}/{name}/", f"{here}/")
    return text


def _lines(finding: Finding) -> Iterable[str]:
    place = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
    yield f"{place}{finding.severity}: {finding.message}"
    if len(finding.traceback) > 1:  # one line alone is the source
        yield from (f"    {line}" for line in finding.traceback)
    elif finding.source:
        yield f"    {finding.source}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
