"""What a stack on AWS costs a month, by item: from its config and a dated table of list prices. Pure."""

from airflow_stack.cost.estimate import Estimate, Item, Load, estimate
from airflow_stack.cost.prices import PriceError

__all__ = ["Estimate", "Item", "Load", "PriceError", "estimate"]
