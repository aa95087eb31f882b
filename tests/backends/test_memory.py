"""Memory limits follow from what the engine has: a table, and what must hold for every engine and every config."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.memory import STEP, advice, limits, own_advice, shares, total
from airflow_stack.config import LocalConfig
from airflow_stack.operations.preflight import MEMORY_SHARE
from airflow_stack.releases import DEFAULT, RELEASES
from backends.recorder import machine

# By what the engine has: worker (of two), scheduler, webserver, triggerer, postgres.
TABLE = {
    2048: (768, 768, 768, 384, 384),
    3850: (768, 768, 768, 384, 384),
    4096: (768, 768, 768, 384, 384),
    8192: (1600, 1000 // 64 * 64, 832, 448, 576),
    16_384: (3328, 1472, 1088, 704, 1088),
    24_576: (5056, 1984, 1344, 960, 1600),
    65_536: (13_632, 4096, 1536, 1536, 2048),
}
SHARES = shares(RELEASES[DEFAULT])
PARTS = ("worker", "scheduler", "webserver", "triggerer", "postgres")

memory = st.none() | st.integers(32, 8192)
configs = st.fixed_dictionaries(
    {
        "worker": st.fixed_dictionaries({"count": st.integers(1, 20), "memory": memory}),
        "scheduler": st.fixed_dictionaries({"memory": memory}),
        "database": st.fixed_dictionaries({"memory": memory}) | st.just({"kind": "external"}),
        "flower": st.fixed_dictionaries({"enabled": st.booleans()}),
    }
)


def config(raw: dict[str, Any] | None = None) -> LocalConfig:
    return LocalConfig.model_validate(raw or {})


@pytest.mark.parametrize("engine", TABLE)
def test_what_each_part_has_by_the_engine(engine: int) -> None:
    """Rule: what it always was on 4 GB and less, more on more; what more is of no use to stops growing."""
    found = limits(config(), engine)
    assert tuple(found[part].mib for part in PARTS) == TABLE[engine]


@given(raw=configs, engine=st.integers(1024, 500_000))
def test_limits_never_take_more_than_the_engine_has(raw: dict[str, Any], engine: int) -> None:
    """Rule: the sum stays within the engine unless what is given and the least of the rest is more already."""
    found = limits(config(raw), engine)
    least = total(limits(config(raw), 0))
    assert total(found) <= max(least, engine)
    for name, limit in found.items():
        if name in SHARES and config(raw).at(limit.key) is None:
            assert limit.mib >= SHARES[name].least


@given(raw=configs, engines=st.lists(st.integers(1024, 500_000), min_size=2, max_size=5))
def test_more_memory_is_never_less(raw: dict[str, Any], engines: list[int]) -> None:
    """Rule: no part gets less of a larger engine."""
    for smaller, larger in pairwise(sorted(engines)):
        before, after = limits(config(raw), smaller), limits(config(raw), larger)
        assert all(after[name].mib >= before[name].mib for name in before)


@given(value=st.integers(32, 100_000), engine=st.integers(1024, 500_000))
def test_what_config_gives_always_wins(value: int, engine: int) -> None:
    """Rule: a value of the stack file is the limit, whatever the engine has."""
    raw = {section: {"memory": value} for section in ("worker", "scheduler", "webserver", "triggerer", "database")}
    found = limits(config(raw), engine)
    assert {found[part].mib for part in PARTS} == {value}


def test_the_shares_add_up() -> None:
    """Rule: what the parts get of what is spare is what is said to be spent."""
    assert sum(share.of_spare for share in SHARES.values()) + SHARES["worker"].of_spare == pytest.approx(0.6)


@pytest.mark.parametrize("engine", [4096, 8192, 16_384, 24_064])
@pytest.mark.parametrize(
    "change",
    [
        {"scheduler": {"memory": 1024}},
        {"database": {"memory": 1000}},
        {"flower": {"enabled": True}},
        {"worker": {"count": 3}},
        {"docker_socket_proxy": {"enabled": False}},
    ],
)
def test_a_change_of_one_part_replaces_no_other_one(engine: int, change: dict[str, Any], tmp_path: Any) -> None:
    """Rule: limits and environment of the others are as before, as long as there is room."""
    on = machine(tmp_path, memory=engine)

    def made(raw: dict[str, Any]) -> dict[str, Any]:
        found = plan(config(raw), describe(config(raw)), on).containers
        told = "AIRFLOW_STACK_MEMORY_ADVICE"
        return {one.service: (one.memory, one.environment.get(told)) for one in found}

    before, after = made({}), made(change)
    of = {"scheduler": "scheduler", "database": "postgres"}.get(next(iter(change)))
    assert {name: after[name] for name in before.keys() & after.keys() if name != of} == {
        name: before[name] for name in before.keys() & after.keys() if name != of
    }


def test_tasks_beside_the_scheduler_have_the_room_of_workers() -> None:
    """Rule: with LocalExecutor the scheduler runs the tasks, and gets what workers would have had."""
    found = limits(config({"airflow": {"executor": "LocalExecutor"}}), 16_384)
    assert "worker" not in found
    with_workers = limits(config(), 16_384)
    assert found["scheduler"].mib >= 2 * with_workers["worker"].mib
    # Of two workers, as there are by default: what a third one would have had is nobody's.
    grown = with_workers["scheduler"].mib + 2 * (with_workers["worker"].mib - SHARES["worker"].least)
    assert abs(found["scheduler"].mib - grown) <= 4 * STEP


def test_preflight_accepts_what_follows_from_the_engine(tmp_path: Any) -> None:
    """Rule: `up` never refuses limits that it has made itself, on 4 GB that tell a little less and on more."""
    for engine in (3600, 3850, 4096, 8000, 16_000, 64_000):
        planned = plan(config(), describe(config()), machine(tmp_path, memory=engine))
        assert engine >= sum(one.memory for one in planned.long_running) * MEMORY_SHARE


@given(raw=configs, engine=st.integers(1024, 200_000))
def test_an_advice_is_something_else_that_fits(raw: dict[str, Any], engine: int) -> None:
    """Rule: what is advised differs from what is in force, and the engine has it; else no key is named."""
    first = config(raw)
    found = advice(first, limits(first, engine), engine, "worker")
    assert str(found)
    for key, value in found.then.items():
        assert value != found.now[key]
    followed = {key: dict(section) for key, section in raw.items()}
    for key, value in found.then.items():
        section, name = key.split(".")
        followed[section][name] = value
    before, after = limits(first, engine), limits(config(followed), engine)
    if "worker.memory" in found.then:
        assert after["worker"].mib > before["worker"].mib
        assert total(after) <= max(engine, total(before))


@pytest.mark.parametrize(
    ("engine", "worker", "said"),
    [
        (16_384, {"count": 1, "memory": 640}, "raise airflow-stack:worker.memory to 1280 (now 640), or lower"),
        (4096, {}, "lower airflow-stack:worker.concurrency to 2 (now 4), or give Docker more memory"),
        (
            4096,
            {"concurrency": 1},
            "lower airflow-stack:worker.count to 1 (now 2) and raise airflow-stack:worker.memory",
        ),
        (4096, {"concurrency": 1, "count": 1, "memory": 1536}, "give Docker more memory"),
    ],
)
def test_what_is_advised(engine: int, worker: dict[str, int], said: str) -> None:
    """Rule: more where there is room, else fewer tasks at a time, else fewer workers, else a larger engine."""
    parsed = config({"worker": worker})
    assert str(advice(parsed, limits(parsed, engine), engine, "worker")).startswith(said)


def test_advice_does_not_depend_on_other_options() -> None:
    """Rule: workers of a queue that another option names have advice of their own."""
    config = LocalConfig.model_validate(
        {"worker": {"queues": ["gpu"]}, "airflow": {"options": {"operators": {"default_queue": "gpu"}}}}
    )
    assert "worker.memory" in str(own_advice(config, 16_384, RELEASES[DEFAULT].roles[3]))
