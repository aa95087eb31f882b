"""Every command of README.md and docs/ is run by a test: those that need no stack by this one."""

from __future__ import annotations

import ast
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from e2e.session import copy_project

from docs.commands import ELSEWHERE, HERE, NAMES, RECIPES, Elsewhere, classified
from docs.markdown import PAGES, ROOT, commands

FOUND = [command for page in PAGES for command in commands(page)]
SECRET = secrets.token_hex(8)
ADD = "is run by no test: add it to tests/docs/commands.py"


def test_what_is_a_command() -> None:
    """Rule: lines of fenced and indented blocks, in lists and quotes too, and code spans; comments are none."""
    text = """\
Run `make up`, or
`pulumi config set
--secret x`; `make` alone is a name, `Makefile` a file.

    $ airflow-stack status -s local
    ROLE  HEALTHY
    airflow-stack logs -s local     # the last lines

1. An item, with `docker ps` and more of
   its text:

       export A=$PWD/#1

- > quoted `aws s3 ls`

```sh
make down
```
"""
    found = [(one.line, one.text) for one in commands(ROOT / "README.md", text)]
    assert found == [
        (1, "make up"),
        (2, "pulumi config set --secret x"),
        (5, "airflow-stack status -s local"),
        (7, "airflow-stack logs -s local"),
        (9, "docker ps"),
        (12, "export A=$PWD/#1"),
        (14, "aws s3 ls"),
        (17, "make down"),
    ]


def test_every_command_has_somebody_who_runs_it() -> None:
    """Rule: a new command is listed with the test that runs it, or the reason why none can."""
    known = set(classified())
    alone = [f"{one} {ADD}" for one in FOUND if one.text not in known]
    assert not alone, "\n".join(alone)


def test_the_list_holds_nothing_else() -> None:
    """Rule: a command that no page names any more goes off the list, and none is on it twice."""
    named = {one.text for one in FOUND}
    assert [text for text in classified() if text not in named] == []
    # A target of make is looked at by its recipe, and run by a test of what the recipe calls.
    assert [text for text, times in Counter(classified()).items() if times > 1] == []
    assert [text for text in RECIPES if text not in named] == []
    made = [text for text in classified() if text.startswith("make ") and text != "make policies"]
    assert sorted(RECIPES) == sorted(made)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, for commands before which nothing has to be there."""
    return copy_project(tmp_path_factory.mktemp("docs") / "program")


@pytest.mark.parametrize("text", HERE)
def test_it_runs(text: str, untouched: Path, tmp_path: Path) -> None:
    """Rule: as it stands on the page, it ends well, prints something or writes a file, and shows no secret."""
    program = copy_project(tmp_path / "program") if HERE[text] else untouched
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AIRFLOW_", "DOCKER_"))},
        "HOME": str(tmp_path),
        "PATH": f"{program / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(program),
        "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock",
    }
    if HERE[text]:
        environment |= PREPARE[HERE[text]](program)
    before = files(program)
    result = shell(text, program, environment)
    assert result.returncode == 0, f"{text}\n{result.stdout}{result.stderr}"
    assert "Traceback" not in result.stderr
    written = {name for name, state in files(program).items() if before.get(name) != state}
    assert result.stdout or written
    assert SECRET not in result.stdout + result.stderr
    plain = {name for name in written if SECRET in (program / name).read_text(errors="replace")}
    assert all(name.startswith(".airflow-stack/local/secrets/") for name in plain)


def shell(text: str, program: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As a person types it, who answers with a secret where one is asked for."""
    # With a second line bash stays, whom the completion looks for among its ancestors.
    return subprocess.run(
        ["bash", "-c", f"{text}\nexit"], cwd=program, env=environment, input=f"{SECRET}\n", capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


def files(program: Path) -> dict[str, tuple[int, int]]:
    """When each file was written, and its size; without what Python and Pulumi keep beside their work."""
    return {
        name: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in program.rglob("*")
        if path.is_file()
        and not (name := str(path.relative_to(program))).startswith((".venv", ".pulumi"))
        and "__pycache__" not in name
    }


def external_database(program: Path) -> dict[str, str]:
    file = program / "Pulumi.local.yaml"
    config = yaml.safe_load(file.read_text())["config"] | {"airflow-stack:database": {"kind": "external"}}
    file.write_text(yaml.safe_dump({"config": config | {"airflow-stack:database_url": {"secure": "v1:x"}}}))
    return {}


def password_in_a_file(program: Path) -> dict[str, str]:
    (program / "password.txt").write_text(f"{SECRET}\n")
    return {}


def stack_bench(program: Path) -> dict[str, str]:
    shutil.copy(program / "Pulumi.local.yaml", program / "Pulumi.bench.yaml")
    return {}


def stack_of_pulumi(program: Path) -> dict[str, str]:
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on PATH")
    state = program / ".pulumi-state"
    state.mkdir()
    environment = {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "passphrase",
        "PULUMI_HOME": str(program / ".pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    for stack in ("local", "prod"):
        # What `pulumi` offers a person at a terminal, where the stack is not there yet.
        made = shell(f"pulumi stack init {stack}", program, os.environ | environment)
        assert made.returncode == 0, made.stderr
    return environment


PREPARE: dict[str, Callable[[Path], dict[str, str]]] = {
    "an external database": external_database,
    "a password in a file": password_in_a_file,
    "a stack bench": stack_bench,
    "a stack of Pulumi": stack_of_pulumi,
}


@pytest.mark.parametrize("text", RECIPES)
def test_make_runs(text: str) -> None:
    """Rule: a target of the Makefile calls the command that a test of its own runs."""
    settled = ["--assume-old=.venv/runtime", "--assume-old=.venv/dev", "--assume-old=policies"]
    if text.endswith(".venv/runtime"):
        settled = ["--always-make"]
    result = subprocess.run(
        [*text.split(), "--dry-run", *settled], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert " ".join(RECIPES[text].split()) in " ".join(result.stdout.split())


@pytest.mark.parametrize("one", ELSEWHERE, ids=lambda one: one.test)
def test_the_test_is_there(one: Elsewhere) -> None:
    """Rule: the named test exists, and its file, or one of tests/ that it imports, holds the call."""
    path, name = one.test.split("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, one.test
    helpers = [
        ROOT / "tests" / f"{node.module.replace('.', '/')}.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    files = [ROOT / path, *(file for file in helpers if file.is_file())]
    assert any(one.words in file.read_text(encoding="utf-8") for file in files), f"{one.test} has no {one.words}"


@pytest.mark.parametrize("text", NAMES)
def test_the_verb_is_there(text: str) -> None:
    """Rule: what a sentence names is a command."""
    words = text.split()[1:]
    command = [sys.executable, "-c", "from airflow_stack.cli import main; main()", *words, "--help"]
    assert re.search(rf"^Usage: \S+ {' '.join(words)} ", subprocess.check_output(command, cwd=ROOT, text=True).strip())
