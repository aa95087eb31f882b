"""Bad DAGs beside a good one, with metrics on: the good one's runs end, and each bad one is named."""

from __future__ import annotations

import json
import shlex
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bad_dags import BLOCKS, FILES, HANDLER, HEAD, NAMED, ONE, PLUGIN, RUN, SETTINGS
from e2e.session import Session, poll
from e2e.stack import Stack, docker
from e2e.test_choices import gateway

# Seconds, on a machine that is busy.
WITHIN = 300
SLOTS = 4
"""Of one worker."""


class Listener:
    """Of statsd, in this process, where containers of every network reach it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((gateway(), 0))
        self.address, self.port = self._socket.getsockname()
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            self.heard.append(self._socket.recv(65_536))


@pytest.fixture(scope="module")
def listener(engine: None) -> Listener:  # noqa: ARG001 - its network
    return Listener()


@pytest.fixture(scope="module")
def crowded(
    images: None,  # noqa: ARG001 - they are built
    session: Session,
    listener: Listener,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """A small stack with all of them, whose metrics come here."""
    stack = Stack(session, tmp_path_factory.mktemp("isolation"))
    metrics = {
        "statsd_on": True,
        "statsd_host": listener.address,
        "statsd_port": listener.port,
        "stat_name_handler": "users_handler.raises",
    }
    stack.config |= {
        "target": {"prefix": stack.name, "throw_away": True},
        "airflow": {"options": {"metrics": metrics}, "callback_timeout": 5, "xcom_limit": 1},
        "worker": {"count": 1, "stop_timeout": 10},
        "docker_socket_proxy": {"enabled": False},
    }
    stack.write()
    for folder, files in {
        "dags": FILES,
        "config": {"airflow_local_settings.py": SETTINGS, "users_handler.py": HANDLER},
        "plugins": {"bad.py": PLUGIN},
    }.items():
        (stack.program / folder).mkdir(exist_ok=True)
        for name, text in files.items():
            (stack.program / folder / name).write_text(text, encoding="utf-8")
    stack.up(compose=True)
    yield stack
    stack.cli("down", "-s", stack.name)


def begin(stack: Stack, dag: str, number: int = 1) -> None:
    """Trigger a run of the DAG, which the scheduler has to know first."""
    query = "select count(*) from serialized_dag where dag_id = :'dag'"
    poll(f"{dag[:20]} is known", lambda: stack.sql(query, dag=dag) == [["1"]], WITHIN)
    script = f"from airflow.api.common.trigger_dag import trigger_dag; trigger_dag({dag!r}, run_id='r{number}')"
    docker("exec", stack.container("scheduler"), "python3", "-c", script, timeout=WITHIN)


def run(stack: Stack, dag: str, number: int = 1) -> str:
    """State in which a run of the DAG ends."""
    begin(stack, dag, number)
    return end(stack, dag, number)


def end(stack: Stack, dag: str, number: int = 1) -> str:
    """State in which a run that has begun ends."""
    states = "select state from dag_run where dag_id = :'dag' and run_id = :'run' and state in ('success', 'failed')"
    return poll(f"{dag[:20]} ends", lambda: stack.sql(states, dag=dag, run=f"r{number}"), WITHIN)[0][0]


@pytest.mark.parametrize("dag", [dag for dag, _ in RUN], ids=["good", "not-ascii", "longest"])
def test_a_dag_runs_whatever_its_id_and_its_neighbours(crowded: Stack, dag: str) -> None:
    """Rule: with metrics on, and a handler of the user's that raises, the scheduler never ends."""
    assert run(crowded, dag) == "success"
    assert crowded.containers()["scheduler"]["RestartCount"] == 0


def test_metrics_arrive_in_ascii(crowded: Stack, listener: Listener) -> None:
    """Rule: under one readable name a DAG."""
    assert run(crowded, "отчёт_продаж", 2) == "success"
    name = b"ti.finish.otchiot_prodazh_"
    poll("its metric arrives", lambda: any(name in packet for packet in listener.heard), 60)
    assert all(packet.isascii() for packet in listener.heard)


def test_long_logs_are_read(crowded: Stack) -> None:
    """Rule: a name that no file can have is several folders."""
    found = crowded.exec("worker-1", "sh", "-c", "grep -rl done /opt/airflow/logs/dag_id=я* | wc -l")
    assert int(found) >= 1


