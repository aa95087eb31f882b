"""link_loops.py: a link to a folder that is read already costs no other file its parsing, and is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.patches import link_loops, parsing


class Rules:
    """As Airflow's: of ``.airflowignore``."""

    @staticmethod
    def compile(*_: Any) -> None:
        return None

    @staticmethod
    def match(path: Path, _: Any) -> bool:
        return path.name == "ignored"


def walk(base: str, _: str, rules: Any) -> Iterator[str]:
    """As Airflow's ``_find_path_from_directory``, in its order: rules first, then the check for loops."""
    seen = set()
    for root, folders, files in os.walk(base, followlinks=True):
        folders[:] = [one for one in folders if not rules.match(Path(root) / one, [])]
        for folder in (Path(root, one).resolve() for one in folders):
            if folder in seen:
                raise RuntimeError("Detected recursive loop when walking DAG directory")
            seen.add(folder)
        yield from (str(Path(root, one)) for one in files if not rules.match(Path(root, one), []))


@pytest.fixture
def find(stand_in: Callable[..., ModuleType]) -> Callable[[Path], list[str]]:
    file = stand_in("airflow.utils.file", _find_path_from_directory=walk)
    stand_in("airflow.utils", file=file)
    link_loops.apply()
    return lambda base: sorted(
        str(Path(path).relative_to(base)) for path in file._find_path_from_directory(str(base), "", Rules)
    )


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    for name in ("one.py", "loop/two.py", "ignored/three.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("link", "target"), [("self", "."), ("loop/again", "../loop"), ("loop/up", ".."), ("loop/deep/up", "..")]
)
def test_a_link_that_leads_back_is_passed_over_and_named(
    find: Callable[[Path], list[str]], dags: Path, link: str, target: str
) -> None:
    """Rule: every file is found once; the link, and what it leads to, are told with what to do."""
    (dags / link).parent.mkdir(exist_ok=True)
    (dags / link).symlink_to(target)
    assert find(dags) == ["loop/two.py", "one.py"]
    [(path, text)] = link_loops.problems(dags).items()
    assert path == str(dags / link)
    assert text.startswith(f"leads to {(dags / link).resolve()}, ")
    assert link_loops.ADVICE in text
    (dags / link).unlink()
    find(dags)
    assert link_loops.problems(dags) == {}


def test_a_link_to_what_is_not_read_otherwise_is_followed(find: Callable[[Path], list[str]], dags: Path) -> None:
    """Rule: as git-sync makes it: the link is read, and the folder that it leads to is ignored."""
    (dags / "current").symlink_to("ignored")
    assert find(dags) == ["current/three.py", "loop/two.py", "one.py"]
    assert link_loops.problems(dags) == {}


def test_the_manager_tells_of_it(
    monkeypatch: pytest.MonkeyPatch, find: Callable[[Path], list[str]], dags: Path
) -> None:
    """Rule: as an import error of the link, after the look for files that removes the older ones, and only then."""
    (dags / "self").symlink_to(".")
    find(dags)
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(parsing, "record", lambda path, folder, _: told.append((path, folder)))
    manager = SimpleNamespace(_dag_directory=dags, get_dag_directory=lambda: "dags")
    assert not parsing.told_of_loops(lambda _: False)(manager)
    assert told == []
    assert parsing.told_of_loops(lambda _: True)(manager)
    assert told == [(str(dags / "self"), "dags")]
