"""A task in a container of its own. Proves that DockerOperator reaches Docker through the socket proxy.

DOCKER_HOST, which the stack sets, leads to the proxy; the image is the stack's own, so that nothing is pulled.
"""

from __future__ import annotations

import os

import pendulum
from airflow.decorators import dag, task
from airflow.providers.docker.operators.docker import DockerOperator

SENTENCE = "forty-two comes from a container of its own"


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False, tags=["example"])
def example_docker_operator():
    answer = DockerOperator(
        task_id="answer",
        image=os.environ.get("AIRFLOW_STACK_IMAGE", "hello-world"),
        entrypoint=["python", "-c"],
        command=[f"print({SENTENCE!r})"],
        docker_url=os.environ.get("DOCKER_HOST", "unix://var/run/docker.sock"),
        network_mode="none",
        # The temporary folder would be a bind mount of the host's, which the proxy refuses.
        mount_tmp_dir=False,
        auto_remove="force",
    )

    @task
    def the_answer_came_back(line: str) -> None:
        assert line == SENTENCE, f"the container said {line!r}"

    the_answer_came_back(answer.output)


example_docker_operator()
