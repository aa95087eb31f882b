"""What a check says: to a person, to a script, and by its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.operations.dags.report import Report, report

HERE = Path.cwd()


def problem(kind: str, **fields: Any) -> dict[str, Any]:
    known = {"file": "/opt/airflow/dags/x.py", "line": 0, "source": "", "traceback": [], "message": f"some {kind}"}
    return known | {"kind": kind} | fields


def of(*problems: dict[str, Any], seconds: float = 0.1, slow: float = 2.0, strict: bool = False) -> Report:
    file = {"file": "/opt/airflow/dags/x.py", "seconds": seconds, "dags": ["a", "b"], "problems": list(problems)}
    answer = {"files": [file], "problems": [], "import_timeout": 30.0, "seconds": 1.0}
    return report("local", "image:tag", answer, {"dags": HERE / "dags"}, slow, strict=strict)


def test_an_error_is_where_an_editor_finds_it() -> None:
    """Rule: FILE:LINE: error: MESSAGE, the path as the user writes it, then the way there."""
    way = ["/opt/airflow/dags/x.py:1: import y", "/opt/airflow/dags/y.py:3: 1 / 0"]
    text = of(problem("import", file="/opt/airflow/dags/y.py", line=3, source="1 / 0", traceback=way)).as_text()
    assert text.splitlines() == [
        "dags/y.py:3: error: some import",
        "    dags/x.py:1: import y",
        "    dags/y.py:3: 1 / 0",
        "2 DAGs in 1 file: 1 error, 0 warnings; slowest import 0.1 s, dags/x.py",
    ]


def test_what_the_stack_may_have_is_a_warning() -> None:
    """Rule: missing connections and variables are warnings, errors if asked for; all else is an error."""
    found = [problem(kind) for kind in ("connection", "variable", "import", "cycle", "duplicate", "timeout", "crash")]
    assert [finding.severity for finding in of(*found).findings] == ["warning"] * 2 + ["error"] * 5
    assert of(*found[:2]).errors == 0
    assert of(*found[:2], strict=True).errors == 2


@pytest.mark.parametrize(
    ("seconds", "slow", "kinds"),
    [(1.9, 2.0, []), (2.1, 2.0, ["slow"]), (2.1, 60.0, []), (15.1, 60.0, ["slow"]), (0.2, 0.1, ["slow"])],
)
def test_slow_imports(seconds: float, slow: float, kinds: list[str]) -> None:
    """Rule: slow is longer than asked for, and in any case half of what Airflow allows, which is 30 s here."""
    assert [finding.kind for finding in of(seconds=seconds, slow=slow).findings] == kinds


def test_an_import_that_never_ends_is_not_slow_too() -> None:
    """Rule: one cause, one finding."""
    assert [finding.kind for finding in of(problem("timeout"), seconds=31).findings] == ["timeout"]


def test_the_report_as_json() -> None:
    """Rule: a script finds the number of errors, the DAGs by file, and each finding with its kind."""
    found = json.loads(of(problem("cycle")).as_json())
    assert found["errors"] == 1
    assert found["files"] == [{"file": "dags/x.py", "seconds": 0.1, "dags": ["a", "b"]}]
    assert found["findings"][0]["kind"] == "cycle"
    assert (found["stack"], found["image"]) == ("local", "image:tag")
