"""Where a backup is: a file of this machine, or an object of S3."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors

SCHEME = "s3://"


@dataclass(frozen=True)
class S3Object:
    """An object, there or not."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


Place = Path | S3Object


def new_place(to: str | None, name: str, home: str) -> Place:
    """Where a backup of this name goes. A directory, or a key that is empty or ends with a slash, gets it added.

    Raises OperationError for a file that is there, or a directory that is not.
    """
    text = to if to is not None else home
    if text.startswith(SCHEME):
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        _check_bucket(bucket, text)
        return S3Object(bucket, f"{key}{name}" if not key or key.endswith("/") else key)
    path = Path(text).expanduser()
    path = path / name if path.is_dir() else path
    if path.exists():
        raise OperationError(f"{path} is there already.\nName another file, or move it away.")
    if not path.parent.is_dir():
        raise OperationError(f"the directory {path.parent} does not exist.\nMake it: mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise OperationError(f"this user may not write to {path.parent}.\nName another directory with --to.")
    return path


def old_place(source: str) -> Place:
    """Where a backup is. Raises OperationError for a file that is not there."""
    if source.startswith(SCHEME):
        bucket, _, key = source.removeprefix(SCHEME).partition("/")
        _check_bucket(bucket, source)
        if not key or key.endswith("/"):
            raise OperationError(f"{source} names no object.\nWrite it as s3://bucket/key.")
        return S3Object(bucket, key)
    path = Path(source).expanduser()
    if not path.is_file():
        raise OperationError(f"there is no file {path}.")
    return path


def _check_bucket(bucket: str, text: str) -> None:
    if not bucket:
        raise OperationError(f"{text} names no bucket.\nWrite it as s3://bucket/key.")


@contextmanager
def new_file(path: Path) -> Iterator[Any]:
    """A file to write to, for its owner alone. It gets its name when it is complete, and is gone after any error."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def temporary_file(name: str) -> Iterator[Path]:
    """A path in a directory of its own, which is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="airflow-stack-"))
    try:
        yield folder / name
    finally:
        shutil.rmtree(folder)


def upload(path: Path, place: S3Object, region: str | None = None) -> None:
    """Raises OperationError where S3 refuses."""
    with _s3(region) as s3:
        s3.upload_file(str(path), place.bucket, place.key)


def download(place: S3Object, path: Path, region: str | None = None) -> None:
    """To a new file. Raises OperationError where S3 refuses."""
    with _s3(region) as s3, new_file(path) as file:
        s3.download_fileobj(place.bucket, place.key, file)


def copy(source: S3Object, to: S3Object, region: str) -> None:
    """From one bucket to another, not by way of this machine. Raises OperationError where S3 refuses."""
    with _s3(region) as s3:
        s3.copy({"Bucket": source.bucket, "Key": source.key}, to.bucket, to.key)


def delete(place: S3Object, region: str) -> None:
    """Raises OperationError where S3 refuses."""
    with _s3(region) as s3:
        s3.delete_object(Bucket=place.bucket, Key=place.key)


@contextmanager
def _s3(region: str | None) -> Iterator[Any]:
    import boto3
    from boto3.exceptions import Boto3Error

    where = region or boto3.session.Session().region_name or "us-east-1"
    with plain_errors(where):
        try:
            yield client("s3", where)
        except Boto3Error as error:  # of uploads: with the reason in its text
            raise OperationError(f"S3 refuses: {error}") from None
