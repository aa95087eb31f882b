"""What a stack on AWS must be, as rules that see one resource or all of them. Pure: they run without the engine."""

from airflow_stack_policies import containers, encryption, iam, network, upkeep
from airflow_stack_policies.rule import Rule, StackRule

RULES: tuple[Rule, ...] = (*encryption.RULES, *network.RULES, *iam.RULES, *containers.RULES, *upkeep.RULES)
STACK_RULES: tuple[StackRule, ...] = (*encryption.STACK_RULES, *network.STACK_RULES)

__all__ = ["RULES", "STACK_RULES", "Rule", "StackRule"]
