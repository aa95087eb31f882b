"""How much memory each container of a local stack may take, by what the engine has. Pure, and all of it in MiB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_stack.airflow import there
from airflow_stack.airflow.advice import Advice
from airflow_stack.config import LocalConfig
from airflow_stack.config.airflow import AirflowConfig
from airflow_stack.config.local.services import LocalWorker
from airflow_stack.releases import Release, RoleSpec, Share

LEAST_ENGINE = 4096
"""What a stack needs at least, and what limits follow from while nobody knows what the engine has."""

STEP = 64
"""Limits are multiples of it: finer ones help nobody."""

SERVERS = {"postgres": Share(384, 0.06, 2048), "redis": Share(128)}
"""Servers beside Airflow's roles whose limit is the engine's matter where config says none."""


def shares(release: Release) -> dict[str, Share]:
    """By service. With two workers they take 0.6 of what the engine has beyond the least one: the rest is the page
    cache's, DockerOperator's containers', and other people's."""
    return {role.name: role.memory for role in release.roles} | SERVERS


@dataclass(frozen=True)
class Limit:
    """Of each container of a part."""

    key: str
    """Config key that sets it; empty for what no key sets."""
    mib: int
    count: int = 1
    """Containers of the part that run for long."""


def limits(config: LocalConfig, engine: int) -> dict[str, Limit]:
    """By service, a worker's without its number. ``engine`` is what the stack may plan with: `Machine.memory`.

    Whatever config gives, it gets. The sum is never more than the engine has, unless what config gives together with
    the least of the rest is more already.
    """
    given = _given(config)
    known = shares(config.airflow.release)
    counts = {spec.name: config.at(spec.count) for spec in there(config) if spec.count}
    counts = {name: counts.get(name, 1) for name in given}
    least = {name: value if value is not None else known[name].least for name, value in given.items()}
    taken = sum(mib * counts[name] for name, mib in least.items())
    grown = {name: _by(config, name, max(0, engine - LEAST_ENGINE)) for name, value in given.items() if value is None}
    # As much of the growth as there is room for: all of it, unless config gives much, or has many workers. So a change
    # of one limit, or one worker more, seldom moves another limit, and replaces no other container.
    wanted = sum((mib - least[name]) * counts[name] for name, mib in grown.items())
    part = min(1.0, max(0, engine - taken) / wanted) if wanted else 0.0
    found = {
        name: Limit(
            _key(config, name),
            least[name] + int((grown.get(name, least[name]) - least[name]) * part) // STEP * STEP,
            counts[name],
        )
        for name in given
    }
    init = config.airflow.release.init
    return found | {init.name: Limit("", init.memory.least, 0)}


def total(limits: Mapping[str, Limit]) -> int:
    """What all containers that run for long may take together."""
    return sum(limit.mib * limit.count for limit in limits.values())


def rounded(mib: int) -> int:
    """What an engine has, in steps: a kernel's own part differs by some MiB from boot to boot."""
    return mib // STEP * STEP


def _by(config: LocalConfig, name: str, spare: int) -> int:
    """What one of the part's containers has where there is room for all."""
    release = config.airflow.release
    share = shares(release)[name]
    mib = share.least + int(spare * share.of_spare)
    if share.most is not None:
        mib = min(mib, share.most)
    if (spec := release.role(name)) and spec.tasks == "without_workers" and not config.celery:
        # Tasks run beside it: what workers had is its own.
        mib += 2 * int(spare * sum(role.memory.of_spare for role in release.roles if role.elastic))
    return mib // STEP * STEP


def _given(config: LocalConfig) -> dict[str, int | None]:
    """What there is, by service, with what config says of it. None: nothing."""
    found: dict[str, int | None] = {spec.name: config.at(f"{spec.section}.memory") for spec in there(config)}
    found["proxy"] = config.proxy.memory
    if config.database.kind == "container":
        found["postgres"] = config.database.memory
    if config.celery and config.broker.kind == "container":
        found["redis"] = config.broker.memory
    if config.docker_socket_proxy.enabled:
        found["docker-socket-proxy"] = config.docker_socket_proxy.memory
    return found


def _key(config: LocalConfig, service: str) -> str:
    """Empty for a role that has no section of its own."""
    section = {"postgres": "database", "redis": "broker"}.get(service, service.replace("-", "_"))
    return f"{section}.memory" if section in type(config).model_fields else ""


def advice(config: LocalConfig, limits: Mapping[str, Limit], engine: int, service: str) -> Advice:
    """Twice as much where the engine has it; else fewer tasks at a time, or fewer workers, in what there is.

    Nobody knows how much a killed process would have taken: twice as much is what can be said.
    """
    limit, spec = limits[service], config.airflow.release.role(service)
    room = limit.mib + max(0, engine - total(limits)) // max(1, limit.count)
    more = min(2 * limit.mib, room) // STEP * STEP
    slots = config.at(spec.slots) if spec and spec.slots else 1
    fewer = f"lower airflow-stack:{spec.slots} (now {slots})" if spec and slots > 1 else ""
    if limit.key and more >= 1.25 * limit.mib:
        return Advice({limit.key: limit.mib}, {limit.key: more}, fewer)
    if spec and slots > 1:
        return Advice({spec.slots: slots}, {spec.slots: slots // 2}, "give Docker more memory")
    if spec and spec.count and limit.count > 1:
        both = {spec.count: limit.count, limit.key: limit.mib}
        halved = limit.count // 2
        each = (limit.mib * limit.count + max(0, engine - total(limits))) // halved // STEP * STEP
        return Advice(both, {spec.count: halved, limit.key: min(2 * limit.mib, each)}, "give Docker more memory")
    return Advice({}, {}, f"give Docker more memory: this engine's {engine} MiB are taken")


def own_advice(config: LocalConfig, engine: int, spec: RoleSpec) -> Advice:
    """For the role's own environment: by its own keys, since a change of any other must not replace it."""
    section = config.at(spec.section)
    if isinstance(section, LocalWorker):
        # Queues ask for options that are no matter here.
        changed = {"count": min(section.count, 2), "queues": [], "other_queues": []}
        section = section.model_copy(update=changed)
    airflow = AirflowConfig(version=config.airflow.version, executor=config.airflow.executor)
    own = LocalConfig.model_validate({"airflow": airflow} | ({spec.section: section} if section else {}))
    return advice(own, limits(own, engine), engine, spec.name)
