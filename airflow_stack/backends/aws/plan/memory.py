"""What a service on AWS should have instead of the size with which it was killed for memory. Pure."""

from __future__ import annotations

from airflow_stack.airflow.advice import Advice
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.types import FARGATE_MEMORY
from airflow_stack.releases import RoleSpec


def advice(config: AwsConfig, role: RoleSpec) -> Advice:
    """Twice as much, as far as Fargate has it for these CPU units; beyond, the next larger CPU size too.

    Nobody knows how much a killed process would have taken: twice as much is what can be said.
    """
    size = config.target.size(role)
    section = f"target.{role.section}"
    now = {f"{section}.memory": size.memory}
    slots = config.at(role.slots) if role.slots else 1
    fewer = f"lower airflow-stack:{role.slots} (now {slots})" if slots > 1 else ""
    if config.at(section) is None:
        return Advice({}, {}, fewer or "its size is the default one, and no key sets it")
    if fitting := [mib for mib in FARGATE_MEMORY[size.cpu] if mib > size.memory]:
        more = next((mib for mib in fitting if mib >= 2 * size.memory), fitting[-1])
        return Advice(now, {f"{section}.memory": more}, fewer)
    for cpu, sizes in FARGATE_MEMORY.items():
        if fitting := [mib for mib in sizes if cpu > size.cpu and mib >= 2 * size.memory]:
            then = {f"{section}.cpu": cpu, f"{section}.memory": fitting[0]}
            return Advice(now | {f"{section}.cpu": size.cpu}, then, fewer)
    return Advice({}, {}, fewer or "Fargate has no more memory")
