"""The command line as a whole: every verb helps at once, and docs/operating.md says where each is tested."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import airflow_stack.cli
from airflow_stack.cli.app import app

assert airflow_stack.cli  # its import registers the commands

ROOT = Path(__file__).parents[2]
RUN = "import sys; from airflow_stack.cli import main; sys.exit(main())"
SECONDS = 0.5
NOT_OPERATING = {"compose", "config", "cost", "database-sql", "down", "init", "rehearse", "schema", "up"}
"""Before a stack, or without one. What the rest does with a stack is in the table."""


@cache
def verbs() -> tuple[str, ...]:
    """Every command, as it is typed."""
    return tuple(_verbs(typer.main.get_command(app)))


def _verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(words)
        return
    for name, one in command.commands.items():
        yield from _verbs(one, (*words, name))


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_help_is_an_example_and_instant(verb: str) -> None:
    """Rule: `--help` has an example of this verb, and takes half a second of the processor at most.

    Of three, since the first one fills caches; and not by the clock, which tells what else the machine does.
    """
    least = float("inf")
    for _ in range(3):
        text, seconds = helped(verb)
        assert re.search(rf"Example: airflow-stack {verb}\b", " ".join(text.split())), text
        least = min(least, seconds)
        if least <= SECONDS:
            return
    pytest.fail(f"airflow-stack {verb} --help takes {least:.2f} s of the processor")


def helped(verb: str) -> tuple[str, float]:
    """The help, and the time of the processor that it took."""
    command = [sys.executable, "-c", RUN, *verb.split(), "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return text, used.ru_utime + used.ru_stime


def table() -> dict[str, list[str]]:
    """docs/operating.md: what stands in the columns of both targets, by verb or group of verbs."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    _, _, after = text.partition("\n| verb | Docker | AWS |\n")
    rows = [line for line in after.split("\n\n")[0].splitlines()[1:] if line]
    found: dict[str, list[str]] = {}
    for row in rows:
        first, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), cells)
    return found


def test_the_table_has_every_verb_and_no_other() -> None:
    """Rule: a verb of a stack is in the table, by itself or by its group."""
    assert set(verbs()) >= NOT_OPERATING
    operating = set(verbs()) - NOT_OPERATING
    groups = {verb.split()[0] for verb in operating if " " in verb}
    named = set(table())
    assert named - operating - groups == set()
    assert {verb for verb in operating if verb not in named and verb.split()[0] not in named} == set()


def test_every_verb_is_tested_on_both_targets() -> None:
    """Rule: each cell names tests that are there."""
    for verb, cells in table().items():
        assert len(cells) == 2
        for cell in cells:
            files = re.findall(r"`(tests/[^`]+)`", cell)
            assert files, f"{verb}: {cell or 'an empty cell'}"
            assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_readme_has_every_verb_of_the_table() -> None:
    """Rule: the short table of README.md is complete."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Operate it")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {verb for row in rows for verb in re.findall(r"`([^`]+)`", row)} == set(table())
