"""An estimate as a table and as JSON. Pure."""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.cost.estimate import Estimate, Item, Load
from airflow_stack.cost.prices import AS_OF, SOURCES, SPOT_SHARE

HALF_A_CENT = 0.005

NOTES = (
    f"List prices of {AS_OF}, on demand, without tax; sources: airflow_stack/cost/prices.json. Check them before you"
    " rely on a total.",
    f"Spot has no list price: {SPOT_SHARE:.0%} of the price on demand is assumed. What else is assumed:"
    " airflow_stack/cost/assumptions.py.",
    "Not deducted: free tiers. CloudWatch's, of every account: 10 metrics, 10 alarms, 3 dashboards, 5 GB of logs and"
    " a million requests.",
    "Not counted: what tasks move out of AWS, snapshots beyond the database's size, the hosted zone, support.",
)
DERIVED = "~ This region's price is not in the table: it is us-east-1's, times a factor."


def table(stack: str, region: str, idle: Estimate, loaded: Estimate | None, load: Load) -> str:
    """Idle beside the load, and a total of each."""
    rows = _rows(idle, loaded)
    heads = ["idle", "load"] if loaded else ["idle"]
    width = max(len(what) for _, what, _ in rows)
    lines = [f"{stack}, {region}: USD a month" + (f"; load: {_load(load)}" if loaded else ""), ""]
    lines.append(f"{'':16}{'':{width}}" + "".join(f"{head:>10}" for head in heads))
    before = ""
    for service, what, amounts in rows:
        lines.append(
            f"{service if service != before else '':16}{what:{width}}" + "".join(f"{usd:10.2f}" for usd in amounts)
        )
        before = service
    totals = [idle.usd, *([loaded.usd] if loaded else [])]
    lines += [f"{'total':{16 + width}}" + "".join(f"{usd:10.2f}" for usd in totals), ""]
    shown = loaded or idle
    lines += [f"attention: {warning}" for warning in shown.warnings]
    lines += NOTES
    if any(item.derived for item in shown.items):
        lines.append(DERIVED)
    return "\n".join(lines) + "\n"


def as_json(stack: str, region: str, idle: Estimate, loaded: Estimate | None, load: Load) -> str:
    """All numbers, with each price's source."""
    document = {
        "stack": stack,
        "region": region,
        "currency": "USD",
        "prices_as_of": AS_OF,
        "spot_share": SPOT_SHARE,
        "idle": _plain(idle),
    }
    if loaded:
        document["load"] = _plain(loaded) | {
            "tasks_per_day": load.tasks_per_day,
            "minutes_per_task": load.minutes_per_task,
        }
    document["sources"] = {service: {"url": url, "as_of": as_of} for service, (url, as_of) in SOURCES.items()}
    return json.dumps(document, indent=2) + "\n"


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {
        "usd": round(estimate.usd, 2),
        "warnings": list(estimate.warnings),
        "items": [
            {
                "service": item.service,
                "what": item.what,
                "quantity": round(item.quantity, 4),
                "unit": item.unit,
                "unit_usd": item.unit_usd,
                "derived": item.derived,
                "usd": round(item.usd, 2),
            }
            for item in estimate.items
        ],
    }


def _rows(idle: Estimate, loaded: Estimate | None) -> list[tuple[str, str, list[float]]]:
    """Of both, in the order of the load's; less than half a cent in each is left out, and is in the totals."""
    amounts = [{(item.service, _named(item)): item.usd for item in one.items} for one in (idle, loaded) if one]
    keys = list(dict.fromkeys(key for one in reversed(amounts) for key in one))
    order = list(dict.fromkeys(service for service, _ in keys))
    keys.sort(key=lambda key: order.index(key[0]))
    rows = [(service, what, [one.get((service, what), 0.0) for one in amounts]) for service, what in keys]
    return [row for row in rows if any(usd >= HALF_A_CENT for usd in row[2])]


def _named(item: Item) -> str:
    """``~`` for a derived price."""
    return f"{item.what} ~" if item.derived else item.what


def _load(load: Load) -> str:
    return f"{load.tasks_per_day} tasks a day of {load.minutes_per_task:g} minutes"
