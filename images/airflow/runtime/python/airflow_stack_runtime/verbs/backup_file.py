"""The file of a backup: a gzipped tar of table parts, a manifest and the sealed Fernet key, the same for all targets.

In this order: ``tables/<table>/<number>``, parts of PostgreSQL's COPY in text format; ``manifest.json``, which names
each part with its size and SHA-256; ``fernet_key.json``, the source's key, sealed together with the manifest. So a file
without its end has no manifest, and one of which anything was changed does not open.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

FORMAT = 1
PART = 16 * 1024 * 1024
"""Bytes of a table in memory at a time. A tar names the size before the content: parts need no space on the disk."""
SMALL = 64 * 1024 * 1024
"""Bytes that a manifest or a key has at most."""
COMPRESSION = 3
"""Of gzip's nine: twice as fast as its own default, for a tenth more space."""
MANIFEST, KEY = "manifest.json", "fernet_key.json"


class BackupFileError(Exception):
    """The file is damaged, was changed, or is no backup. One sentence for a person."""


@dataclass(frozen=True)
class Part:
    """One member of the tar with rows of a table."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Table:
    """What the file has of a table."""

    name: str
    columns: list[str]
    rows: int
    parts: list[Part]


@dataclass(frozen=True)
class Manifest:
    """What the file is of, and everything that is in it."""

    stack: str
    airflow: str
    """Version."""
    revisions: dict[str, str]
    """Migration that the database is at, by Alembic's table."""
    created_at: str
    """UTC, ISO 8601."""
    sequences: dict[str, int] = field(default_factory=dict)
    """Next value, by name."""
    tables: list[Table] = field(default_factory=list)
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    def text(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def of(cls, text: bytes) -> Manifest:
        """Raises BackupFileError for a format that is not ours."""
        try:
            values: dict[str, Any] = json.loads(text)
            if values["format"] != FORMAT:
                raise BackupFileError(
                    f"the backup has format {values['format']}, and this image reads {FORMAT}: use the airflow-stack"
                    " that made it, or a newer one"
                )
            tables = [
                Table(**(table | {"parts": [Part(**part) for part in table["parts"]]})) for table in values["tables"]
            ]
            return cls(**(values | {"tables": tables}))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BackupFileError("its manifest can't be read: this is no backup of airflow-stack") from None


class Writer:
    """Writes a backup from its first byte to its last: tables, then ``finish``."""

    def __init__(self, file: BinaryIO) -> None:
        """``file`` needs no seeking."""
        self._gzip = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=COMPRESSION)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|")  # noqa: SIM115 - closed by finish
        self._now = int(time.time())

    def add(self, name: str, content: bytes) -> Part:
        """One member."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = len(content), 0o600, self._now
        self._tar.addfile(member, io.BytesIO(content))
        return Part(name, len(content), hashlib.sha256(content).hexdigest())

    def table(self, name: str) -> TableWriter:
        """Where COPY writes the rows of a table to."""
        return TableWriter(self, name)

    def finish(self, manifest: bytes, key: dict[str, str]) -> None:
        """What makes it a whole backup."""
        self.add(MANIFEST, manifest)
        self.add(KEY, json.dumps(key, sort_keys=True).encode())
        self._tar.close()
        self._gzip.close()


class TableWriter:
    """A file for COPY, cut into parts."""

    def __init__(self, writer: Writer, table: str) -> None:
        self.parts: list[Part] = []
        self._writer, self._table = writer, table
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        """More of it."""
        self._buffer += data
        if len(self._buffer) >= PART:
            self._flush()
        return len(data)

    def close(self) -> list[Part]:
        """All parts; none for a table without rows."""
        if self._buffer:
            self._flush()
        return self.parts

    def _flush(self) -> None:
        self.parts.append(self._writer.add(f"tables/{self._table}/{len(self.parts):06}", bytes(self._buffer)))
        self._buffer.clear()


@dataclass(frozen=True)
class Verified:
    """A file that is whole: every part is there, and what the manifest says it is."""

    manifest: Manifest
    manifest_text: bytes
    """Sealed with the key."""
    key: dict[str, str]


def verify(file: BinaryIO) -> Verified:
    """Read all of the file, and compare it with its manifest.

    Raises BackupFileError for everything that is not as it was written. Whether all of it was written by the one who
    knows the passphrase is known when the key is opened.
    """
    with _sound():
        found, texts = _read(file)
    if MANIFEST not in texts or KEY not in texts:
        raise BackupFileError("it has no manifest or no key: its end is missing, or it is no backup of airflow-stack")
    manifest = Manifest.of(texts[MANIFEST])
    expected = [part for table in manifest.tables for part in table.parts]
    for one, other in itertools.zip_longest(expected, found):
        if one != other:
            raise BackupFileError(f"{(one or other).name} is not what was saved: the file is damaged or was changed")
    try:
        key = {str(name): str(value) for name, value in json.loads(texts[KEY]).items()}
    except (ValueError, AttributeError):
        raise BackupFileError(f"its {KEY} can't be read: the file is damaged or was changed") from None
    return Verified(manifest, texts[MANIFEST], key)


def _read(file: BinaryIO) -> tuple[list[Part], dict[str, bytes]]:
    """The parts as they are, and the text of the two members that are none."""
    found: list[Part] = []
    texts: dict[str, bytes] = {}
    for member, content in _members(file):
        if member.name in (MANIFEST, KEY):
            if member.size > SMALL:
                raise BackupFileError(f"its {member.name} is too large: this is no backup of airflow-stack")
            texts[member.name] = content.read()
            continue
        digest = hashlib.sha256()
        while data := content.read(1024 * 1024):
            digest.update(data)
        found.append(Part(member.name, member.size, digest.hexdigest()))
    return found, texts


def contents(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Name and content, for COPY, of each table with rows.

    ``file`` has been verified. One content is read before the next is asked for.
    """
    parts = ((member, content) for member, content in _members(file) if member.name not in (MANIFEST, KEY))
    for table, group in itertools.groupby(parts, key=lambda part: _table(part[0].name)):
        yield table, _Joined(content for _, content in group)


def _table(part: str) -> str:
    return part.removeprefix("tables/").rpartition("/")[0]


class _Joined:
    """One file made of several."""

    def __init__(self, files: Iterator[Any]) -> None:
        self._files = files
        self._file: Any = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, none at the end."""
        while not (data := self._file.read(size)):
            following = next(self._files, None)
            if following is None:
                return b""
            self._file = following
        return bytes(data)


def _members(file: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, Any]]:
    """Every member and its content, in order."""
    with tarfile.open(fileobj=file, mode="r|gz") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                raise BackupFileError(f"{member.name} is no file: this is no backup of airflow-stack")
            yield member, content


@contextmanager
def _sound() -> Iterator[None]:
    """BackupFileError for what gzip and tar find."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, OSError):
        raise BackupFileError("the file is damaged, not complete, or no backup of airflow-stack") from None
