"""A contract for import-linter: a module knows the stack of this machine or the one on AWS, and few know both.

What a module knows is what it imports itself: an SDK, or a module that is one target's by its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

SDKS = {
    "docker": "docker", "pulumi_docker": "docker",
    "boto3": "aws", "botocore": "aws", "pulumi_aws": "aws", "mypy_boto3_ecr": "aws", "mypy_boto3_ecs": "aws",
}  # fmt: skip
# The model holds both targets' sections, and is pure.
WHOLE = "airflow_stack.config"


class OneTarget(Contract):
    """Broken by a module that knows both targets and is not listed, and by an entry of the list that nothing needs."""

    type_name = "one_target"
    both: Iterable[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment] # a field's value
    """Modules that are meant to know both; ``*`` stands for any part of a name."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - as import-linter calls it
        found = {module: known for module in graph.modules if len(known := targets(graph, module)) > 1}
        unlisted = {
            module: known for module, known in found.items() if not any(fnmatchcase(module, one) for one in self.both)
        }
        unneeded = [one for one in self.both if not any(fnmatchcase(module, one) for module in found)]
        return ContractCheck(kept=not unlisted and not unneeded, metadata={"unlisted": unlisted, "unneeded": unneeded})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, known in sorted(check.metadata["unlisted"].items()):
            output.print_error(f"{module} knows both targets:", bold=True)
            for target, imported in sorted(known.items()):
                output.indent_cursor()
                output.print_error(f"{target}: {', '.join(sorted(imported))}", bold=False)
        for one in check.metadata["unneeded"]:
            output.print_error(f"{one} is on the list of those that know both, and does not", bold=True)


def target(module: str) -> str | None:
    """Whose a module is by its name: ``docker``, ``aws`` or nobody's."""
    first, *rest = module.split(".")
    if first in SDKS:
        return SDKS[first]
    if first != "airflow_stack" or module.startswith(WHOLE):
        return None
    for part in rest:
        if part == "aws" or part.startswith("aws_"):
            return "aws"
        if part.startswith(("docker", "compose")) or part in ("local", "machine"):
            return "docker"
    return None


def targets(graph: ImportGraph, module: str) -> dict[str, set[str]]:
    """The targets that a module of the project knows, and by which imports; its own by none."""
    if not module.startswith("airflow_stack.") or module.startswith(WHOLE):
        return {}
    own = target(module)
    known: dict[str, set[str]] = {own: set()} if own else {}
    for imported in graph.find_modules_directly_imported_by(module):
        if whose := target(imported):
            known.setdefault(whose, set()).add(imported)
    return known
