"""List prices of AWS in USD, on demand, without tax, discounts, free tiers or savings plans.

The table is ``prices.json`` beside this file; ``make prices`` asks AWS's price list for it and writes it anew, service
by service, with the month in which it asked. What is older was collected from copies of the price list and from
published bills: check it on the page that the table names before you rely on a total.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_stack.errors import OperationError

TABLE = Path(__file__).with_name("prices.json")
_table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))

# By the first word of a price's key: AWS's own page, and the month of the copy that the table follows.
SOURCES: dict[str, tuple[str, str]] = {name: (one["url"], one["as_of"]) for name, one in _table["sources"].items()}
AS_OF = " to ".join(dict.fromkeys(pick(as_of for _, as_of in SOURCES.values()) for pick in (min, max)))

# Spot has no list price: AWS moves it, between 30 and 50 per cent of the price on demand. In the middle:
SPOT_SHARE = 0.4

# By region and key: hours are of one vCPU, GB, gateway, address or node; GB that are kept are a month's; requests and
# metrics are single; zones' transfer is both sides together.
REGIONS: dict[str, dict[str, float]] = _table["regions"]
# For what is not known of a region by itself: us-east-1 times the factor of its service, marked in every output.
FACTORS: dict[str, dict[str, float]] = _table["factors"]
COMPLETE = "us-east-1"
# These cost the same in all three regions, or nearly so.
_WITHOUT_FACTOR = ("alb", "vpc", "sqs", "secrets", "cloudwatch", "s3", "ecr", "transfer", "athena", "kms")


class PriceError(OperationError):
    """The table has no such price: a region or a size that nobody has entered."""


class Prices:
    """The prices of one region. Raises PriceError where the table has none of it."""

    def __init__(self, region: str) -> None:
        if region not in REGIONS:
            raise PriceError(
                f"there are no prices for {region} in the table of {AS_OF}: it has {', '.join(REGIONS)}.\n"
                f"With credentials for AWS: make prices REGIONS='{' '.join((*REGIONS, region))}'. Without them, set"
                " target.region to the nearest of these for an idea."
            )
        self.region = region
        self._derived: set[str] = set()

    def usd(self, key: str) -> float:
        """One price. Raises PriceError for a size that is not in the table."""
        own = REGIONS[self.region].get(key)
        if own is not None:
            return own
        if key not in REGIONS[COMPLETE]:
            raise PriceError(f"there is no price of {key.partition('.')[2]} in the table of {AS_OF}")
        service = key.partition(".")[0]
        factor = FACTORS.get(self.region, {}).get(service, 1.0)
        if service not in _WITHOUT_FACTOR:
            self._derived.add(key)
        return REGIONS[COMPLETE][key] * factor

    def cache(self, engine: str, node: str) -> tuple[str, float]:
        """Key and price of an ElastiCache node: one of Valkey costs four fifths of one of Redis."""
        key = f"cache.redis.{node}"
        return key, self.usd(key) * (0.8 if engine == "valkey" else 1.0)

    def is_derived(self, key: str) -> bool:
        """Whether the price was made of another region's."""
        return key in self._derived
