"""The pack under the real engine: it loads, sees a program's resources, and refuses.

No plugin for AWS is needed: a component may have any type, and the engine shows it to the pack as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACK = ROOT / "policies"

PROGRAM = """\
import pulumi


class Stand(pulumi.ComponentResource):
    def __init__(self, type_, name, inputs):
        super().__init__(type_, name, inputs)
        self.register_outputs({})


safe = pulumi.Config().get_bool("safe")
Stand("aws:cloudwatch/logGroup:LogGroup", "logs", {"retentionInDays": 30 if safe else 0})
Stand("aws:sqs/queue:Queue", "queue", {"sqsManagedSseEnabled": bool(safe)})
Stand("aws:s3/bucket:Bucket", "bucket", {"bucket": "one"})
if safe:
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    kind = "BucketServerSideEncryptionConfiguration"
    Stand(f"aws:s3/b{kind[1:]}:{kind}", "encryption", {"bucket": "one", "rules": rules})
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    Stand("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "block", dict.fromkeys(switches, True))
"""

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="no Pulumi CLI on PATH"),
]


@dataclass(frozen=True)
class Engine:
    """Pulumi on a program of its own, with state in a directory."""

    directory: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        state = self.directory / "state"
        state.mkdir(exist_ok=True)
        environment = os.environ | {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.directory, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A stack of the program above, and the pack's environment."""
    made = subprocess.run(["make", "policies"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stderr
    directory = tmp_path_factory.mktemp("program")
    virtualenv = ROOT / ".venv"
    (directory / "Pulumi.yaml").write_text(
        f"name: stand\nruntime:\n  name: python\n  options:\n    virtualenv: {virtualenv}\n", encoding="utf-8"
    )
    (directory / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    engine = Engine(directory)
    assert engine.run("stack", "init", "dev").returncode == 0
    return engine


@pytest.mark.timeout(600)
def test_the_engine_refuses_and_accepts_by_the_pack(engine: Engine) -> None:
    """Rule: every fault is said at once, and a stack without one passes."""
    refused = engine.run("preview", "--policy-pack", str(PACK))
    assert refused.returncode != 0
    assert "the log group keeps its logs for ever" in refused.stdout
    assert "the queue is not encrypted" in refused.stdout
    assert "[mandatory]" in refused.stdout
    engine.run("config", "set", "safe", "true")
    accepted = engine.run("preview", "--policy-pack", str(PACK))
    assert accepted.returncode == 0, accepted.stdout
    assert "airflow-stack@v" in accepted.stdout
    assert "mandatory" not in accepted.stdout


@pytest.mark.timeout(600)
def test_the_engine_asks_about_all_resources_together(engine: Engine) -> None:
    """Rule: rules about a stack are asked too, at its end."""
    program = engine.directory / "__main__.py"
    program.write_text(PROGRAM.partition("if safe:")[0], encoding="utf-8")
    engine.run("config", "set", "safe", "true")
    refused = engine.run("preview", "--policy-pack", str(PACK))
    assert refused.returncode != 0
    assert "the bucket has no public access block beside it" in refused.stdout
