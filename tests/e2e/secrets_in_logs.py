"""Looks for secrets where none may be: `assert leaks(stack) == []` after whatever has been done to a stack.

It reads every container's log, of removed ones too, what every command has printed, the files below logs/, Pulumi's
events and history, and each other file of the project. A finding names the secret and the place, never the value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from e2e.stack import Stack

SHORTEST = 8
"""Characters of a secret. A shorter text is in any log, and config takes no shorter password."""

# What a password can be guessed from, at leisure. Nobody knows its text beforehand.
VERIFIERS = {
    "PostgreSQL's verifier of a password": re.compile(r"SCRAM-SHA-256\$\d+:[\w+/=]+\$"),
    "Airflow's hash of a password": re.compile(r"(?:scrypt|pbkdf2)(?::\w+)+\$[^\s$]+\$[0-9a-f]{32}"),
}


def leaks(stack: Stack, **more: str) -> list[str]:
    """Which secret that a stack has or had shows where; ``more`` are some that are in none of its files, by name."""
    stack.remember()
    return found_in(stack.known | more, dict(places(stack)))


def places(stack: Stack) -> Iterator[tuple[str, str]]:
    """Everything that a stack and the commands on it have written, by where it stands."""
    for number, output in enumerate(stack.outputs):
        yield f"the output of command {number}", output
    yield from stack.session.container_logs(stack.name).items()
    for path in stack.program.rglob("*"):
        if _is_written(path.relative_to(stack.program), stack) and path.is_file() and not path.is_symlink():
            yield str(path.relative_to(stack.program)), path.read_text(errors="replace")


def _is_written(path: Path, stack: Stack) -> bool:
    """Not where secrets belong, nor what came with the project, nor the providers, which are the machine's."""
    state = Path(".airflow-stack")
    kept = (
        state / stack.name / "secrets",
        state / "passphrase",
        Path("tests"),
        Path(".venv"),
        Path(".pulumi-home/plugins"),
    )
    return not any(path.is_relative_to(one) for one in kept)


def found_in(secrets: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Which secret shows in which text, in any form."""
    wanted = {name: forms(value) for name, value in parts(secrets).items()}
    assert wanted, "there is no secret to look for"
    found = [
        f"{name} shows in {place}"
        for place, text in places.items()
        for name, written in wanted.items()
        if any(form in text for form in written)
    ]
    return found + [
        f"{what} shows in {place}"
        for place, text in places.items()
        for what, pattern in VERIFIERS.items()
        if pattern.search(text)
    ]


def parts(secrets: Mapping[str, str]) -> dict[str, str]:
    """Every secret by name, and by a name of its own each secret that one is made of."""
    found: dict[str, str] = {}
    for name, text in secrets.items():
        value = text.strip()
        pieces = {name: value}
        if "://" in value:
            password = urlsplit(value).password or ""
            pieces |= {f"{name}, password": password, f"{name}, password unquoted": unquote(password)}
        elif value.startswith("{"):
            pieces |= {f"{name}, {key}": word for key, word in json.loads(value).items() if _is_secret(key, word)}
        else:  # the keys of a rotated Fernet key; user and password of a login
            pieces |= {f"{name}, part {number}": part for number, part in enumerate(re.split("[,:]", value))}
        found |= {key: piece for key, piece in pieces.items() if len(piece) >= SHORTEST and piece not in found.values()}
    return found


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and bool(re.search("password|secret|token|key", key))


def forms(secret: str) -> set[str]:
    """How a secret may stand in a text."""
    data = secret.encode()
    # A Fernet key is URL-safe base64: in standard base64 it is the same key.
    plain = {secret, secret.translate(str.maketrans("-_", "+/"))}
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret), escape(secret), secret.replace("'", "''")}
    strings = {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], repr(secret)[1:-1]}
    return plain | quoted | strings | {data.hex(), data.hex().upper()} | set(_base64(data))


def _base64(data: bytes) -> Iterator[str]:
    """In base64, wherever it begins in a longer text such as ``user:password``: what no neighbour changes."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + data).decode().rstrip("=")
            own = text[-(-before * 8 // 6) :]
            yield own if (before + len(data)) % 3 == 0 else own[:-1]
