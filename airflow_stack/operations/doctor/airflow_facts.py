"""What the metadata database and the broker say, judged. The facts are those of the image's program `facts`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from airflow_stack.airflow import describe, there
from airflow_stack.airflow.advice import setting
from airflow_stack.config import StackConfig
from airflow_stack.operations.doctor.finding import Finding, State, missing, ok, size, warning
from airflow_stack.operations.doctor.network import skew
from airflow_stack.operations.running import stopping
from airflow_stack.operations.running.interface import Kill
from airflow_stack.operations.running.troubles import troubles

Facts = Mapping[str, Any]

# Seconds. A scheduler's heartbeat comes every five, a triggerer's too; Airflow itself gives up on one after thirty.
OLD = 30.0
# Seconds for which a task may wait for a slot before it is worth a word.
QUEUED = 300.0
# Seconds that opening a connection may take before every task is slower for it.
SLOW = 1.0
# Bytes from which on trimming pays: the scheduler's own queries slow down with the history.
LARGE = 5 * 1024**3
# Import errors that are told one by one.
TOLD = 5


def judge(
    facts: Facts, config: StackConfig, stack: str, asked: float, answered: float, crashing: Collection[str] = ()
) -> Iterator[Finding]:
    """Every fact that there is.

    ``asked`` and ``answered``: this machine's clock around the question. ``crashing``: roles that end again and again,
    which no restart helps.
    """
    yield from _clocks(facts, asked, answered)
    database = facts.get("database", {})
    yield from _database(database, stack)
    if "jobs" in facts:
        yield from _heartbeats(facts["jobs"], config, stack, crashing)
    if facts.get("broker"):
        yield from _broker(facts["broker"], stack)
    if "tasks" in facts:
        yield from _tasks(facts, config, stack)
        yield from _cut_off(facts, config, stack)
    for trouble in troubles(facts, config):
        mend = f"airflow-stack {trouble.command.replace('{stack}', stack)}"
        yield warning(trouble.title, str(trouble), trouble.cost, mend)
    if "import_errors" in facts:
        yield from _dags(facts, stack)


def killed(kills: Sequence[Kill], stack: str) -> Iterator[Finding]:
    """What was killed for memory, and nothing where nothing was."""
    for kill in kills[:TOLD]:
        seen = f"{kill.time:%Y-%m-%d %H:%M} UTC in {kill.where}: {kill.what}; {kill.seen}"
        cost = "it is killed again when it needs as much again"
        yield warning("Killed for memory", seen, cost, kill.advice.command(stack))
    if len(kills) > TOLD:
        yield warning("Killed for memory", f"{len(kills) - TOLD} more", "see above", f"airflow-stack status -s {stack}")


def _clocks(facts: Facts, asked: float, answered: float) -> Iterator[Finding]:
    """A clock between two moments of ours is right as far as we know."""
    told = {"Containers' clock": facts["time"], "Database's clock": facts.get("database", {}).get("time")}
    found = [
        finding
        for what, moment in told.items()
        if moment is not None
        for finding in skew(
            what,
            max(moment - answered, 0.0) or min(moment - asked, 0.0),
            "against this machine's",
            "restart Docker, or the machine that this runs on",
        )
    ]
    wrong = [finding for finding in found if finding.state is not State.OK]
    yield from wrong or [ok("Clocks", "containers and database agree with this machine")]


def _database(database: Facts, stack: str) -> Iterator[Finding]:
    what, logs = "Metadata database", f"airflow-stack logs -s {stack} scheduler"
    if "version" in database:
        seconds = database["connect_seconds"]
        seen = f"{database['kind']} {database['version']}, {size(database['size'])}, reached in {seconds * 1000:.0f} ms"
        if seconds > SLOW:
            yield warning(what, seen, "every task waits for it several times", logs)
        elif database["size"] > LARGE:
            largest = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in database["tables"].items())
            then = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 90 * 86400))
            mend = f"airflow-stack airflow -s {stack} db clean --clean-before-timestamp {then} --skip-archive --yes"
            yield warning(what, f"{seen}; {largest}", "the scheduler's queries slow down with the history", mend)
        else:
            yield ok(what, seen)
        revision, head = database.get("revision"), database.get("head")
        if revision == head:
            yield ok("Migrations", f"at the head ({head})")
        else:
            cost = "roles that start wait for it, and the ones that run fail on what they don't find"
            yield missing(
                "Migrations", f"at {revision or 'none'}, {head} is needed", cost, f"airflow-stack up -s {stack}"
            )
    if "problem" in database:
        yield missing(what, database["problem"].rstrip("."), "nothing is scheduled, and nothing runs", logs)


def _heartbeats(jobs: list[Facts], config: StackConfig, stack: str, crashing: Collection[str]) -> Iterator[Finding]:
    for role in (role for role in there(config) if role.job):
        ages = [job["age"] for job in jobs if job["type"] == role.job]
        verb = "logs" if role.name in crashing else "restart"
        what, mend = f"Heartbeat of the {role.name}", f"airflow-stack {verb} -s {stack} {role.name}"
        alive = [age for age in ages if age <= OLD]
        if alive:
            more = f", {len(alive)} of them" if len(alive) > 1 else ""
            yield ok(what, f"{min(alive):.0f} s ago{more}")
        elif config.has_schedule(role.section):
            yield ok(what, "none lately; by its schedule it does not always run")
        else:
            yield missing(what, f"{min(ages):.0f} s ago" if ages else "none is registered", role.without, mend)


def _broker(broker: Facts, stack: str) -> Iterator[Finding]:
    if "problem" in broker:
        mend = f"airflow-stack restart -s {stack} redis"
        yield missing("Broker", broker["problem"], "no task reaches a worker", mend)
    elif "waiting" in broker:
        yield ok("Broker", f"{broker['kind']}: {broker['waiting']} tasks wait in queue {broker['queue']!r}")


def _tasks(facts: Facts, config: StackConfig, stack: str) -> Iterator[Finding]:
    tasks, runner = facts["tasks"], describe(config).runner
    running, queued = tasks["running"]["count"], tasks["queued"]
    seen = (
        f"{running} running, {queued['count']} queued, {tasks['deferred']['count']} deferred; {config.task_slots} slots"
    )
    waited = queued["oldest"] or 0.0
    if waited > QUEUED:
        full = running >= config.task_slots
        cost = f"one has been queued for {waited:.0f} s: " + ("all slots are taken" if full else "no worker takes it")
        mend = (
            f"airflow-stack scale -s {stack} {runner.name}={config.most_workers + 1}"
            if full and runner.spec.count
            else f"airflow-stack logs -s {stack} {runner.name}"
        )
        yield warning("Tasks", seen, cost, mend)
    else:
        yield ok("Tasks", seen)
    if abandoned := facts.get("abandoned"):
        cost = "their processes are gone; the scheduler fails or repeats them within minutes, if it runs"
        yield warning(
            "Abandoned tasks",
            f"{abandoned} run without a heartbeat",
            cost,
            f"airflow-stack logs -s {stack} {runner.name}",
        )


def _cut_off(facts: Facts, config: StackConfig, stack: str) -> Iterator[Finding]:
    """Of the last hour. Longer tasks need a longer time, as far as the target has one."""
    if told := facts.get("cut_off"):
        first, more = told[0], f"; {len(told) - 1} more" if len(told) > 1 else ""
        seen = f"{stopping.name(first)}, {first['said']}; {stopping.then(first)}{more}"
        enough = max(2 * config.worker.stop_timeout, *(2 * stopping.ran(task) for task in told))
        enough = min(enough, config.longest_stop)
        mend = setting(stack, {"worker.stop_timeout": enough})
        cost = "what it had done by then stays done, and a second try does it again"
        more_helps = enough > config.worker.stop_timeout
        yield warning("Tasks cut off in the last hour", seen, cost, mend if more_helps else "")


def _dags(facts: Facts, stack: str) -> Iterator[Finding]:
    errors, dags = facts["import_errors"], facts.get("dags", {"active": 0, "paused": 0})
    refused = {error["file"] for error in facts.get("refused", ())}
    for error in [one for one in errors["files"] if one["file"] not in refused][:TOLD]:
        line = f", line {error['line']}" if error["line"] else ""
        seen = f"{PurePosixPath(error['file']).name}{line}: {error['error']}"
        yield warning(
            "DAG import error",
            seen,
            "its DAGs are as they were, or not there at all",
            f"airflow-stack dags check -s {stack}",
        )
    if errors["count"] > TOLD:
        yield warning(
            "DAG import errors", f"{errors['count'] - TOLD} more", "see above", f"airflow-stack dags check -s {stack}"
        )
    seen = f"{dags['active']} there, {dags['paused']} paused"
    if dags["active"] and dags["active"] == dags["paused"]:
        seen += f": none of them runs by itself; airflow-stack airflow -s {stack} dags unpause DAG"
    yield ok("DAGs", seen)
