"""dags_check.py and dag_file.py: what is wrong with DAG files, and that no file can hurt the check of the others."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from airflow_stack_runtime import memory
from airflow_stack_runtime.verbs.dag_file import Found, Problem, examine, problem
from airflow_stack_runtime.verbs.dag_references import Reference
from airflow_stack_runtime.verbs.dags_check import duplicates, missing
from airflow_stack_runtime.verbs.throwaway import Known


def well(path: str, folders: Sequence[str]) -> Found:
    return Found(path, 0.5, ["a"], [], [Reference("variable", folders[0])])


def leave(*_: object) -> Found:
    os._exit(3)


def leave_politely(*_: object) -> Found:
    sys.exit("enough")


def die(*_: object) -> Found:
    os.kill(os.getpid(), signal.SIGKILL)
    return Found("")


def overflow(*_: object) -> Found:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Found("")


def signal_the_parent(*_: object) -> Found:
    os.kill(os.getppid(), signal.SIGTERM)
    return Found("")


def signal_the_group(*_: object) -> Found:
    os.killpg(0, signal.SIGKILL)
    return Found("")


def leave_a_child(*_: object) -> Found:
    if os.fork() == 0:
        time.sleep(60)
    os._exit(4)


def hang(*_: object) -> Found:
    while True:
        time.sleep(60)


def test_a_file_is_looked_at_in_a_process_of_its_own() -> None:
    """Rule: what the child finds comes back as it is."""
    assert examine("x.py", ["here"], 60, well) == well("x.py", ["here"])


@pytest.mark.parametrize(
    ("look", "seconds", "kind", "words"),
    [
        (leave, 60, "crash", "exit code 3"),
        (leave_politely, 60, "crash", "SystemExit: enough"),
        (die, 60, "crash", "by signal SIGKILL; look for os._exit"),
        (overflow, 60, "crash", "by signal SIGSEGV; signal 11: look for a recursion without end in it, or a C ext"),
        (signal_the_group, 60, "crash", "by signal SIGKILL"),
        (signal_the_parent, 60, "crash", "by signal SIGTERM"),
        (leave_a_child, 60, "crash", "exit code 4"),
        (hang, 0.2, "timeout", "never ends"),
    ],
)
def test_a_file_that_ends_or_hangs_its_process(look: object, seconds: float, kind: str, words: str) -> None:
    """Rule: the child may do what it likes: it is one problem of this file."""
    [found] = examine("x.py", [], seconds, look).problems  # type: ignore[arg-type]
    assert (found.kind, found.file) == (kind, "x.py")
    assert words in found.message


def test_a_file_that_is_killed_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the kernel's count tells it from any other kill; limit and key are said."""
    counts = iter((3, 4))
    monkeypatch.setattr(memory, "read", lambda: memory.Memory(768, 768, next(counts)))
    monkeypatch.setenv("AIRFLOW_STACK_MEMORY_ADVICE", "raise airflow-stack:scheduler.memory to 1536 (now 768)")
    [found] = examine("x.py", [], 60, die).problems
    assert found.kind == "memory"
    assert "limit of 768 MiB" in found.message
    assert found.message.endswith("or raise airflow-stack:scheduler.memory to 1536 (now 768)")


def test_the_child_is_killed_before_the_check_for_memory() -> None:
    """Rule: the kernel is told so."""
    score = lambda *_: Found(Path("/proc/self/oom_score_adj").read_text().strip())  # noqa: E731
    assert int(examine("x.py", [], 60, score).file) >= memory.EXPENDABLE


def test_the_place_of_an_error(tmp_path: Path) -> None:
    """Rule: the last line of the user's is the place, whatever library it has called; the way there is shown."""
    path = tmp_path / "x.py"
    path.write_text("import json\ndef read():\n    return json.loads('{')\nread()\n")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any that json raises
        exec(compile(path.read_text(), str(path), "exec"), {})  # noqa: S102
    found = problem(caught.value, [str(tmp_path)], str(path), "import")
    assert (found.file, found.line, found.source) == (str(path), 3, "return json.loads('{')")
    assert found.traceback == [f"{path}:4: read()", f"{path}:3: return json.loads('{{')"]
    assert found.message.startswith("JSONDecodeError: ")


def test_the_place_of_a_syntax_error(tmp_path: Path) -> None:
    """Rule: it has no frame; its own place counts."""
    with pytest.raises(SyntaxError) as caught:
        compile("\ndef f(:", f"{tmp_path}/x.py", "exec")
    found = problem(caught.value, [str(tmp_path)], f"{tmp_path}/x.py", "import")
    assert (found.line, found.source) == (2, "def f(:")


def test_duplicates() -> None:
    """Rule: each file that holds a DAG of another one's name is told which that is."""
    files = [Found("a.py", dags=["one", "two"]), Found("b.py", dags=["two"]), Found("c.py", dags=["three"])]
    assert duplicates(files) == [
        Problem("duplicate", "DAG two is in b.py too", "a.py"),
        Problem("duplicate", "DAG two is in a.py too", "b.py"),
    ]


def test_missing(tmp_path: Path) -> None:
    """Rule: a name is missed once, at the place that says most: at import, else a line, else the task."""
    places = [
        Reference("variable", "x", "a.py", where="d.t: env"),
        Reference("variable", "x", "a.py", 7),
        Reference("variable", "x", "a.py", 3, at_import=True),
        Reference("connection", "db", "a.py", where="d.t: conn_id"),
        Reference("connection", "known", "a.py", 9),
    ]
    found = missing(places, Known({"connections": ["known"]}, tmp_path, {}))
    assert [(each.kind, each.line, each.message) for each in found] == [
        ("connection", 0, "connection db is missing (d.t: conn_id)"),
        ("variable", 3, "variable x is missing, asked for while the file is imported"),
    ]
