"""A report as JSON. Pure."""

from __future__ import annotations

import dataclasses
import json

from airflow_stack.operations.preview.change import Report


def as_json(report: Report) -> str:
    """All of it, and which changes put data at stake."""
    document = dataclasses.asdict(report) | {"failed": report.failed}
    for shown, stack in zip(document["stacks"], report.stacks, strict=True):
        shown["failed"] = stack.failed
        for change, one in zip(shown["changes"], stack.changes, strict=True):
            change["loses"] = one.loses
    return json.dumps(document, indent=2) + "\n"
