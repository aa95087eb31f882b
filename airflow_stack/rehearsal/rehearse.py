"""`airflow-stack rehearse`: bring a stack on AWS up on this machine, run DAGs on it, and say what that has proved."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import aws_plan
from airflow_stack.config import Secrets
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.docker_setup import ensure_engine
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.target import target_of, target_of_file
from airflow_stack.rehearsal.agent import EcsAgent
from airflow_stack.rehearsal.cloud import Places, RehearsalMocks, run
from airflow_stack.rehearsal.images import prepare
from airflow_stack.rehearsal.scene import Scene
from airflow_stack.rehearsal.stage import Stage
from airflow_stack.rehearsal.tasks import Runner, Task

IMAGE = Path("images/rehearsal")
# The metric every few seconds instead of every half minute: the rehearsal is in a hurry, AWS is not.
PUBLISH_SECONDS = "4"
DAG = "/opt/airflow/dags/airflow_stack_rehearsal.py"


def rehearse(directory: Path, stack: str, say: Say, *, queue_alone: bool = False) -> list[str]:
    """What was proved, a sentence each. Raises OperationError at the first thing that does not hold.

    ``queue_alone`` plays what depends on the broker: scheduler, workers and their tasks.
    Nothing of it is left afterwards but images. The secrets are made up for the rehearsal; the stack's own are not
    read.
    """
    started = time.monotonic()
    program = directory.resolve()
    config = target_of_file(program, stack).on_aws()
    ensure_engine(say)
    config, images, stand_ins = prepare(config, program, say)
    deployment = describe(config)
    plan = aws_plan(config, deployment)
    name = name_of(program, plan.name, stack)
    say("putting up moto as AWS, and PostgreSQL as RDS")
    stage = Stage(client(), name, images, plan.region)
    agent: EcsAgent | None = None
    try:
        mocks = RehearsalMocks(stage.cloud, Places(stage.database, f"{name}-redis", images["project"].tag))
        given = Secrets.model_validate({"oidc_client_secret": "rehearsal"} if plan.entry.asked.oidc else {})
        exports = run(mocks, stack, lambda: target_of(config, program, stack).deploy(given))
        say(f"the program has registered {sum(mocks.registered.values())} resources")
        running: list[Task] = []
        agent = EcsAgent(stage.gateway, lambda _: len(running))
        runner = Runner(
            client(), stage.cloud, name, exports["task_definitions"], f"http://{name}-moto:5000", agent.url,
            exports["cluster"], stand_ins,
            {program / IMAGE / "dag.py": DAG} | {
                program / IMAGE / name: f"/opt/airflow-stack/{name}" for name in ("firelens.py", "statsd.py")
            },
            {"AIRFLOW_STACK_PUBLISH_SECONDS": PUBLISH_SECONDS, "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5"},
        )  # fmt: skip
        scene = Scene(config, deployment, plan, exports, stage, runner, agent, running, images, say)
        proved = scene.play_queue() if queue_alone else scene.play()
    finally:
        if agent:
            agent.close()
        stage.close()
    say(f"rehearsed in {time.monotonic() - started:.0f} s; nothing is left but images")
    return proved


def name_of(program: Path, name: str, stack: str) -> str:
    """Of all that the rehearsal puts up: another clone's of the same stack, which may run now, has another one."""
    return f"rehearsal-{hashlib.sha256(str(program.resolve()).encode()).hexdigest()[:6]}-{name}-{stack}"
