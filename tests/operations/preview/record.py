"""Record anew what the engine says: `python tests/operations/preview/record.py`, with Pulumi on PATH.

The program is the project's own, AWS is moto behind the stand-in of tests/aws. Of each event stays what the preview
reads; inputs stay only in the two recordings that are compared with each other.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT / "tests")]
READ = ("resourcePreEvent", "diagnosticEvent", "policyEvent", "summaryEvent")


def reduced(stream: str, *, inputs: bool, program: Path) -> str:
    """The events that the preview reads, and what it reads of them."""
    lines = []
    anywhere = stream.replace(str(program), "/program").replace(str(ROOT), "/home/you/airflow-stack")
    for line in anywhere.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        kind = next((kind for kind in READ if kind in event), None)
        if kind is None or (kind == "diagnosticEvent" and event[kind]["severity"] != "error"):
            continue
        if kind == "resourcePreEvent":
            event[kind] = {"metadata": _metadata(event[kind]["metadata"], inputs=inputs)}
        lines.append(json.dumps({kind: event[kind]}, sort_keys=True))
    return "\n".join(lines) + "\n"


def _metadata(found: dict[str, Any], *, inputs: bool) -> dict[str, Any]:
    kept = {key: found.get(key) for key in ("op", "urn", "type", "keys", "diffs", "detailedDiff")}
    for side in ("old", "new"):
        state = found.get(side)
        kept[side] = state and {"custom": state.get("custom", False)} | (
            {"inputs": state.get("inputs", {})} if inputs else {}
        )
    return kept


def main() -> None:
    from aws import gaps
    from aws.engine import CREDENTIALS
    from aws.translate.kind import Aws
    from aws.whole import Config, Whole, prod, whole, with_target
    from moto.server import ThreadedMotoServer

    gaps.fill()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address, port = server.get_host_and_port()
    moto = f"http://{address}:{port}"
    balancer = prod()["target"]["load_balancer"]

    def record(name: str, engine: Whole, config: Config, *, inputs: bool = False, packs: bool = True) -> None:
        engine.describe(**config)
        pack = ["--policy-pack", str(ROOT / "policies")] if packs else []
        result = subprocess.run(
            ["pulumi", "preview", "--json", "--stack", engine.stack, "--non-interactive", *pack],
            cwd=engine.program, env=engine.environment() | {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        (HERE / "recorded" / f"{name}.jsonl").write_text(
            reduced(result.stdout, inputs=inputs, program=engine.program), encoding="utf-8"
        )
        print(name, result.returncode, result.stderr)

    with tempfile.TemporaryDirectory() as directory:
        local = whole(Path(directory) / "local", None, {}, "local")
        record("local-base", local, {"worker": {"count": 2, "concurrency": 4}}, inputs=True, packs=False)
        changed = {"worker": {"count": 3, "concurrency": 4}, "database": {"kind": "container", "memory": 1024}}
        record("local-head", local, changed, inputs=True, packs=False)

        offline = whole(Path(directory) / "offline", None, {})
        record("created", offline, prod())
        record("config-error", offline, prod() | {"worker": {"count": -1}})
        broker = offline.program / "airflow_stack" / "backends" / "aws" / "broker.py"
        broker.write_text(broker.read_text().replace("sqs_managed_sse_enabled=True", "sqs_managed_sse_enabled=False"))
        record("violation", offline, prod())

        settings = CREDENTIALS | {"AWS_ENDPOINT_URL": moto, "NO_PROXY": "*"}
        zone = patch("moto.route53.models.create_route53_zone_id", lambda **_: balancer["hosted_zone_id"])
        with patch.dict(os.environ, settings), zone:
            Aws("us-east-1").call("route53", "create_hosted_zone", Name="example.com", CallerReference="test")
            deployed = whole(Path(directory) / "deployed", moto, CREDENTIALS)
            deployed.describe(**prod())
            deployed.up()
            record("same", deployed, prod())
            wider = balancer | {"allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]}
            larger = {"webserver": {"cpu": 512, "memory": 2048}, "logs": {"retention_days": 90}}
            record("changed", deployed, with_target(prod(), load_balancer=wider, **larger))
            record("broker", deployed, prod() | {"broker": {"kind": "elasticache"}})
    server.stop()


if __name__ == "__main__":
    main()
