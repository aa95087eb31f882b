"""The stack by Docker Compose: what a user gets who has Docker alone."""

from __future__ import annotations

import re
import subprocess

import pytest

from e2e.airflow_api import get
from e2e.session import poll
from e2e.stack import Stack, docker

EXAMPLES = ("example_connection", "example_deferrable", "example_docker_operator", "example_workers")
FOLDERS = ("config", "dags", "logs", "plugins")
SERVICES = {
    "postgres",
    "redis",
    "docker-socket-proxy",
    "init",
    "webserver",
    "scheduler",
    "triggerer",
    "worker-1",
    "worker-2",
    "flower",
    "proxy",
}


def test_up_ends_with_every_container_healthy_in_one_listing(composed: Stack) -> None:
    """`up` returns when the stack works, and `docker ps` alone shows that it does."""
    listing = docker("ps", "--all", "--filter", f"name={composed.name}-", "--format", "{{.Names}}\t{{.Status}}")
    status = dict(line.split("\t") for line in listing.splitlines())
    assert set(status) == {composed.container(service) for service in SERVICES}
    assert status.pop(composed.container("init")).startswith("Exited (0)")
    assert {name: text for name, text in status.items() if not text.endswith("(healthy)")} == {}


def test_up_tells_where_the_stack_is_and_how_to_see_the_password(composed: Stack) -> None:
    """The last lines of `up` hold the URLs, the admin's name, and a command that prints a password that works."""
    output = composed.outputs[0]
    assert composed.url in output
    assert f"{composed.url}/flower/" in output
    assert re.search(r"login: +admin", output)
    command = re.search(r"password: +(.+)", output)
    assert command, output
    password = subprocess.run(command[1].split(), capture_output=True, text=True, check=True).stdout
    assert password == composed.secrets()["values/admin_password"]


def test_a_second_up_recreates_nothing(composed: Stack) -> None:
    """The Compose file is canonical: the same config leaves every container as it is."""
    before = {service: entry["Id"] for service, entry in composed.containers().items()}
    composed.up(compose=True)
    after = {service: entry["Id"] for service, entry in composed.containers().items()}
    assert after == before
    assert composed.unhealthy() == []


@pytest.mark.parametrize("dag", EXAMPLES)
def test_example_dag_succeeds(composed: Stack, dag: str) -> None:
    """Every example DAG proves a part of the stack by an assertion of its own."""
    api = composed.api()
    api.trigger(dag, "e2e")
    state = api.wait(dag, "e2e")
    tasks = {f"{task['task_id']}[{task['map_index']}]": task for task in api.tasks(dag, "e2e")}
    failed = [name for name, task in tasks.items() if task["state"] == "failed"]
    logs = [api.log(dag, "e2e", tasks[name]["task_id"], map_index=tasks[name]["map_index"]) for name in failed]
    assert state == "success", f"{failed} of {dag}:\n" + "\n".join(logs)


def test_both_workers_took_tasks(composed: Stack) -> None:
    """Work is shared: each worker container has run tasks of the example that asks for it."""
    rows = composed.sql("select distinct hostname from task_instance where dag_id = 'example_workers'")
    hosts = {row[0] for row in rows if row[0]}
    assert hosts == {composed.container("worker-1"), composed.container("worker-2")}


def test_init_alone_migrates_and_a_second_start_keeps_the_admin(composed: Stack) -> None:
    """No container but init runs a migration, and only one user has been made."""
    for service in SERVICES - {"init", "postgres", "redis", "proxy", "docker-socket-proxy"}:
        assert "Running upgrade" not in docker("logs", composed.container(service)), service
    assert composed.sql("select username from ab_user") == [["admin"]]


def test_an_edited_dag_is_picked_up_without_a_restart(composed: Stack) -> None:
    """A new DAG file appears by itself, and so does a changed one, while every container keeps running."""
    started = {service: entry["State"]["StartedAt"] for service, entry in composed.containers().items()}
    file = composed.program / "dags" / "edited.py"
    text = (
        "import pendulum\n"
        "from airflow.decorators import dag, task\n"
        "@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), tags=['TAG'])\n"
        "def edited():\n"
        "    @task\n"
        "    def say(): print('SENTENCE')\n"
        "    say()\n"
        "edited()\n"
    )
    api = composed.api()

    def tags() -> list[str]:
        return [tag["name"] for tag in api.dags().get("edited", {}).get("tags", [])]

    file.write_text(text.replace("TAG", "first").replace("SENTENCE", "before"))
    poll("the new DAG appears", lambda: tags() == ["first"])
    file.write_text(text.replace("TAG", "second").replace("SENTENCE", "after"))
    poll("the changed DAG appears", lambda: tags() == ["second"])
    api.trigger("edited", "e2e")
    assert api.wait("edited", "e2e") == "success"
    assert "after" in api.log("edited", "e2e", "say")
    assert {service: entry["State"]["StartedAt"] for service, entry in composed.containers().items()} == started


def test_folders_belong_to_the_configured_user(composed: Stack) -> None:
    """dags, logs, config and plugins, and what Airflow writes there, belong to whom config names: 50000 for root."""
    for folder in FOLDERS:
        status = (composed.program / folder).stat()
        assert (status.st_uid, status.st_gid) == (50000, 0), folder
    owners = {path.stat().st_uid for path in (composed.program / "logs").rglob("*.log")}
    assert owners == {50000}


def test_flower_answers_under_its_prefix_after_a_login(composed: Stack) -> None:
    """Flower stands behind nginx under its prefix, asks for a login, and knows both workers."""
    url = f"{composed.url}/flower"
    assert get(f"{url}/")[0] == 401
    password = composed.secrets()["values/flower_password"]

    def workers() -> bool:
        page = get(f"{url}/workers", "admin", password)[1]
        return all(composed.container(worker) in page for worker in ("worker-1", "worker-2"))

    poll("Flower lists both workers", workers)


def test_ports_are_published_on_loopback_alone(composed: Stack) -> None:
    """Without a configured address nothing is reachable from another machine."""
    published = {
        service: {binding["HostIp"] for bindings in ports.values() for binding in bindings or []}
        for service, entry in composed.containers().items()
        if (ports := entry["HostConfig"]["PortBindings"] or {})
    }
    assert published == {"proxy": {"127.0.0.1"}, "flower": {"127.0.0.1"}}
