"""Import and export: a file on one side, a place where Airflow finds entries on the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.formats import Format, parse, render
from airflow_stack.operations.entries.kinds import Kind, checked, masked, refuse_wrong, same, shown
from airflow_stack.operations.entries.places import Found, Place
from airflow_stack.operations.target import target_of_file


@dataclass(frozen=True)
class Change:
    """What an import does, or would do: names, sorted."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]


def place_of(directory: Path, stack: str, kind: Kind) -> Place:
    """Where the stack keeps such entries."""
    place: Place = target_of_file(directory, stack).entries(kind)
    return place


def import_entries(
    place: Place, kind: Kind, text: str, file_format: Format, source: str, *, overwrite: bool, dry_run: bool
) -> Change:
    """Bring what a file holds to its place; what is there beside it stays.

    Raises OperationError, and changes nothing, where an entry is wrong, and where one would replace another without
    ``overwrite``.
    """
    wanted = checked(kind, parse(kind, text, file_format, source), source)
    refuse_wrong(wanted.items(), place.check, f"{source} is not imported")
    found = place.read(wanted.keys())
    there = found.entries.keys() | found.unreadable.keys()
    create = {name: wanted[name] for name in sorted(wanted) if name not in there}
    update = {
        name: wanted[name]
        for name in sorted(wanted.keys() & there)
        if name in found.unreadable or not same(kind, wanted[name], found.entries[name])
    }
    change = Change(list(create), list(update), sorted(wanted.keys() - create.keys() - update.keys()))
    if dry_run:
        return change
    if update and not overwrite:
        names = ", ".join(shown(name) for name in update)
        raise OperationError(
            f"{place.name} has other values for {len(update)} of these {kind}: {names}.\n"
            "Nothing was changed. Replace them: --overwrite"
        )
    if create or update:
        place.write(create, update)
    return change


def export_entries(place: Place, kind: Kind, file_format: Format, *, show_secrets: bool) -> str:
    """The text of a file with all entries. Raises OperationError where one can't be read."""
    found = place.read()
    _refuse_unreadable(place, kind, found)
    entries = found.entries if show_secrets else {name: masked(kind, entry) for name, entry in found.entries.items()}
    return render(kind, entries, file_format)


def _refuse_unreadable(place: Place, kind: Kind, found: Found) -> None:
    if found.unreadable:
        lines = [f"  {shown(name)}: {why}" for name, why in sorted(found.unreadable.items())]
        raise OperationError("\n".join([f"{place.name} has {kind} that can't be read:", *lines]))
