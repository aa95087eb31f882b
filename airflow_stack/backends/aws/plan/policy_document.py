"""IAM policies as text: ours alone, since the provider's own function for it would be a call in a preview."""

from __future__ import annotations

import json
from typing import Any


def document(*statements: dict[str, Any]) -> str:
    """The policy of these statements: JSON with sorted keys, the same text from run to run."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def partition(arn: str) -> str:
    """``aws``, or what it is called in China and for governments: ARNs that we write must be of the same one."""
    return arn.split(":")[1]


def account(arn: str) -> str:
    """The account that a resource of ours is in. It is never looked up: a preview makes no call."""
    return arn.split(":")[4]