def test_a_queue_without_a_worker_takes_no_slot_and_is_named(crowded: Stack) -> None:
    """Rule: refused where the file says it, failed at once where a hook does; `status` names both."""
    assert run(crowded, "mutated") == "failed"
    states = "select state from task_instance where dag_id = 'mutated'"
    assert crowded.sql(states) == [["failed"]]
    document = json.loads(crowded.cli("status", "-s", crowded.name, "--json").output)
    told = "\n".join(document["tasks"]["troubles"])
    for words in ("task 'train': no worker of this stack serves queue 'gpu'", "DAG mutated, task work", "'mutant'"):
        assert words in told
    checked = crowded.cli("dags", "check", "-s", crowded.name).output
    for words in ("queue 'gpu'", "exits.py: error: the import ends", "signals.py: error: the import ends"):
        assert words in checked


def test_what_raises_in_the_scheduler_is_passed_over_and_named(crowded: Stack) -> None:
    """Rule: a listener that raises costs nobody a run; a file that ends its process has an import error."""
    assert run(crowded, "listened") == "success"

    def told() -> bool:
        return all(words in troubles(crowded) for words in NAMED)

    poll("all are named", told, 120, interval=3)
    assert run(crowded, "good", 2) == "success"


def log_of(stack: Stack, dag: str, task: str) -> str:
    """What the first task's first try has logged."""
    return (stack.program / f"logs/dag_id={dag}/run_id=r1/task_id={task}/attempt=1.log").read_text(errors="replace")


def at_work(stack: Stack, dag: str, state: str = "running") -> int:
    """Tasks of the DAG in this state."""
    query = "select count(*) from task_instance where dag_id = :'dag' and state = :'state'"
    return int(stack.sql(query, dag=dag, state=state)[0][0])


def test_a_dag_with_more_tasks_than_slots_leaves_some_to_others(crowded: Stack) -> None:
    """Rule: a DAG with nothing at work gets the next slot that is free, and not the last one of an older run."""
    begin(crowded, "many")
    poll("it has all slots", lambda: at_work(crowded, "many") == SLOTS, WITHIN)
    assert run(crowded, "good", 3) == "success"
    assert at_work(crowded, "many", "scheduled") > 0
    assert end(crowded, "many") == "success"


def test_an_xcom_that_is_too_large_fails_its_task_alone(crowded: Stack) -> None:
    """Rule: at once, though it has retries; its log says what to do. What fits is stored as ever."""
    assert run(crowded, "large") == "failed"
    assert crowded.sql("select try_number from task_instance where dag_id = 'large'") == [["1"]]
    said = "XCom 'return_value' is too large: 2 MiB, and airflow-stack:airflow.xcom_limit is 1 MiB"
    assert said in log_of(crowded, "large", "gives")


def test_a_callback_that_never_ends_is_ended(crowded: Stack) -> None:
    """Rule: its task ends as it would have, and the log names callback and key."""
    assert run(crowded, "calls") == "success"
    said = "on_success_callback never was ended after 5 s (airflow-stack:airflow.callback_timeout)"
    assert said in log_of(crowded, "calls", "work")


def test_two_files_with_one_dag_are_both_named(crowded: Stack) -> None:
    """Rule: until one of them is gone."""
    both = ("twin_a.py: DAG 'twin' is in ", "twin_b.py: DAG 'twin' is in ")
    poll("both are named", lambda: all(words in troubles(crowded) for words in both), WITHIN, interval=3)
    Path(crowded.program, "dags", "twin_b.py").unlink()
    poll("neither is", lambda: "DAG 'twin'" not in troubles(crowded), 120, interval=3)
    assert run(crowded, "twin") == "success"


def test_a_file_that_is_gone_is_no_longer_named(crowded: Stack) -> None:
    """Rule: what is told of a file goes with it, and what is told of the others stays."""
    poll("both are named", lambda: all(name in troubles(crowded) for name in ("exits.py: ", "signals.py: ")), WITHIN)
    Path(crowded.program, "dags", "exits.py").unlink()
    poll("it is no longer named", lambda: "exits.py: " not in troubles(crowded), 120, interval=3)
    assert "signals.py: " in troubles(crowded)


def troubles(stack: Stack) -> str:
    """What `status` says of DAGs that can't run; empty while the database does not answer."""
    document = json.loads(stack.cli("status", "-s", stack.name, "--json").output)
    return "\n".join(document["tasks"]["troubles"]) if document["tasks"] else ""


def follow(stack: Stack, where: str) -> str:
    """Wait until `doctor` names it, and run the command that it advises; what it has seen."""

    def told() -> dict[str, str]:
        text = stack.cli("doctor", "-s", stack.name, "--json").output
        groups = json.loads(text[text.index("{\n") :])["groups"]
        found = [one for group in groups for one in group["findings"] if one["seen"].startswith(where)]
        return found[0] if found else {}

    finding = poll(f"{where} is named", told, WITHIN, interval=5)
    for command in finding["mend"].split(" && "):
        program, *arguments = shlex.split(command)
        assert program == "airflow-stack"
        stack.cli(*arguments, *(["--compose"] if arguments[0] == "up" else [])).check()
    return str(finding["seen"])


