"""What an image stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_stack.backends.images import SUITE, SUITES, debian_root, image
from airflow_stack.config import LocalConfig
from airflow_stack.releases import DEFAULT, RELEASES

PROGRAM = Path(__file__).parents[2]


@pytest.mark.parametrize(("python", "suite"), SUITES.items())
def test_airflow_stands_on_the_debian_that_has_its_python(
    monkeypatch: pytest.MonkeyPatch, python: str, suite: str
) -> None:
    """Rule: with origin debian, Airflow's Python decides on Debian's release; the servers keep theirs."""
    monkeypatch.setitem(RELEASES, DEFAULT, replace(RELEASES[DEFAULT], python=python))
    config = LocalConfig()
    base = image("airflow", config, PROGRAM, "debian").base
    assert base is not None
    assert (base.args["DEBIAN"], base.args["PYTHON"]) == (debian_root(suite), python)
    server = image("redis", config, PROGRAM, "debian").base
    assert server is not None
    assert server.args["DEBIAN"] == debian_root(SUITE)
    assert "PYTHON" not in server.args
    assert image("airflow", config, PROGRAM, "registry").base is None


def test_each_release_has_a_debian() -> None:
    """Rule: a release can be built of Debian's packages."""
    assert {release.python for release in RELEASES.values()} <= SUITES.keys()
