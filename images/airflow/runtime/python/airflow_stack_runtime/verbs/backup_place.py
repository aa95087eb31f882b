"""Where the file of a backup is for the program: a path of the container, or an object of S3 with a copy beside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEME = "s3://"


@contextmanager
def written(to: str) -> Iterator[Path]:
    """A path to write to, which goes to its place when it is complete."""
    if not to.startswith(SCHEME):
        yield Path(to)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "backup.tar.gz")
        yield path
        bucket, key = _object(to)
        _s3().upload_file(str(path), bucket, key)


@contextmanager
def read(source: str) -> Iterator[Path]:
    """A path to read from, as often as one likes."""
    if not source.startswith(SCHEME):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "backup.tar.gz")
        bucket, key = _object(source)
        _s3().download_file(bucket, key, str(path))
        yield path


def _object(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return bucket, key


def _s3() -> Any:
    import boto3

    return boto3.client("s3")
