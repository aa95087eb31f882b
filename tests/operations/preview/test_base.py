"""Where a change begins: git, without a touch of the work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations.preview.base import files_of, merge_base


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A program in a folder of a repository: main has gone on since the branch has left it."""
    root = tmp_path / "repository"
    program = root / "deploy"
    program.mkdir(parents=True)
    git(root, "init", "--quiet")
    (root / "unrelated").write_text("x")
    (program / "Pulumi.prod.yaml").write_text("first")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    git(root, "branch", "work")
    (program / "Pulumi.prod.yaml").write_text("second on main")
    git(root, "commit", "--quiet", "-am", "second")
    git(root, "switch", "--quiet", "work")
    (program / "Pulumi.prod.yaml").write_text("not committed")
    return program


def test_the_base_is_where_the_branch_has_left_main(repository: Path) -> None:
    """Rule: what main got since is no change of this branch; without a word, main is asked."""
    first = git(repository, "rev-parse", "work")
    assert merge_base(repository, "main") == merge_base(repository, None) == first


def test_the_files_are_those_of_the_program_at_that_commit(repository: Path) -> None:
    """Rule: the program's folder alone; the work tree, its index and git's list of work trees stay as they are."""
    before = git(repository, "status", "--porcelain")
    with files_of(repository, git(repository, "rev-parse", "main")) as files:
        assert [path.name for path in files.iterdir()] == ["Pulumi.prod.yaml"]
        assert (files / "Pulumi.prod.yaml").read_text() == "second on main"
    assert not files.exists()
    assert (repository / "Pulumi.prod.yaml").read_text() == "not committed"
    assert git(repository, "status", "--porcelain") == before
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_what_the_machine_has_settled_counts_for_both_sides(repository: Path) -> None:
    """Rule: where images come from is no difference between two commits."""
    (repository / ".airflow-stack").mkdir()
    (repository / ".airflow-stack" / "image-origin").write_text("debian")
    with files_of(repository, git(repository, "rev-parse", "main")) as files:
        assert (files / ".airflow-stack" / "image-origin").read_text() == "debian"
    assert (repository / ".airflow-stack" / "image-origin").exists()


def test_an_unknown_base_is_an_error_with_what_to_do(repository: Path) -> None:
    """Rule: a typo does not quietly compare with nothing. An option of git's is none here."""
    for ref in ("no-such-branch", "--all"):
        with pytest.raises(OperationError, match="airflow-stack preview --base main"):
            merge_base(repository, ref)


def test_without_a_repository_there_is_no_base(tmp_path: Path) -> None:
    """Rule: a downloaded archive can be previewed too."""
    assert merge_base(tmp_path, None) is None
