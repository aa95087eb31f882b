"""How much memory each container of a local stack may take, by what the engine has. Pure, and all of it in MiB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_stack.airflow.advice import Advice
from airflow_stack.config import StackConfig
from airflow_stack.config.airflow import AirflowConfig

LEAST_ENGINE = 4096
"""What a stack needs at least, and what limits follow from while nobody knows what the engine has."""

STEP = 64
"""Limits are multiples of it: finer ones help nobody."""

INIT = 512


@dataclass(frozen=True)
class Share:
    """What a part has on the smallest engine, and how it grows."""

    least: int
    of_spare: float = 0.0
    """Of what the engine has beyond the least one, for each container of the part."""
    most: int | None = None
    """No larger than that, since more is of no use to it. None: tasks use whatever there is."""


SHARES = {
    "worker": Share(768, 0.21),
    "scheduler": Share(768, 0.06, 4096),
    "postgres": Share(384, 0.06, 2048),
    "webserver": Share(768, 0.03, 1536),
    "triggerer": Share(384, 0.03, 1536),
    "redis": Share(128),
}
"""Parts whose limit is the engine's matter where config says none, by service. With two workers they take 0.6 of what
the engine has beyond the least one: the rest is the page cache's, DockerOperator's containers', and other people's."""


@dataclass(frozen=True)
class Limit:
    """Of each container of a part."""

    key: str
    """Config key that sets it; empty for what no key sets."""
    mib: int
    count: int = 1
    """Containers of the part that run for long."""
    given: bool = False
    """Config says it."""


def limits(config: StackConfig, engine: int) -> dict[str, Limit]:
    """By service, a worker's without its number. ``engine`` is what the stack may plan with: `Machine.memory`.

    Whatever config gives, it gets. The sum is never more than the engine has, unless what config gives together with
    the least of the rest is more already.
    """
    given = _given(config)
    counts = {name: config.worker.count if name == "worker" else 1 for name in given}
    least = {name: value if value is not None else SHARES[name].least for name, value in given.items()}
    taken = sum(mib * counts[name] for name, mib in least.items())
    grown = {name: _by(config, name, max(0, engine - LEAST_ENGINE)) for name, value in given.items() if value is None}
    # As much of the growth as there is room for: all of it, unless config gives much, or has many workers. So a change
    # of one limit, or one worker more, seldom moves another limit, and replaces no other container.
    wanted = sum((mib - least[name]) * counts[name] for name, mib in grown.items())
    part = min(1.0, max(0, engine - taken) / wanted) if wanted else 0.0
    found = {
        name: Limit(
            _key(name), least[name] + int((grown.get(name, least[name]) - least[name]) * part) // STEP * STEP,
            counts[name], value is not None and name in SHARES,
        )
        for name, value in given.items()
    }  # fmt: skip
    return found | {"init": Limit("", INIT, 0)}


def total(limits: Mapping[str, Limit]) -> int:
    """What all containers that run for long may take together."""
    return sum(limit.mib * limit.count for limit in limits.values())


def rounded(mib: int) -> int:
    """What an engine has, in steps: a kernel's own part differs by some MiB from boot to boot."""
    return mib // STEP * STEP


def _by(config: StackConfig, name: str, spare: int) -> int:
    """What one of the part's containers has where there is room for all."""
    share = SHARES[name]
    mib = share.least + int(spare * share.of_spare)
    if share.most is not None:
        mib = min(mib, share.most)
    if name == "scheduler" and not config.celery:  # tasks run beside it: what workers had is its own
        mib += 2 * int(spare * SHARES["worker"].of_spare)
    return mib // STEP * STEP


def _given(config: StackConfig) -> dict[str, int | None]:
    """What there is, by service, with what config says of it. None: nothing."""
    found: dict[str, int | None] = {
        "webserver": config.webserver.memory,
        "scheduler": config.scheduler.memory,
        "triggerer": config.triggerer.memory,
        "proxy": config.proxy.memory,
    }
    if config.database.kind == "container":
        found["postgres"] = config.database.memory
    if config.celery:
        found["worker"] = config.worker.memory
        if config.broker.kind == "container":
            found["redis"] = config.broker.memory
    if config.docker_socket_proxy.enabled:
        found["docker-socket-proxy"] = config.docker_socket_proxy.memory
    if config.flower.enabled:
        found["flower"] = config.flower.memory
    return found


def _key(service: str) -> str:
    section = {"postgres": "database", "redis": "broker"}.get(service, service.replace("-", "_"))
    return f"{section}.memory"


def advice(config: StackConfig, limits: Mapping[str, Limit], engine: int, service: str) -> Advice:
    """Twice as much where the engine has it; else fewer tasks at a time, or fewer workers, in what there is.

    Nobody knows how much a killed process would have taken: twice as much is what can be said.
    """
    limit = limits[service]
    room = limit.mib + max(0, engine - total(limits)) // max(1, limit.count)
    more = min(2 * limit.mib, room) // STEP * STEP
    slots = config.worker.concurrency if service == "worker" else 1
    fewer = f"lower airflow-stack:worker.concurrency (now {slots})" if slots > 1 else ""
    if more >= 1.25 * limit.mib:
        return Advice({limit.key: limit.mib}, {limit.key: more}, fewer)
    if slots > 1:
        key = "worker.concurrency"
        return Advice({key: slots}, {key: slots // 2}, "give Docker more memory")
    if limit.count > 1:
        both = {"worker.count": limit.count, limit.key: limit.mib}
        halved = limit.count // 2
        each = (limit.mib * limit.count + max(0, engine - total(limits))) // halved // STEP * STEP
        return Advice(both, {"worker.count": halved, limit.key: min(2 * limit.mib, each)}, "give Docker more memory")
    return Advice({}, {}, f"give Docker more memory: this engine's {engine} MiB are taken")


def own_advice(config: StackConfig, engine: int, service: str) -> Advice:
    """For the service's own environment: by its own keys, since a change of any other must not replace it."""
    # Queues ask for options that are no matter here.
    changed = {"count": min(config.worker.count, 2), "queues": [], "other_queues": []}
    worker = config.worker.model_copy(update=changed)
    own = StackConfig(worker=worker)
    if not config.celery:
        own = StackConfig(scheduler=config.scheduler, airflow=AirflowConfig(executor="LocalExecutor"))
    return advice(own, limits(own, engine), engine, service)
