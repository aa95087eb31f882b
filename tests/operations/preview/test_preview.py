"""The whole preview under Pulumi's real engine, without a network: against a base, and against a state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws.engine import launcher
from e2e.session import ROOT, copy_project

from airflow_stack.errors import OperationError
from airflow_stack.operations.preview import preview
from airflow_stack.operations.preview.change import Against, Operation, StackPreview
from airflow_stack.operations.preview.markdown import render

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi CLI is not on PATH"),
]
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@example.com")
# Encrypted with a passphrase that nobody has any more.
LOST = "v1:r6Hn1rbMYGLOhqMH:NnqKIqqLkWC/gRmkfZ1rEe7zgTqYdA7rXTTSdxk0"
STATE: dict[str, Any] = {
    "version": 3,
    "deployment": {
        "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
        "resources": [
            {
                "urn": "urn:pulumi:local::airflow-stack::docker:index/volume:Volume::old-data",
                "custom": True,
                "id": "old-data",
                "type": "docker:index/volume:Volume",
                "inputs": {"name": "old-data"},
                "outputs": {"name": "old-data"},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project in a repository of its own, on a machine that reaches neither AWS nor a registry."""
    directory = tmp_path_factory.mktemp("preview")
    copy = copy_project(directory / "project")
    if (ROOT / "policies" / ".venv").is_dir():
        (copy / "policies" / ".venv").symlink_to(ROOT / "policies" / ".venv")
    git(copy, "init", "--quiet")
    (copy / ".git" / "info" / "exclude").write_text(".venv\n")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "-m", "base")
    home = directory / "home"
    home.mkdir()
    plugins = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi")) / "plugins"
    if plugins.is_dir():
        (home / "plugins").symlink_to(plugins)
    with pytest.MonkeyPatch.context() as patch:
        for key in os.environ:
            if key.startswith(("PULUMI_", "AWS_")):
                patch.delenv(key)
        patch.setenv("PULUMI_HOME", str(home))
        patch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
        patch.setenv("PATH", f"{launcher(directory / 'bin')}:{os.environ['PATH']}")
        yield copy


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def clean(project: Path) -> Iterator[None]:
    """Each test begins with the base."""
    yield
    git(project, "checkout", "--quiet", "--", ".")
    shutil.rmtree(project / ".airflow-stack", ignore_errors=True)


def change(project: Path, stack: str, **sections: Any) -> None:
    """Set sections of a stack file."""
    file = project / f"Pulumi.{stack}.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"] |= {f"airflow-stack:{key}": value for key, value in sections.items()}
    file.write_text(yaml.safe_dump(document))


def one(project: Path, stack: str, base: str | None = "HEAD") -> StackPreview:
    (found,) = preview(project, [stack], base, lambda _: None).stacks
    return found


def touched(found: StackPreview) -> dict[str, Operation]:
    return {f"{change.type.rpartition(':')[2]} {change.name}": change.operation for change in found.changes}


def test_prod_against_the_base(project: Path) -> None:
    """Rule: what a pull request shows without state, credentials or network: its own changes, and what they cost."""
    target = yaml.safe_load((project / "Pulumi.prod.yaml").read_text())["config"]["airflow-stack:target"]
    balancer = target["load_balancer"] | {"allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]}
    change(project, "prod", target=target | {"load_balancer": balancer, "webserver": {"cpu": 512, "memory": 2048}})
    before = git(project, "status", "--porcelain")
    found = one(project, "prod")
    assert found.errors == ()
    assert found.against is Against.BASE
    assert touched(found) == {
        "TaskDefinition airflow-webserver": Operation.CHANGE,
        **{
            f"SecurityGroupIngressRule airflow-load-balancer-{port}-from-198.51.100.0-24": Operation.CREATE
            for port in (80, 443)
        },
    }
    assert found.same > 100
    assert found.cost is not None
    assert found.cost.idle_before is not None
    assert {line.what.partition(":")[0] for line in found.cost.lines} == {"webserver"}
    assert found.cost.idle_after > found.cost.idle_before
    assert git(project, "status", "--porcelain") == before, "the stack file has no new salt"


def test_local_against_the_base_with_secrets_that_nobody_opens(project: Path) -> None:
    """Rule: another one's encrypted values neither stop a preview nor reach it."""
    change(project, "local", admin_password={"secure": LOST}, worker={"count": 3, "concurrency": 4})
    (project / "Pulumi.local.yaml").write_text(
        f"encryptionsalt: v1:AAAAAAAAAAA=:{LOST}\n{(project / 'Pulumi.local.yaml').read_text()}"
    )
    found = one(project, "local")
    assert found.errors == ()
    assert found.against is Against.BASE
    assert touched(found)["Container airflow-worker-3"] is Operation.CREATE
    assert "airflow-stack:admin_password" in found.notes[0]
    assert "stand-in" not in json.dumps([[*one.properties] for one in found.changes])


def test_a_stack_that_is_there_is_compared_with_its_state(project: Path) -> None:
    """Rule: on a laptop the change is against what runs, and a preview writes nothing of it."""
    from airflow_stack.operations.pulumi_cli import PulumiCli

    pulumi = PulumiCli.find(project, "local")
    assert pulumi is not None
    for arguments, text in ((["stack", "init", "local"], ""), (["stack", "import", "--stack", "local"], STATE)):
        subprocess.run(
            [pulumi.command, *arguments, "--non-interactive"], cwd=project, env=pulumi.environment, check=True,
            input=json.dumps(text), text=True, capture_output=True,
        )  # fmt: skip
    state = project / ".airflow-stack" / "pulumi-state"
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    found = one(project, "local")
    assert found.errors == ()
    assert found.against is Against.STATE
    assert touched(found)["Volume old-data"] is Operation.DELETE
    assert touched(found)["Container airflow-scheduler"] is Operation.CREATE
    assert [change.loses for change in found.changes if change.loses] == ["the data of the volume"]
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


def test_a_bad_config_is_the_stacks_error_alone(project: Path) -> None:
    """Rule: the comment has the whole message, and the other stack is previewed all the same."""
    change(project, "prod", worker={"count": -1})
    report = preview(project, ["prod", "local"], "HEAD", lambda _: None)
    bad, good = report.stacks
    assert bad.errors[0].startswith("bad config in Pulumi.prod.yaml")
    assert (good.errors, good.changes, good.failed) == ((), (), False)
    assert report.failed
    assert "local: nothing changes" in render(report)


def test_a_base_that_fails_is_said_and_not_hidden(project: Path) -> None:
    """Rule: the change may be what mends it."""
    good = (project / "__main__.py").read_text()
    (project / "__main__.py").write_text("raise SystemExit('broken')\n")
    git(project, "commit", "--quiet", "-am", "broken")
    try:
        (project / "__main__.py").write_text(good)
        found = one(project, "local")
    finally:
        git(project, "reset", "--quiet", "--hard", "HEAD~1")
    assert found.against is Against.NOTHING
    assert found.errors == ()
    assert "The base can't be previewed" in found.notes[0]


def test_no_stack_is_an_error(tmp_path: Path) -> None:
    """Rule: one sentence, with the directory."""
    with pytest.raises(OperationError, match="there is no stack to preview"):
        preview(tmp_path, [], None, lambda _: None)
