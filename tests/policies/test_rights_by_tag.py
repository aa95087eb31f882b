"""Rights on what AWS names by ids of its own, and on what it lists: a deployment's role has such."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.asked import rule

KEY = "arn:aws:kms:eu-central-1:123456789012:key/*"


def said(**statement: Any) -> list[str]:
    policy = json.dumps({"Statement": [{"Effect": "Allow"} | statement]})
    return list(rule("named-resources").check("aws:iam/policy:Policy", {"policy": policy}))


def test_a_tag_names_a_resource() -> None:
    """Rule: all keys are too many, those with the stack's tag are the stack's."""
    tagged = {"StringEquals": {"aws:ResourceTag/airflow-stack": "airflow"}}
    assert said(Action="kms:PutKeyPolicy", Resource=KEY)
    assert said(Action="kms:PutKeyPolicy", Resource=KEY, Condition=tagged) == []
    other = {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
    assert said(Action="kms:PutKeyPolicy", Resource=KEY, Condition=other)


@pytest.mark.parametrize("action", ["kms:CreateKey", "acm:RequestCertificate"])
def test_what_is_made_bears_a_tag(action: str) -> None:
    """Rule: making has no resource yet; the condition names the tag."""
    made = {"StringEquals": {"aws:RequestTag/airflow-stack": "airflow"}}
    assert said(Action=action, Resource="*")
    assert said(Action=action, Resource="*", Condition=made) == []


def test_listing_is_free_and_changing_is_not() -> None:
    """Rule: EC2 lists without a resource; what it changes has one."""
    assert said(Action=["ec2:DescribeVpcs", "ec2:DescribeSubnets"], Resource="*") == []
    assert said(Action=["ec2:DescribeVpcs", "ec2:DeleteVpc"], Resource="*")
    assert said(Action="s3:DescribeJob", Resource="*")
