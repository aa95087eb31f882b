"""`airflow-stack preview`: what a change would do to each stack, what it costs, what the policies say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_stack.cost import PriceError
from airflow_stack.errors import OperationError, StackError
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.preview import cost
from airflow_stack.operations.preview.base import files_of, merge_base
from airflow_stack.operations.preview.change import Against, Report, StackPreview
from airflow_stack.operations.preview.compare import compare
from airflow_stack.operations.preview.engine import Deployed, fresh_plan
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.target import Target, target_of_file

__all__ = ["preview"]


@dataclass(frozen=True)
class _Base:
    """The files of the commit that changes are measured from."""

    commit: str
    program: Path


def preview(directory: Path, stacks: Sequence[str], base: str | None, say: Say) -> Report:
    """Preview these stacks, or all of them.

    A stack that is deployed, and whose state is reached from here, is compared with that. Another one is compared with
    the merge base of HEAD and ``base``, or with nothing. What fails of one stack stands in its part of the report;
    OperationError is for what concerns all.
    """
    program = directory.resolve()
    names = list(stacks) or sorted(path.name[7:-5] for path in program.glob("Pulumi.?*.yaml"))
    if not names:
        raise OperationError(f"there is no stack to preview: {program} has no Pulumi.<stack>.yaml")
    found = PulumiCli.find(program, names[0], say)
    if found is None:
        raise OperationError("a preview needs Pulumi's command line, and it could not be fetched; install it by hand")
    with _base(program, base) as before:
        done = tuple(_one(found.command, program, name, before, say) for name in names)
    return Report(before.commit[:7] if before else "", done)


@contextmanager
def _base(program: Path, ref: str | None) -> Iterator[_Base | None]:
    commit = merge_base(program, ref)
    if commit is None:
        yield None
        return
    with files_of(program, commit) as files:
        yield _Base(commit, files)


def _one(command: str, program: Path, stack: str, base: _Base | None, say: Say) -> StackPreview:
    say(f"previewing {stack}")
    if base is not None and not (base.program / f"Pulumi.{stack}.yaml").exists():
        base = None
    try:
        target = target_of_file(program, stack)
        shown = _planned(command, target, base)
    except StackError as error:
        return StackPreview(stack, Against.NOTHING, errors=(str(error),))
    return _with_cost(shown, target, base)


def _planned(command: str, target: Target[Any, Any], base: _Base | None) -> StackPreview:
    program, stack = target.program, target.stack
    pack = _pack(program) if target.policed else None
    notes: tuple[str, ...] = ()
    if target.policed and pack is None:
        notes = ("The policy pack was not asked: it is installed by `make policies`.",)
    deployed = Deployed(command, program, stack)
    if deployed.resource_ids():
        plan = deployed.preview(pack)
        return StackPreview(
            stack, Against.STATE, plan.changes, plan.same, plan.findings, pack is not None, plan.errors, notes=notes
        )
    with ThreadPoolExecutor(max_workers=2) as pool:
        head = pool.submit(fresh_plan, command, program, stack, program, pack)
        old = pool.submit(fresh_plan, command, base.program, stack, program, None) if base else None
        plan, stand_ins = head.result()
    if stand_ins:
        notes += (f"Encrypted values can't be read here; stand-ins took their places: {', '.join(stand_ins)}.",)
    shown = StackPreview(
        stack, Against.NOTHING, plan.changes, plan.same, plan.findings, pack is not None, plan.errors, notes=notes
    )
    if old is None or plan.errors:
        return shown
    try:
        before, _ = old.result()
        problem = before.errors[0].splitlines()[0] if before.errors else ""
    except OperationError as error:
        problem = str(error).splitlines()[0]
    if problem:
        return replace(shown, notes=(*notes, f"The base can't be previewed, so nothing is compared: {problem}"))
    changes, same = compare(before.resources, plan.resources)
    return replace(shown, against=Against.BASE, changes=changes, same=same)


def _with_cost(shown: StackPreview, target: Target[Any, Any], base: _Base | None) -> StackPreview:
    before, notes = None, shown.notes
    if base is not None:
        try:
            before = target_of_file(base.program, shown.stack)
        except StackError:
            notes += ("The base's config is not valid today, so its cost is not known.",)
    try:
        return replace(shown, cost=cost.difference(before, target), notes=notes)
    except PriceError as error:
        return replace(shown, notes=(*notes, str(error)))


def _pack(program: Path) -> Path | None:
    pack = program / "policies"
    return pack if (pack / ".venv").is_dir() else None
