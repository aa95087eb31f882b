"""Airflow's environment: our default, then the user's option, then what the stack can't run without."""

from __future__ import annotations

from typing import Any

import models
import pytest

from airflow_stack.airflow import describe
from airflow_stack.config import ConfigError, LocalConfig, parse
from airflow_stack.releases import DEFAULT, RELEASES

ESSENTIAL_OPTIONS, SENSITIVE_OPTIONS = RELEASES[DEFAULT].essential, RELEASES[DEFAULT].options.sensitive

# Options that reach Airflow by a variable of the image's: what is under Airflow's own name guards the user's.
HANDED_ON = {"AIRFLOW__METRICS__STAT_NAME_HANDLER": "AIRFLOW_STACK_STAT_NAME_HANDLER"}


def config(**raw: Any) -> LocalConfig:
    return LocalConfig.model_validate(raw)


def environments(config: LocalConfig) -> list[dict[str, str]]:
    """The environment of every role, init's first."""
    deployment = describe(config)
    return [deployment.environment | role.environment for role in (deployment.init, *deployment.roles)]


def environment(config: LocalConfig) -> dict[str, str]:
    """The environment that all roles share."""
    return describe(config).environment


def options(section: str, key: str, value: object = "x") -> dict[str, Any]:
    return {"airflow": {"options": {section: {key: value}}}}


def variable(section: str, key: str) -> str:
    return f"AIRFLOW__{section}__{key}".upper()


def refusal(section: str, key: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(options(section, key), set(), "local")
    return str(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"airflow": {"executor": "LocalExecutor"}},
        {"flower": {"enabled": True}, "secrets_backend": {"class_name": "a.B"}, "hardened": True},
    ],
    ids=["default", "local-executor", "everything"],
)
def test_whatever_the_stack_sets_gives_way_to_the_user_or_is_refused(raw: dict[str, Any]) -> None:
    """A default is overridden in every role; an essential option is refused: no user's option is lost in silence."""
    ours = {name for role in environments(config(**raw)) for name in role if name.startswith("AIRFLOW__")}
    overridden = set()
    for name in ours:
        _, section, key = name.lower().split("__")
        asked = raw | {"airflow": raw.get("airflow", {}) | options(section, key, "mine")["airflow"]}
        try:
            found = environments(models.local(parse(asked, set(), "local")[0]))
        except ConfigError:
            assert "belongs to the stack" in refusal(section, key)
            continue
        name = HANDED_ON.get(name, name)
        assert {role[name] for role in found if name in role} == {"mine"}
        overridden.add(name)
    assert "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION" in overridden
    assert "AIRFLOW__CORE__EXECUTOR" in ours - overridden


def test_an_option_that_we_say_nothing_of_is_handed_on() -> None:
    """Any section and key that Airflow knows can be set."""
    assert environment(config(**options("email", "from_email", "a@example.com")))["AIRFLOW__EMAIL__FROM_EMAIL"] == (
        "a@example.com"
    )


@pytest.mark.parametrize(("value", "text"), [(True, "True"), (False, "False"), (3, "3"), (2.5, "2.5"), ("a b", "a b")])
def test_values_are_written_as_airflow_reads_them(value: object, text: str) -> None:
    """Airflow's getboolean, getint and getfloat read the text again."""
    assert environment(config(**options("core", "default_timezone", value)))["AIRFLOW__CORE__DEFAULT_TIMEZONE"] == text


@pytest.mark.parametrize("suffix", ["", "_cmd", "_secret"])
@pytest.mark.parametrize(("section", "key"), sorted(ESSENTIAL_OPTIONS))
def test_an_essential_option_is_refused(section: str, key: str, suffix: str) -> None:
    """In each of the three forms that Airflow reads, with what to set instead."""
    text = refusal(section, key + suffix)
    assert f"{section}.{key}{suffix}: belongs to the stack; {ESSENTIAL_OPTIONS[section, key]}" in text


@pytest.mark.parametrize(("section", "key"), [s for s in sorted(ESSENTIAL_OPTIONS) if "_" in s[0]])
def test_an_essential_option_is_refused_in_another_spelling(section: str, key: str) -> None:
    """Airflow's variables have _ for a section's dots: both spellings are one option."""
    assert "belongs to the stack" in refusal(section.replace("_", ".", 1), key)


@pytest.mark.parametrize(("section", "key"), sorted(SENSITIVE_OPTIONS - ESSENTIAL_OPTIONS.keys()))
def test_a_sensitive_option_is_refused_in_plain_text(section: str, key: str) -> None:
    """Its value would show in `docker inspect`: the error names the forms that don't."""
    text = refusal(section, key)
    assert f"{key}_cmd" in text
    assert f"{key}_secret" in text
    for suffix in ("_cmd", "_secret"):
        assert environment(config(**options(section, key + suffix)))[variable(section, key + suffix)] == "x"


def test_no_secret_is_in_the_environment() -> None:
    """Secrets are named by the file that holds them."""
    for role in environments(config(flower={"enabled": True}, secrets_backend={"class_name": "a.B"})):
        commands = {name: value for name, value in role.items() if name.endswith("_CMD")}
        assert len(commands) >= 4
        # It prints no secret.
        assert commands.pop("AIRFLOW__DATABASE__SQL_ALCHEMY_ENGINE_ARGS_CMD") == "/opt/airflow-stack/bin/engine-args"
        assert all(value.startswith("cat /run/secrets/") for value in commands.values())


@pytest.mark.parametrize("suffix", ["_cmd", "_secret"])
def test_a_default_gives_way_to_an_option_that_is_read_from_elsewhere(suffix: str) -> None:
    """Rule: Airflow takes a command before a name in the backend, so ours is gone where the user has one."""
    found = environment(config(**options("database", f"sql_alchemy_engine_args{suffix}", "mine")))
    named = {name: value for name, value in found.items() if "ENGINE_ARGS" in name}
    assert named == {f"AIRFLOW__DATABASE__SQL_ALCHEMY_ENGINE_ARGS{suffix.upper()}": "mine"}


def test_a_task_runs_once_unless_its_author_says_otherwise() -> None:
    """Rule: Airflow's own default, no retries, is the stack's; who wants more sets the option."""
    name = variable("core", "default_task_retries")
    assert name not in environment(config())
    assert environment(config(**options("core", "default_task_retries", 2)))[name] == "2"


def test_a_worker_knows_how_long_it_may_go_on() -> None:
    """Rule: the container's own timeout, which it has to end its tasks in."""
    (worker,) = [role for role in describe(config(worker={"stop_timeout": 77})).roles if role.name == "worker"]
    assert (worker.stop_timeout, worker.environment["AIRFLOW_STACK_STOP_TIMEOUT"]) == (77, "77")
