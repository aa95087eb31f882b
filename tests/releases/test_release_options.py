"""The tables of options: made of what the lock files pin, and a verdict for every option that there is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from loading import load

from airflow_stack.airflow import environment
from airflow_stack.config import LocalConfig
from airflow_stack.config.aws import options as of_aws
from airflow_stack.config.options import broken_options
from airflow_stack.releases import DEFAULT, RELEASES, Option, Options, Release, options

PROGRAM = Path(__file__).parents[2]
LOCKS = sorted((PROGRAM / "images/airflow/requirements").glob("[0-9]*.txt"))
script = load(PROGRAM / "scripts/options.py")

TABLES = {**options.every(), **{version: release.options for version, release in RELEASES.items()}}
EVERY = sorted({one for table in options.every().values() for one in (*table.known, *table.moved)})


def release(table: Options) -> Release:
    """A release with these options."""
    return RELEASES.get(table.version, replace(RELEASES[DEFAULT], version=table.version, options=table))


def verdict(option: Option, release: Release, suffix: str = "") -> str:
    """What is said of it; empty where it may be set."""
    section, key = option
    broken = broken_options({section: {f"{key}{suffix}": "x"}}, [], release)
    return "; ".join(map(str, broken))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_table_is_made_of_what_its_lock_file_pins(lock: Path) -> None:
    """Rule: the image has these options. After a change of the lock file: make options, and commit."""
    packages = {name: version for name, (version, _) in script.pinned(lock.read_text(encoding="utf-8")).items()}
    assert options.of(lock.stem).packages == packages


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_option_can_be_set_or_is_refused_with_the_reason(table: Options) -> None:
    """Rule: whatever any version of Airflow knows has one verdict in each version."""
    of_it = release(table)
    for option in EVERY:
        said, now = verdict(option, of_it), table.now(option)
        if (now or option) in of_it.essential:
            assert "belongs to the stack; " in said
        elif option in table and option not in table.sensitive:
            assert not said, f"{option}: {said}"
        elif option in table:
            assert said.startswith("can hold a secret")
        elif now:
            assert said == f"is called {'.'.join(now)} in Airflow {table.version}"
        else:
            # A name that came and went between two of these releases is as good as none.
            passing = not any(option in one.known for one in options.every().values())
            assert re.fullmatch(
                f"there is no such option in Airflow {table.version}"
                f"( any more; .+|: it came later, and [0-9.]+ has it{'|.*' if passing else ''})",
                said,
            ), f"{option}: {said}"


@pytest.mark.parametrize("suffix", ["_cmd", "_secret"])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_sensitive_options_alone_are_read_from_elsewhere(table: Options, suffix: str) -> None:
    """Rule: Airflow does so with these alone, and would leave a command of any other one unread."""
    of_it = release(table)
    for option in table.known - of_it.essential.keys():
        said = verdict(option, of_it, suffix)
        assert bool(said) != (option in table.sensitive), f"{option}: {said}"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_an_older_name_leads_to_is_there(table: Options) -> None:
    """Rule: the way to write it that an error names is right."""
    assert all(new in table.known for new in table.moved.values() if new)
    assert not table.moved.keys() & table.known
    assert table.sensitive <= table.known


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_the_stack_sets_and_refuses_what_the_release_knows(release: Release) -> None:
    """Rule: an option of ours that Airflow does not read would be a promise that nothing keeps."""
    own = {option for role in release.roles for option in (*role.options, *role.defaults)}
    own |= {*release.belongs, *release.secret_options.values()}
    assert [option for option in own if option not in release.options] == []


def test_what_the_stack_calls_by_a_name_of_some_release_is_an_option_of_one() -> None:
    """Rule: those that are set for all releases are left out where one has them not, and so no slip may go unseen."""
    every = LocalConfig.model_validate({"secrets_backend": {"class_name": "a.B"}, "flower": {"enabled": True}})
    own = {*environment._defaults(every), *environment._essential(every)}
    own |= {*of_aws.ESSENTIAL, *of_aws.SQS, *of_aws.STATSD}
    tables = options.every().values()
    assert [one for one in own if not any(table.base(one) in table for table in tables)] == []


def test_what_does_the_work_of_an_option_is_said_of_one_that_is_gone() -> None:
    """Rule: no hint is left of an option that is there."""
    newest = list(options.every().values())[-1]
    assert [option for option in options.GONE if newest.now(option)] == []
    assert "the connection smtp_default has it" in newest.why_not(("smtp", "smtp_user"))


def test_a_key_of_another_section_is_found() -> None:
    """Rule: the section is what is easily mistaken; where two have the key, the spelling decides."""
    table = options.of(DEFAULT)
    assert table.nearest(("webserver", "parallelism")) == ("core", "parallelism")
    assert table.nearest(("core", "paralelism")) == ("core", "parallelism")
    assert table.nearest(("core", "xyzzy")) is None
    assert table.nearest_section("celery_broker_transport_option") == "celery_broker_transport_options"
