"""A stack on AWS that is up: its services, what it keeps, and where it is wanted, its database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from airflow_stack.operations.aws_client import plain_errors
from airflow_stack.operations.doctor import airflow_facts
from airflow_stack.operations.doctor.aws_data import Data
from airflow_stack.operations.doctor.aws_services import Services
from airflow_stack.operations.doctor.finding import Finding, Look, State, ok
from airflow_stack.operations.doctor.roles import judge
from airflow_stack.operations.running.aws_stack import AwsStack

# Seconds for a question to AWS, and for a task of its own, which takes about a minute.
LIMIT = 30.0
DEEP = 600.0


def looks(stack: AwsStack, *, deep: bool) -> list[Look]:
    """What to look at, in the report's order; ``deep`` runs a task that asks the database."""
    title = f"Stack {stack.name}"
    services = Services(stack.name, stack.config, stack.known)
    data = Data(stack.name, stack.config, stack.known)
    asked: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("Roles", lambda: judge(stack.status(), stack.config.airflow.release, stack.name)),
        ("Deployments", services.deployments),
        ("Stopped tasks", services.stopped_tasks),
        ("Memory", services.memory),
        *(() if deep else (("Killed for memory", lambda: airflow_facts.killed(stack.kills(), stack.name)),)),
        ("Alarms", data.alarms),
        ("Dead letters", data.dead_letters),
        ("Database storage", data.database),
        ("Secrets", data.secrets),
        ("Image", services.image),
        ("Certificate", data.certificate),
    ]
    found = [Look(title, what, _plainly(stack, look), LIMIT) for what, look in asked]
    if deep:
        found.append(Look(title, "Airflow", lambda: _facts(stack), DEEP, State.MISSING))
    else:
        found.append(Look(title, "Airflow", lambda: [_not_asked(stack.name)], LIMIT))
    return found


def _plainly(stack: AwsStack, look: Callable[[], Iterable[Finding]]) -> Callable[[], list[Finding]]:
    def asked() -> list[Finding]:
        with plain_errors(stack.known["region"]):
            return list(look())

    return asked


def _not_asked(stack: str) -> Finding:
    mend = f"airflow-stack doctor -s {stack} --deep"
    return ok("Airflow", f"heartbeats, migrations and import errors take a task of a minute: {mend}")


def _facts(stack: AwsStack) -> Iterator[Finding]:
    asked = time.time()
    facts = stack.ask(["facts"])
    yield from airflow_facts.judge(facts, stack.config, stack.name, asked, time.time())
    yield from airflow_facts.killed(stack.kills_of_facts(facts), stack.name)
