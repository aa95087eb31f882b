"""The workflows: what they may, what they run, and that a pull request's text never becomes a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.operations.pulumi_cli import VERSION

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
# PyYAML reads the key `on` as the truth.
WORKFLOWS: dict[str, dict[Any, Any]] = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.yml"))
}
ACTION = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>\S+)(?P<comment>.*)")


def triggers(workflow: dict[Any, Any]) -> set[str]:
    return set(workflow[True])


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield file, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, name, job in jobs():
        for step in job["steps"]:
            yield f"{file}/{name}", step


def text(name: str) -> str:
    return (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


def test_there_are_three() -> None:
    """Rule: one runs what a pull request brings, one may write, one deploys."""
    assert {name: triggers(one) for name, one in WORKFLOWS.items()} == {
        "pull-request": {"pull_request"},
        "comment": {"workflow_run"},
        "deploy": {"push"},
    }


def test_nothing_is_allowed_but_what_a_job_names() -> None:
    """Rule: no job has rights that it does not say, and none has a timeless run."""
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    rights = {f"{file}/{name}": job["permissions"] for file, name, job in jobs()}
    assert rights == {
        "pull-request/checks": {"contents": "read"},
        "pull-request/tests": {"contents": "read"},
        "pull-request/dags": {"contents": "read"},
        "pull-request/preview": {"contents": "read", "id-token": "write"},
        "comment/comment": {"actions": "read", "contents": "read", "pull-requests": "write"},
        "deploy/preview": {"contents": "read", "id-token": "write"},
        "deploy/deploy": {"contents": "read", "id-token": "write"},
    }
    assert all(job["timeout-minutes"] for _, _, job in jobs())


def test_every_action_is_one_commit() -> None:
    """Rule: a tag can be moved. The same action is the same commit everywhere, and a comment says its version."""
    found: dict[str, set[str]] = {}
    for name in WORKFLOWS:
        used = list(ACTION.finditer(text(name)))
        assert len(used) == text(name).count("uses:")
        for one in used:
            assert re.fullmatch(r"[0-9a-f]{40}", one["commit"]), one[0]
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", one["comment"]), one[0]
            found.setdefault(one["action"], set()).add(one["commit"])
    assert all(len(commits) == 1 for commits in found.values())


def test_a_pull_request_uses_no_secret() -> None:
    """Rule: a fork's run has none, so nothing may need one; and none is there to be taken."""
    for name in WORKFLOWS:
        assert "secrets." not in text(name)
        assert "secrets:" not in text(name)
        assert "pull_request_target" not in text(name)


def test_no_expression_is_a_command() -> None:
    """Rule: a branch's name may hold a command. Expressions reach a script as variables alone."""
    scripts = [(where, step["run"]) for where, step in steps() if "run" in step]
    assert scripts
    assert [where for where, script in scripts if "${{" in script] == []


def test_what_may_write_runs_the_main_branch_alone() -> None:
    """Rule: no reference of a pull request is checked out there, and nothing of the artifact is run."""
    (job,) = WORKFLOWS["comment"]["jobs"].values()
    checkout, post = job["steps"]
    assert set(checkout["with"]) == {"persist-credentials", "sparse-checkout"}
    assert post["run"] == "python3 .github/scripts/post_comment.py"
    assert "download-artifact" not in text("comment")


def test_the_token_is_not_left_in_the_work_tree() -> None:
    """Rule: what a pull request runs could read it there."""
    checkouts = [step for _, step in steps() if str(step.get("uses", "")).startswith("actions/checkout")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_fork_takes_no_role() -> None:
    """Rule: credentials are for the repository's own branches, and only where an account is named."""
    (account,) = [step for step in WORKFLOWS["pull-request"]["jobs"]["preview"]["steps"] if step.get("id") == "account"]
    assert "vars.AWS_PREVIEW_ROLE_ARN != ''" in account["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in account["if"]


def test_a_deployment_waits_for_an_approval_and_for_the_one_before() -> None:
    """Rule: the preview is there before somebody agrees; two deployments never run together, and none is killed."""
    deploy = WORKFLOWS["deploy"]
    assert deploy["concurrency"] == {"group": "deploy-prod", "cancel-in-progress": False}
    assert deploy["jobs"]["deploy"]["environment"] == "production"
    assert deploy["jobs"]["deploy"]["needs"] == "preview"
    assert deploy[True] == {"push": {"branches": ["main"]}}
    assert [name for _, name, job in jobs() if "environment" in job] == ["deploy"]


def test_the_comment_is_the_one_that_the_script_looks_for() -> None:
    """Rule: name of the workflow, of the artifact and of its file are said twice."""
    script = (ROOT / ".github" / "scripts" / "post_comment.py").read_text(encoding="utf-8")
    (upload,) = [step for _, step in steps() if "upload-artifact" in str(step.get("uses"))]
    assert f'ARTIFACT = "{upload["with"]["name"]}"' in script
    assert f'FILE = "{upload["with"]["path"]}"' in script
    assert WORKFLOWS["comment"][True]["workflow_run"]["workflows"] == [WORKFLOWS["pull-request"]["name"]]


def test_pulumi_is_the_one_of_the_project() -> None:
    """Rule: one version, on a laptop and in a workflow."""
    versions = {step["with"]["pulumi-version"] for _, step in steps() if "pulumi/actions" in str(step.get("uses"))}
    assert versions == {VERSION}


def test_every_target_of_make_exists() -> None:
    """Rule: the workflows' logic is the Makefile's, so that it runs on a laptop too."""
    called = {word for _, step in steps() for word in re.findall(r"make ((?:--silent )?[^'>]+)", step.get("run", ""))}
    targets = {word for words in called for word in words.split() if not word.startswith("--") and "=" not in word}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    missing = [
        target for target in targets if not re.search(rf"^([^#\t\n]* )?{re.escape(target)}( [^=\n]*)?:", makefile, re.M)
    ]
    assert missing == []


def test_actionlint_finds_nothing() -> None:
    """Rule: expressions, runners, keys and shell scripts are what GitHub knows."""
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not on PATH")
    result = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
