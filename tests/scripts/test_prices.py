"""`make prices`: AWS's price list becomes the table; what the list does not tell stays as it was.

The answers have the form of the Price List Query API; no AWS is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from loading import load

PROGRAM = Path(__file__).parents[2]
prices = load(PROGRAM / "scripts/prices.py")


def product(usage: str, *tiers: tuple[str, str]) -> str:
    """One entry of the list, as text, which is how the API has it."""
    dimensions = {
        str(number): {"beginRange": begin, "pricePerUnit": {"USD": usd}} for number, (begin, usd) in enumerate(tiers)
    }
    terms = {"OnDemand": {"term": {"priceDimensions": dimensions}}, "Reserved": {"other": {"priceDimensions": {}}}}
    return json.dumps({"product": {"attributes": {"usagetype": usage}}, "terms": terms})


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the price list, and what plays it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    client = boto3.client("pricing", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield client, stubber


def answer(stubber: Stubber, *products: str) -> None:
    stubber.add_response("get_products", {"PriceList": list(products)}, {"ServiceCode": ANY, "Filters": ANY})


@pytest.mark.parametrize("prefix", ["", "EU-", "EUC1-", "APN1-", "EUW1-"])
def test_a_usage_type_is_found_with_the_prefix_of_its_region(listed: Any, prefix: str) -> None:
    """And what only begins alike is not: NAT gateways of another kind."""
    client, stubber = listed
    answer(
        stubber,
        product(f"{prefix}NatGateway-Hours", ("0", "0.052")),
        product(f"{prefix}NatGateway-Hours-Regional", ("0", "0.9")),
    )
    assert prices.price(client, "eu-central-1", "vpc.nat.hour") == 0.052


def test_the_free_tier_is_passed_over_and_the_first_paid_one_counts(listed: Any) -> None:
    """The estimate deducts no free tier, and its stacks are small."""
    client, stubber = listed
    answer(stubber, product("DataTransfer-Out-Bytes", ("10240", "0.085"), ("0", "0"), ("1", "0.09")))
    assert prices.price(client, "us-east-1", "transfer.out") == 0.09


@pytest.mark.parametrize("products", [[], [product("KMS-Keys", ("0", "1")), product("KMS-Keys", ("0", "2"))]])
def test_no_price_or_two_is_told_and_not_guessed(listed: Any, products: list[str]) -> None:
    """The error names key, region and where it looked."""
    client, stubber = listed
    answer(stubber, *products)
    with pytest.raises(prices.NotFoundError, match=r"kms.key in us-east-1: .* of awskms, KMS-Keys"):
        prices.price(client, "us-east-1", "kms.key")


def test_every_price_of_the_table_is_asked_for() -> None:
    """A key that nobody looks up would stay old for ever."""
    table = json.loads(prices.TABLE.read_text(encoding="utf-8"))
    for key in table["regions"]["us-east-1"]:
        assert prices.wanted(key).service
    assert set(prices.WANTED) <= set(table["regions"]["us-east-1"])


def test_what_is_not_told_stays_with_its_date(listed: Any) -> None:
    """Of two services, the one that was told is of this month."""
    client, stubber = listed
    table: dict[str, Any] = {
        "sources": {"kms": {"url": "u", "as_of": "2026-01"}, "athena": {"url": "u", "as_of": "2026-01"}},
        "regions": {"us-east-1": {"kms.key": 1.0, "athena.tb": 5.0}},
    }
    answer(stubber, product("KMS-Keys", ("0", "1.2")))
    answer(stubber)
    problems = prices.refresh(client, table, ["us-east-1"], "2026-12")
    assert table["regions"]["us-east-1"] == {"kms.key": 1.2, "athena.tb": 5.0}
    assert [table["sources"][name]["as_of"] for name in ("kms", "athena")] == ["2026-12", "2026-01"]
    assert len(problems) == 1
    assert problems[0].startswith("athena.tb in us-east-1: none")


def test_a_new_region_gets_prices_of_its_own_and_dates_stay(listed: Any) -> None:
    """The others were not asked."""
    client, stubber = listed
    table: dict[str, Any] = {
        "sources": {"kms": {"url": "u", "as_of": "2026-01"}},
        "regions": {"us-east-1": {"kms.key": 1.0}},
    }
    answer(stubber, product("EUW3-KMS-Keys", ("0", "1.1")))
    assert prices.refresh(client, table, ["eu-west-3"], "2026-12") == []
    assert table["regions"]["eu-west-3"] == {"kms.key": 1.1}
    assert table["sources"]["kms"]["as_of"] == "2026-01"
