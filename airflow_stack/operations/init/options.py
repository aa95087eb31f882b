"""Answers given on the command line: read, checked, and put into a draft."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_stack.config import SECRET_KEYS, ConfigError
from airflow_stack.config.errors import Problem
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.init.draft import Draft

# Answers that decide which other keys there are: put in before those.
_FIRST = ("target.kind", "airflow.executor", "database.kind", "broker.kind")


@dataclass(frozen=True)
class Options:
    """Answers given on the command line. With any of them, the questions are not asked."""

    yes: bool = False
    values: tuple[str, ...] = ()
    """``worker.count=3``"""
    secrets: tuple[str, ...] = ()
    """``admin_password=-`` for standard input, or ``=@FILE``"""
    replace: tuple[str, ...] = ()
    """Secrets that may be replaced."""

    @property
    def interactive(self) -> bool:
        """Whether the questions are to be asked."""
        return not (self.yes or self.values or self.secrets or self.replace)


def refuse(key: str, message: str, mend: str = "") -> ConfigError:
    """The error for an option that can't be used."""
    return ConfigError([Problem(key, message, mend=mend)])


def answered(draft: Draft, options: Options, kept: Mapping[str, str], say: Say) -> Draft:
    """The draft with the options' answers. A secret that exists stays, unless the options name it to be replaced."""
    values = [_split(text, "--set", "worker.count=3") for text in options.values]
    for key, _ in values:
        if key in SECRET_KEYS:
            raise refuse(key, "is a secret, and a command line is no place for one", f"--secret {key}=-")
    for key in options.replace:
        _check_name(key)
    given = _read_secrets(options.secrets)
    existing = (draft.sealed | kept.keys()) - set(options.replace)
    for key, text in sorted(values, key=lambda value: value[0] not in _FIRST):
        draft = draft.with_value(key, draft.field(key).convert(text))
    for key, text in given.items():
        if key not in existing:
            draft = draft.with_secret(key, text)
        elif kept.get(key) != text:
            say(f"{key} exists and was kept; to replace it, add --replace-secret {key}")
    return draft


def blame_options(error: ConfigError, before: Draft) -> ConfigError:
    """What an option has brought in is mended there, and not in the file."""
    known = before.problems()
    problems = []
    for problem in error.problems:
        if problem.key in SECRET_KEYS and problem.key not in before.sealed:
            problem = replace(
                problem, mend=f"--secret {problem.key}=- reads it from standard input, =@FILE from a file"
            )
        elif problem not in known and problem.key not in before.sealed:
            problem = replace(problem, mend="")
        problems.append(problem)
    return ConfigError(problems, error.source)


def _read_secrets(texts: tuple[str, ...]) -> dict[str, str]:
    """Values by key. No message shows what stands in place of - or @FILE: it may be the secret."""
    found: dict[str, str] = {}
    input_is_read = False
    for text in texts:
        key, source = _split(text, "--secret", "admin_password=-")
        _check_name(key)
        if source == "-":
            if input_is_read:
                raise refuse(key, "standard input holds one secret only", f"--secret {key}=@FILE")
            input_is_read = True
            value = sys.stdin.read()
        elif source.startswith("@"):
            try:
                value = Path(source[1:]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise refuse(key, f"its file can't be read: {type(error).__name__}") from None
        else:
            raise refuse(key, "can't be given on the command line, where others see it",
                         f"--secret {key}=- reads it from standard input, =@FILE from a file")  # fmt: skip
        found[key] = value.rstrip("\r\n")
    return found


def _check_name(key: str) -> None:
    if key not in SECRET_KEYS:
        raise refuse("", f"there is no such secret; the secrets are {', '.join(SECRET_KEYS)}")


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise refuse("", f"{option} takes KEY=VALUE", f"{option} {example}")
    return key.strip(), value
