"""Ask the questions on a terminal. What is typed is checked by the model while it is being typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import questionary

from airflow_stack.config.secrets import Secrets
from airflow_stack.errors import OperationError
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.init.draft import Draft, same
from airflow_stack.operations.init.fields import MISSING
from airflow_stack.operations.init.questions import QUESTIONS, Question


def interview(draft: Draft, existing: Collection[str], say: Say) -> Draft:
    """Every question that matters, each with the current value as its default. Raises OperationError when stopped."""
    for group, questions in QUESTIONS:
        say(f"\n{group}")
        for question in questions:
            if not question.when(draft):
                continue
            if question.secret:
                draft = ask_secret(draft, question, existing, say)
            elif draft.field(question.key).exists:
                draft = _ask_value(draft, question, say)
    return draft


def ask_secret(draft: Draft, question: Question, existing: Collection[str], say: Say) -> Draft:
    """A secret, unseen while it is typed. One that exists is not asked for; an empty answer leaves it out."""
    key = question.key
    if key in existing:
        say(f"  {question.title}: there is one, and it is kept (--replace-secret {key} replaces it)")
        return draft
    required = next((problem.message for problem in draft.problems() if problem.key == key), "")
    empty = "required" if required else "none" if key == "secrets_backend_kwargs" else "generated at the first start"
    field = Secrets.model_fields[key]
    example = f" For example {field.examples[0]}" if field.examples else ""
    say(f"  {field.description}{example}")

    def check(text: str) -> bool | str:
        if not text:
            return required or True
        return draft.refusal(draft.with_secret(key, text), key) or True

    instruction = f"{question.title} (not shown; {'' if required else 'empty: '}{empty})"
    text = _answer(questionary.password(instruction, validate=check, validate_while_typing=True))
    return draft.with_secret(key, text) if text else draft


def confirm(message: str, *, default: bool) -> bool:
    """Yes or no."""
    return bool(_answer(questionary.confirm(message, default=default)))


def _ask_value(draft: Draft, question: Question, say: Say) -> Draft:
    field = draft.field(question.key)
    current = draft.value(question.key)
    if field.description:
        say(f"  {field.description}")

    def answered(value: Any) -> Draft:
        if question.optional and value == "":
            return draft.with_value(question.key.rpartition(".")[0], None)
        return draft.with_value(question.key, value)

    def check(text: str) -> bool | str:
        return draft.refusal(answered(field.convert(text)), question.key) or True

    choices = field.choices()
    if not choices:
        text = _answer(
            questionary.text(question.title, default=_shown(current), validate=check, validate_while_typing=True)
        )
        return answered(field.convert(text))
    return _ask_choice(question, choices, current, answered, draft, say)


def _ask_choice(
    question: Question, choices: list[Any], current: Any, answered: Callable[[Any], Draft], draft: Draft, say: Say
) -> Draft:
    while True:
        if choices == [False, True]:
            value = confirm(question.title, default=current is True)
        else:
            options = [questionary.Choice(_shown(choice), choice) for choice in choices]
            default = next((option for option in options if same(option.value, current)), None)
            value = _answer(questionary.select(question.title, options, default=default))
        reason = draft.refusal(answered(value), question.key)
        if not reason:
            return answered(value)
        say(f"  That can't be: {reason}")


def _answer(question: questionary.Question) -> Any:
    try:
        return question.unsafe_ask()
    except (KeyboardInterrupt, EOFError):
        raise OperationError("stopped; nothing was changed") from None


def _shown(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
