"""The policy pack on the whole program, under Pulumi's engine: prod passes, and a program with a fault does not."""

from __future__ import annotations

import subprocess

import pytest
from e2e.session import ROOT

from aws.whole import Whole, prod, whole

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
PACK = ROOT / "policies"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Prod, without credentials and without a network; and the pack's own environment."""
    made = subprocess.run(["make", "policies"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stderr
    engine = whole(tmp_path_factory.mktemp("policies"), None, {})
    engine.describe(**prod())
    return engine


def test_prod_passes(stack: Whole) -> None:
    """Rule: the pack is asked about every resource of the stack, and refuses none."""
    result = stack.run("preview", "--policy-pack", str(PACK)).check()
    assert "airflow-stack@v" in result.output, "the pack was not asked"
    assert "[mandatory]" not in result.output
    assert "rds:Instance" in result.output


def test_a_fault_in_the_program_is_refused(stack: Whole) -> None:
    """Rule: the pack reads what the program says of each resource, not what its config says."""
    broken = {
        "database.py": ("storage_encrypted=True", "storage_encrypted=False"),
        "logs.py": ("retention_in_days=self._planned.days", "retention_in_days=0"),
    }
    modules = stack.program / "airflow_stack" / "backends" / "aws"
    for name, (right, wrong) in broken.items():
        text = (modules / name).read_text()
        assert right in text
        (modules / name).write_text(text.replace(right, wrong))
    result = stack.run("preview", "--policy-pack", str(PACK))
    assert result.code != 0
    assert "[mandatory]" in result.output
    assert "encrypted" in result.output
    assert "keeps its logs for ever" in result.output
