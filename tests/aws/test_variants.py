"""Other stack files than the project's own, under the engine: what is created is complete, settled and deletable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aws.engine import CREDENTIALS
from aws.inventory import inventory, more
from aws.translate.kind import Aws
from aws.variants import ALL, CLOSED, ZONE
from aws.whole import whole, with_target

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("config", [ALL, CLOSED], ids=["all parts", "closed network"])
def test_life(
    config: dict[str, Any], tmp_path: Path, aws: Aws, moto: str, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Created, found unchanged, destroyed: nothing is left."""
    monkeypatch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: ZONE)
    aws.call("route53", "create_hosted_zone", Name="example.com", CallerReference="test")
    before = inventory(aws)
    stack = whole(tmp_path, moto, CREDENTIALS, plugin)
    # A secret of a stack file is encrypted; this one is given in clear, which the config refuses.
    given = {key: value for key, value in config.items() if key != "oidc_client_secret"}
    balancer = {key: value for key, value in given["target"]["load_balancer"].items() if key != "oidc"}
    gone = {"delete_data": True, "confirm_delete_data": "airflow"}
    stack.describe(**with_target(given, load_balancer=balancer, **gone))
    assert set(stack.up().values()) == {"create"}
    assert stack.up() == {}
    assert stack.refresh() == {}
    stack.destroy()
    assert more(inventory(aws), before) == {}
