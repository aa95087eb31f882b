"""Rules of ``airflow.options``: an option is what the release's table says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_stack.config.errors import RuleError
from airflow_stack.releases import Release


def broken_options(
    options: Mapping[str, Mapping[str, Any]], own_sections: Collection[str], release: Release
) -> list[RuleError]:
    """What breaks a rule, by keys below ``airflow``."""
    table = release.options
    own = {plain_section(name) for name in own_sections}
    broken = [
        RuleError("own_sections", f"{name} is a section of Airflow's own, whose options are known: leave it out")
        for name in own_sections
        if plain_section(name) in table.sections
    ]
    for section, values in options.items():
        name = plain_section(section)
        if name in own - table.sections:
            continue
        if name in table.sections or any(table.known_elsewhere(table.base((name, key))) for key in values):
            broken += filter(None, (broken_option(section, key, release) for key in values))
        elif values:
            broken.append(_unknown_section(section, own_sections, release))
    return broken


def broken_option(section: str, key: str, release: Release) -> RuleError | None:
    """Which rule one option breaks, of a section that Airflow knows."""
    table = release.options
    written = f"options.{section}.{key}"
    # Pulumi takes a dot for the next step of the path.
    remove = written if "." not in section + key else ""
    base = table.base((plain_section(section), key))
    suffix = key.removeprefix(base[1])
    now = table.now(base)
    here = "" if now in (None, base) else f"is called {'.'.join(now or ())}{suffix} in Airflow {release.version}"
    if instead := release.essential.get(now or base):
        which = f"{here}, which " if here else ""
        return RuleError(written, f"{which}belongs to the stack; {instead}", remove=remove)
    if here:
        return RuleError(written, here, rewrite=release.version)
    if now is None:
        return RuleError(written, table.why_not(base), remove=remove)
    name = f"{section}.{base[1]}"
    if suffix and base not in table.sensitive:
        return RuleError(
            written,
            f"Airflow reads {name} neither by a command nor from the secrets backend, as it does with sensitive options"
            f" alone; set {name} itself",
            remove=remove,
        )
    if not suffix and base in table.sensitive:
        return RuleError(
            written,
            f"can hold a secret, which would show in `docker inspect`; set {name}_cmd, a command that prints it, or"
            f" {name}_secret, its name in the secrets backend",
            remove=remove,
        )
    return None


def _unknown_section(section: str, own_sections: Collection[str], release: Release) -> RuleError:
    key = f"options.{section}"
    what = f"there is no such section in Airflow {release.version} and the providers of its image"
    if near := release.options.nearest_section(plain_section(section)):
        return RuleError(key, f"{what}; did you mean {near}?", remove=key if "." not in section else "")
    return RuleError(key, f"{what}; one of your own is named in own_sections",
                     put=("own_sections", [*own_sections, section]))  # fmt: skip


def plain_section(section: str) -> str:
    """With _ for a dot, as in the variable's name: two ways to write one option are one option."""
    return section.replace(".", "_")
