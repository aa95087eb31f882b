"""moto as a server for the whole session, and the engine on programs of the tests."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator

import pytest
import requests
from moto.server import ThreadedMotoServer

from aws import gaps
from aws.engine import CREDENTIALS, REAL, STAND_IN, has_real_plugin
from aws.translate.kind import Aws


@pytest.fixture(autouse=True, scope="module")
def gaps_of_moto() -> Iterator[None]:
    """What moto lacks, for the tests of this folder."""
    with gaps.filled():
        yield


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a moto that answers for all of AWS. Two tests must not use it at the same time."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request says nothing
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(
    scope="module",
    params=[
        STAND_IN,
        pytest.param(
            REAL,
            marks=pytest.mark.skipif(
                not has_real_plugin(), reason="pulumi-aws's own plugin is not here: `pulumi plugin install` brings it"
            ),
        ),
    ],
)
def plugin(request: pytest.FixtureRequest) -> str:
    """What plays AWS's provider: our stand-in, and pulumi-aws's own plugin where it is; both speak to moto."""
    return str(request.param)


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Clients of an AWS that nobody has used yet."""
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    for key, value in (CREDENTIALS | {"AWS_ENDPOINT_URL": moto, "NO_PROXY": "*"}).items():
        monkeypatch.setenv(key, value)
    return Aws("eu-central-1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "aws" in item.path.parts and item.get_closest_marker("engine") and shutil.which("pulumi") is None:
            item.add_marker(pytest.mark.skip(reason="the Pulumi CLI is not on PATH"))