def test_a_link_that_leads_back_is_passed_over_and_named(crowded: Stack) -> None:
    """Rule: a file that came after it is read all the same; `dags check` names the link too."""
    dags = crowded.program / "dags"
    (dags / "self").symlink_to(".")
    (dags / "after.py").write_text(HEAD + ONE.format(dag="after", task="work", queue="default", number=1))
    poll("it is named", lambda: "self: leads to " in troubles(crowded), WITHIN, interval=3)
    assert run(crowded, "after") == "success"
    assert "self: error: the link leads to" in crowded.cli("dags", "check", "-s", crowded.name).output
    (dags / "self").unlink()
    poll("it is no longer named", lambda: "self: leads to " not in troubles(crowded), 120, interval=3)


def test_a_pool_that_is_missing_is_made_by_the_advice(crowded: Stack) -> None:
    """Rule: the task waits, the others go on, and with the command that `doctor` gives it runs."""
    begin(crowded, "pooled")
    assert "pool 'gone'" in follow(crowded, "DAG pooled, task work")
    assert end(crowded, "pooled") == "success"


def test_a_trigger_that_blocks_is_named_and_well_by_the_advice(crowded: Stack) -> None:
    """Rule: the triggerer is unhealthy though its heartbeat goes on; changed and restarted as said, the run ends."""
    file = crowded.program / "dags" / "blocks.py"
    file.write_text(BLOCKS)
    begin(crowded, "blocks")
    poll("the triggerer is unhealthy", lambda: "triggerer" in crowded.unhealthy(), WITHIN)
    file.write_text(BLOCKS.replace("time.sleep(1200)", "await asyncio.sleep(1)"))
    assert "asyncio.sleep instead of time.sleep" in follow(crowded, "DAG blocks, task waits")
    assert end(crowded, "blocks") == "success"
    poll("the triggerer is healthy", lambda: "triggerer" not in crowded.unhealthy(), WITHIN)


def test_a_file_that_ends_its_process_is_well_when_it_is_corrected(crowded: Stack) -> None:
    """Rule: `dags check`, which the advice names, finds the file; corrected, its DAG runs and nothing is said."""
    file = crowded.program / "dags" / "parent.py"
    poll("it is named", lambda: "parent.py: " in troubles(crowded), WITHIN, interval=3)
    assert "dags/parent.py: error: " in crowded.cli("dags", "check", "-s", crowded.name).output
    file.write_text(HEAD + ONE.format(dag="corrected", task="work", queue="default", number=1))
    assert run(crowded, "corrected") == "success"
    poll("it is no longer named", lambda: "parent.py: " not in troubles(crowded), 120, interval=3)


def test_a_task_that_was_cut_off_gets_through_by_the_advice(crowded: Stack) -> None:
    """Rule: with the time that `doctor` gives, the same task ends well while its worker is restarted."""
    begin(crowded, "eleven")
    poll("it runs", lambda: at_work(crowded, "eleven") == 1, WITHIN, interval=0.1)
    assert "cut off: eleven.seconds" in crowded.cli("restart", "-s", crowded.name, "worker").check().output
    assert end(crowded, "eleven") == "failed"
    follow(crowded, "eleven.seconds (run r1)")
    crowded.up(compose=True)
    begin(crowded, "eleven", 2)
    poll("it runs", lambda: at_work(crowded, "eleven") == 1, WITHIN, interval=0.1)
    assert "cut off" not in crowded.cli("restart", "-s", crowded.name, "worker").check().output
    assert end(crowded, "eleven", 2) == "success"


def test_a_queue_gets_a_worker_by_the_advice(crowded: Stack) -> None:
    """Rule: with the command that `doctor` gives for a task that a hook has sent astray, the next run succeeds."""
    assert "queue 'mutant'" in follow(crowded, "DAG mutated, task work")
    assert run(crowded, "mutated", 2) == "success"


def test_who_waits_for_a_slot_gets_one_by_the_advice(crowded: Stack) -> None:
    """Rule: `doctor` names who waits, and who has the slots; with more of them the one that waits runs."""
    begin(crowded, "hog")
    poll("it has all slots", lambda: at_work(crowded, "hog") == SLOTS, WITHIN)
    begin(crowded, "good", 4)
    seen = follow(crowded, "DAG good: 1 of its tasks wait for a slot since ")
    assert f"all {SLOTS} are taken, {SLOTS} of them by DAG hog" in seen
    assert end(crowded, "good", 4) == "success"
    begin(crowded, "hog", 2)
    assert end(crowded, "hog", 2) == "success"
