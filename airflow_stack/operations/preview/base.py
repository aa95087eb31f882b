"""The commit that a change is measured from, and its files: read with git, without touching the work tree."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow_stack.errors import OperationError

# Where nothing is said: what the project calls its main branch, as the remote has it or as it is here.
BRANCHES = ("origin/HEAD", "origin/main", "main")

# What this machine has settled for itself, such as where its images come from: of both sides, and in no commit.
OWN = ".airflow-stack"


def merge_base(program: Path, ref: str | None) -> str | None:
    """The commit at which the work in ``program`` has left ``ref``; None where nothing was said and there is none.

    Raises OperationError for a ref that git does not know.
    """
    for candidate in (ref,) if ref is not None else BRANCHES:
        found = _git(program, "merge-base", "HEAD", "--end-of-options", candidate)
        if found is not None:
            return found.decode().strip()
    if ref is None:
        return None
    raise OperationError(
        f"git finds no commit that HEAD and {ref!r} have in common.\n"
        "Fetch it, or name another one: airflow-stack preview --base main"
    )


@contextmanager
def files_of(program: Path, commit: str) -> Iterator[Path]:
    """The program's directory as the commit has it, in a temporary one."""
    archive = _git(program, "archive", "--format=tar", commit)
    if archive is None:
        raise OperationError(f"git can't read the files of {commit}")
    with TemporaryDirectory(prefix="airflow-stack-base-") as directory:
        path = Path(directory).resolve() / "program"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # A link may lead anywhere, as it may in the repository.
            tar.extractall(path, filter="tar")
        if (own := program / OWN).is_dir() and not (path / OWN).exists():
            (path / OWN).symlink_to(own)
        yield path


def _git(program: Path, *arguments: str) -> bytes | None:
    try:
        result = subprocess.run(["git", "-C", str(program), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return result.stdout if result.returncode == 0 else None
