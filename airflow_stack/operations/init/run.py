"""`airflow-stack init`: read, ask or take the options, check all of it, write, and say what was done."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from airflow_stack.backends import secret_files
from airflow_stack.config import SECRET_KEYS, AwsConfig, ConfigError
from airflow_stack.config.load import secrets_directory
from airflow_stack.config.models import model_of
from airflow_stack.errors import OperationError
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.init import report
from airflow_stack.operations.init.draft import Draft
from airflow_stack.operations.init.interview import ask_secret, confirm, interview
from airflow_stack.operations.init.options import Options, answered, blame_options, refuse
from airflow_stack.operations.init.questions import QUESTIONS, Question
from airflow_stack.operations.init.write import write
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.target import target_of

_STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

# What becomes of a secret's old value, where that is more than a new login.
_KEPT_BY_DATABASE = "The database keeps the password that it was made with: change it there too."
_CONSEQUENCES = {
    "fernet_key": "Connections and variables of the database open with the old key alone: give NEW,OLD to keep them.",
    "postgres_password": _KEPT_BY_DATABASE,
    "airflow_database_password": _KEPT_BY_DATABASE,
}


def init(directory: Path, stack: str, say: Say, options: Options, *, terminal: bool) -> None:
    """Configure a stack. Raises ConfigError for bad answers and OperationError, both with nothing changed."""
    program = directory.resolve()
    if not _STACK_NAME.fullmatch(stack):
        raise refuse("", "a stack's name must be up to 100 letters, digits, '-', '_' or '.', such as staging")
    if not (program / "Pulumi.yaml").exists():
        raise OperationError(f"there is no Pulumi.yaml in {program}: run this in the project's directory")
    path = program / f"Pulumi.{stack}.yaml"
    secrets = secrets_directory(program, stack)
    before = Draft.read(path, stack)
    kept = _kept(secrets)
    existing = before.sealed | kept.keys()

    if options.interactive:
        _refuse_to_ask_in_vain(before, path.name, terminal=terminal)
        after = interview(before, existing, say)
    else:
        after = _ask_replacements(answered(before, options, kept, say), options, say, terminal=terminal)
    from_machine = {problem.key for problem in after.problems()} & set(SECRET_KEYS) & kept.keys()
    for key in from_machine:  # required in the stack file, and known here
        after = after.with_secret(key, kept[key])
    try:
        config = after.config(path.name)
    except ConfigError as error:
        raise blame_options(error, before) from None
    _agree(before, after, options, existing, say, terminal=terminal)

    new = not path.exists()
    pulumi = PulumiCli.find(program, stack)
    if pulumi is None:
        after = after.with_sealed(from_machine)
    notes = write(path, before, after, secrets, pulumi)
    for line in (
        *report.summary(before, after, path.name, new=new),
        *notes,
        *report.secrets_left(config, after, kept),
        *report.administrators_part(config, after, kept),
        f"next: {target_of(config, program, stack).next_command}",
    ):
        say(line)


def _kept(secrets: Path) -> dict[str, str]:
    try:
        return secret_files.kept(secrets)
    except OSError as error:
        raise OperationError(
            f"the secrets in {secrets} can't be read ({error.strerror}): run this as the user who runs the stack"
        ) from None


def _refuse_to_ask_in_vain(draft: Draft, source: str, *, terminal: bool) -> None:
    """Of AWS, without a terminal, or with something wrong in the file that none of the questions is about."""
    if model_of(draft.raw) is AwsConfig:
        raise refuse("target.kind", "the questions are about stacks of this machine, and this one runs on AWS",
                     f"edit {source}, or give answers by --set, such as --set target.worker.max=10")  # fmt: skip
    if not terminal:
        raise refuse("", "the questions need a terminal", "give --yes, or answers by --set KEY=VALUE")
    asked = {question.key for _, questions in QUESTIONS for question in questions}
    problems = [problem for problem in draft.problems() if problem.joins or problem.key not in asked]
    if problems:
        raise ConfigError(problems, source)


def _ask_replacements(draft: Draft, options: Options, say: Say, *, terminal: bool) -> Draft:
    """New values for secrets that are to be replaced and that no --secret has brought."""
    for key in options.replace:
        if key in draft.given():
            continue
        if options.yes or not terminal:
            raise refuse(key, "has no new value", f"--secret {key}=- reads it from standard input, =@FILE from a file")
        draft = ask_secret(draft, Question(key, f"New {key}"), (), say)
    return draft


def _agree(
    before: Draft, after: Draft, options: Options, existing: Collection[str], say: Say, *, terminal: bool
) -> None:
    """Ask before a secret is replaced, and before the answers to the questions are written."""
    replaced = [key for key in options.replace if key in after.given() and key in existing and not options.yes]
    if replaced and not terminal:
        raise refuse(replaced[0], "is replaced after a question, which needs a terminal", "add --yes")
    for key in replaced:
        say(f"  {_CONSEQUENCES.get(key, 'The old value works until the next make up.')}")
        _stop_unless(confirm(f"Replace {key}?", default=False))
    if options.interactive:
        say("")
        for line in report.changes(before, after) or ["  every answer is what it was"]:
            say(line)
        _stop_unless(confirm("Write this?", default=True))


def _stop_unless(agreed: bool) -> None:
    if not agreed:
        raise OperationError("stopped; nothing was changed")
