"""Write a draft: by Pulumi, else into the stack file and this machine's secret files. All of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_stack.backends import secret_files
from airflow_stack.config import SECRET_KEYS
from airflow_stack.config.load import raw_from_yaml
from airflow_stack.errors import OperationError
from airflow_stack.operations.init.draft import Draft, same
from airflow_stack.operations.init.fields import MISSING
from airflow_stack.operations.init.stack_text import edited
from airflow_stack.operations.pulumi_cli import PASSPHRASE, PulumiCli

_NEW_FILE = """\
# yaml-language-server: $schema=./airflow-stack.schema.json
# Every key and its default: airflow-stack config -s {stack}. Secrets: pulumi config set --secret.
config:
"""


def write(path: Path, before: Draft, after: Draft, secrets: Path, pulumi: PulumiCli | None) -> list[str]:
    """Write what differs, and return what there is to say about how. On failure the stack file is as it was."""
    changes = changed(before, after)
    given = after.given()
    original = path.read_bytes() if path.exists() else None
    if original is not None and not changes and not given:
        return []
    try:
        if original is None:
            path.write_text(_NEW_FILE.format(stack=after.stack), encoding="utf-8")
        if pulumi is not None:
            notes = _by_pulumi(path, before, after, changes, pulumi)
        else:
            notes = _directly(path, before, after, changes, secrets)
    except BaseException:
        if original is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(original)
        raise
    return notes


def changed(before: Draft, after: Draft) -> dict[str, Any]:
    """Sections that differ, whole; MISSING for one that goes."""
    keys = dict.fromkeys((*before.raw, *after.raw))
    return {
        key: after.raw.get(key, MISSING)
        for key in keys
        if key not in SECRET_KEYS and not same(before.raw.get(key, MISSING), after.raw.get(key, MISSING))
    }


def _by_pulumi(path: Path, before: Draft, after: Draft, changes: Mapping[str, Any], pulumi: PulumiCli) -> list[str]:
    given = after.given()
    new = {key: value for key, value in changes.items() if value is not MISSING}
    if new:
        pulumi.set_config(new)
    for key in changes.keys() - new.keys():
        pulumi.remove_config(key)
    for key, value in given.items():
        pulumi.set_secret(key, value)
    _verify(path, after, before.sealed | given.keys())
    own = pulumi.program / PASSPHRASE
    if given and pulumi.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(own):
        return [f"the encrypted secrets open with {PASSPHRASE} alone: keep a copy, it is not in version control"]
    return []


def _directly(path: Path, before: Draft, after: Draft, changes: Mapping[str, Any], secrets: Path) -> list[str]:
    given = after.given()
    sealed = sorted(given.keys() & before.sealed)
    if sealed:
        raise OperationError(
            f"{path.name} holds {', '.join(sealed)} encrypted, which Pulumi alone can replace: install it first"
        )
    notes = ["Pulumi is not installed"]
    if changes:
        nested = {key: _nested(before.raw.get(key), value) for key, value in changes.items()}
        _replace(path, edited(path.read_text(encoding="utf-8"), nested))
        _verify(path, after, before.sealed)
        notes.append(f"the config went into {path.name} directly")
    if given:
        try:
            secret_files.write(secrets, given, {})
        except OSError as error:
            raise OperationError(f"the secrets can't be written below {secrets}: {error.strerror}") from None
        notes.append(f"the secrets went into files of this machine, in {secrets / secret_files.VALUES}")
    return ["; ".join(notes)]


def _nested(old: Any, new: Any) -> Any:
    """Just what differs of a mapping, with MISSING for the keys that go."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {
        key: _nested(old.get(key), new.get(key, MISSING))
        for key in dict.fromkeys((*old, *new))
        if not same(old.get(key, MISSING), new.get(key, MISSING))
    }


def _verify(path: Path, after: Draft, sealed: frozenset[str] | set[str]) -> None:
    raw, found = raw_from_yaml(path.read_text(encoding="utf-8"), path.name)
    plain = {key: value for key, value in raw.items() if key not in SECRET_KEYS}
    if plain != {key: value for key, value in after.raw.items() if key not in SECRET_KEYS} or found != set(sealed):
        raise OperationError(f"{path.name} did not take the answers and was left as it was: edit it by hand")


def _replace(path: Path, text: str) -> None:
    """In one step, so that an interrupted run leaves the old file or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(path.stat().st_mode)
    new.replace(path)
