"""A stack file as another release of Airflow has to have it: its own text, with what that release asks for changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.config import ConfigError, parse
from airflow_stack.config.errors import NAMESPACE, Problem
from airflow_stack.config.load import kept_secrets, raw_from_yaml, stack_text
from airflow_stack.config.options import broken_option, plain_section
from airflow_stack.errors import OperationError
from airflow_stack.operations.init.stack_text import dump, edited, last_line, plain
from airflow_stack.releases import RELEASES, Option, Release

Keys = tuple[str, ...]
"""The way to a value in the file."""

AIRFLOW: Keys = ("config", f"{NAMESPACE}:airflow")
OPTIONS: Keys = (*AIRFLOW, "options")

# Classes of the API's authentication, which went from Airflow to the FAB provider.
_BACKENDS = "airflow.api.auth.backend.", "airflow.providers.fab.auth_manager.api.auth.backend."


@dataclass
class _Changes:
    """What becomes of the options of a file."""

    moved: dict[Option, tuple[Option, Any]] = field(default_factory=dict)
    """By section and key as they stand there: those of the release, and the value."""
    gone: dict[Option, str] = field(default_factory=dict)
    """Why one can't stay."""
    added: dict[Option, tuple[Any, str]] = field(default_factory=dict)
    """A default of before, and why it has to be said now."""


def rewritten(directory: Path, stack: str, version: str) -> tuple[str, ConfigError | None]:
    """The text of the stack file for a release, and what is left to do by hand. The file stays as it is.

    Raises ConfigError for a file that is none, and for a release that there is not.
    """
    name = f"Pulumi.{stack}.yaml"
    text = stack_text(directory, stack)
    raw, sealed = raw_from_yaml(text, name)
    if version not in RELEASES:
        known = ", ".join(RELEASES)
        raise ConfigError([Problem("", f"there is no Airflow {version} here: there are {known}")], name)
    release = RELEASES[version]
    airflow = raw.get("airflow")
    airflow = airflow if isinstance(airflow, Mapping) else {}
    # A file that names none is of the time when there was one.
    before = RELEASES.get(str(airflow.get("version")), next(iter(RELEASES.values())))
    changes = _changes(airflow, before, release)
    sections = _renamed(before, release)
    expected = _expected(raw, changes, sections, version)

    after = f"{name} for Airflow {version}"
    try:
        new = _apply(text, changes, sections, version)
        found, _ = raw_from_yaml(new, after)
    except (yaml.YAMLError, ConfigError):
        found = {}
    if found != expected:
        raise OperationError(
            f"{name} is written in a way in which it can't be changed here, with an alias perhaps: write its"
            " airflow-stack:airflow in plain keys below each other, and try again.\nNothing was changed."
        )
    try:
        parse(found, sealed, stack, after, kept_secrets(directory, stack))
    except ConfigError as left:
        return new, left
    return new, None


def _renamed(before: Release, release: Release) -> dict[str, str]:
    """Sections of config that the release calls otherwise."""
    own = {now: old for old, now in before.renamed_sections.items() if old not in release.renamed_sections}
    return own | dict(release.renamed_sections)


def _changes(airflow: Mapping[str, Any], before: Release, release: Release) -> _Changes:
    found = _Changes()
    table = release.options
    options = airflow.get("options")
    given = {
        (section, key): value
        for section, values in (options.items() if isinstance(options, Mapping) else ())
        for key, value in (values.items() if isinstance(values, Mapping) else ())
        if isinstance(section, str) and isinstance(key, str)
    }
    taken = {(plain_section(section), key) for section, key in given}
    own = airflow.get("own_sections")
    own = {plain_section(str(one)) for one in own} if isinstance(own, list) else set()
    for (section, key), value in given.items():
        if plain_section(section) in own - table.sections:
            continue
        base = table.base((plain_section(section), key))
        now = table.now(base)
        if now is None and not table.known_elsewhere(base):
            continue  # a slip, which is told as one
        new = base if now is None else now
        name = (new[0], f"{new[1]}{key.removeprefix(base[1])}")
        broken = broken_option(*name, release)
        where = "" if new == base else f"{'.'.join(name)} in Airflow {release.version} "
        if broken:
            found.gone[section, key] = f"{where}{broken}"
        elif new != base and name in taken:
            found.gone[section, key] = f"{where}is here too"
        elif new != base:
            taken.add(name)
            found.moved[section, key] = name, _converted(base, new, value)
    for option in release.options.defaults.keys() - before.options.defaults.keys() - release.essential.keys():
        old, now_default = release.options.defaults[option]
        if option not in taken and option in table:
            why = f"as in Airflow {before.version}: the default of {release.version} is {now_default}"
            found.added[option] = (yaml.safe_load(old), why)
    found.added = dict(sorted(found.added.items()))
    return found


def _converted(old: Option, new: Option, value: Any) -> Any:
    """The value as the new name takes it."""
    if new == ("fab", "auth_backends") and isinstance(value, str):
        return value.replace(*_BACKENDS)
    if old[1] == "session_lifetime_days" and str(value).isdecimal():
        return int(value) * 24 * 60
    return value


def _expected(raw: Mapping[str, Any], changes: _Changes, sections: Mapping[str, str], version: str) -> dict[str, Any]:
    """What the new text has to hold."""
    new = _with_names(raw, sections)
    if isinstance(target := new.get("target"), Mapping):
        new["target"] = _with_names(target, sections)
    airflow = new["airflow"] = copy.deepcopy(new.get("airflow", {}))
    airflow["version"] = version
    options = airflow.get("options") or {}
    for section, key in (*changes.moved, *changes.gone):
        del options[section][key]
        if not options[section]:
            del options[section]
    for (section, key), value in [
        *changes.moved.values(),
        *((one, value) for one, (value, _) in changes.added.items()),
    ]:
        options.setdefault(_spelled(section, options), {})[key] = value
    if options:
        airflow["options"] = options
    else:
        airflow.pop("options", None)
    return new


def _with_names(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """With other keys, but for those that are there already."""
    return {key if names.get(key, key) in values else names[key]: value for key, value in values.items()}


def _spelled(section: str, options: Mapping[str, Any]) -> str:
    """The section as the file writes it already, where it does."""
    return next((one for one in options if plain_section(str(one)) == section), section)


def _apply(text: str, changes: _Changes, sections: Mapping[str, str], version: str) -> str:
    new = _Text(text)
    for old, now in sections.items():
        new.rename(("config", f"{NAMESPACE}:{old}"), f"{NAMESPACE}:{now}")
        new.rename(("config", f"{NAMESPACE}:target", old), now)
    new.in_block_style(AIRFLOW)
    first = next(iter(new.entries(AIRFLOW)), None)
    if first and not new.find((*AIRFLOW, "version")):
        where, _ = new.span((*AIRFLOW, first[0].value))
        new.lines[where:where] = _indented(dump({"version": version}, 0), first[0].start_mark.column)
    else:
        new.lines = edited(new.text, {"airflow": {"version": version}}).splitlines()
    if not (changes.moved or changes.gone or changes.added):
        return new.text
    new.in_block_style(OPTIONS)
    for section in {section for section, _ in (*changes.moved, *changes.gone)}:
        new.in_block_style((*OPTIONS, section))
    for (section, key), ((new_section, new_key), value) in changes.moved.items():
        there = (*OPTIONS, section, key)
        lines = new.renamed_entry(there, new_key, value)
        if plain_section(section) == new_section:
            new.replace(there, lines)
        else:
            new.remove(there)
            new.add(new_section, lines)
    for (section, key), (value, why) in changes.added.items():
        new.add(section, [f"# {why}", *dump({key: value}, 0)])
    for (section, key), why in changes.gone.items():
        new.comment_out((*OPTIONS, section, key), why)
    return new.text


class _Text:
    """A stack file's lines, and what can be done to an entry of a mapping in them. What is not there stays so."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def find(self, keys: Keys) -> tuple[yaml.Node, yaml.Node] | None:
        """The nodes of an entry's key and value."""
        node = yaml.compose(self.text, Loader=yaml.SafeLoader)
        found = None
        for name in keys:
            entries = node.value if isinstance(node, yaml.MappingNode) else ()
            found = next(((key, value) for key, value in entries if key.value == name), None)
            if found is None:
                return None
            node = found[1]
        return found

    def entries(self, keys: Keys) -> list[tuple[yaml.Node, yaml.Node]]:
        """What is in the mapping at the keys."""
        found = self.find(keys)
        return list(found[1].value) if found and isinstance(found[1], yaml.MappingNode) else []

    def rename(self, keys: Keys, name: str) -> None:
        """Another key for an entry, unless there is one of that name."""
        found = self.find(keys)
        if not found or any(key.value == name for key, _ in self.entries(keys[:-1])):
            return
        start, end = found[0].start_mark, found[0].end_mark
        line = self.lines[start.line]
        self.lines[start.line] = line[: start.column] + name + line[end.column :]

    def in_block_style(self, keys: Keys) -> None:
        """A mapping in braces, or in the JSON that Pulumi writes, on lines of its own. Its comments go above it."""
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        if isinstance(root, yaml.MappingNode) and root.flow_style:
            self.lines = [*filter(None, map(_comment, self.lines)), *dump(plain(root), 0)]
        for depth in range(1, len(keys) + 1):
            found = self.find(keys[:depth])
            if not found:
                return
            key, value = found
            inner = plain(value)
            if isinstance(value, yaml.ScalarNode):
                try:
                    inner = json.loads(value.value)
                except ValueError:
                    return
            elif not (isinstance(value, yaml.CollectionNode) and value.flow_style):
                continue
            if not isinstance(inner, Mapping) or not inner:
                return
            column, first, last = key.start_mark.column, key.start_mark.line, last_line(value) + 1
            comments = [" " * column + one for one in map(_comment, self.lines[first:last]) if one]
            self.lines[first:last] = [*comments, *dump({key.value: inner}, column)]

    def span(self, keys: Keys) -> tuple[int, int]:
        """The first line of an entry with the comments right above it, and the one behind it."""
        key, value = self.find(keys) or (None, None)
        if key is None or value is None:
            raise OperationError(f"{'.'.join(keys)} is not there")
        first, column = key.start_mark.line, key.start_mark.column
        while self.lines[first - 1].startswith(" " * column + "#"):
            first -= 1
        return first, last_line(value) + 1

    def renamed_entry(self, keys: Keys, name: str, value: Any) -> list[str]:
        """An entry's lines, from the left margin on, with another key and, if it is another one, another value."""
        found = self.find(keys)
        first, last = self.span(keys)
        lines = self.lines[first:last]
        if found:
            key, old = found
            column, line = key.start_mark.column, key.start_mark.line
            if plain(old) == value:
                head = self.lines[line]
                lines[line - first] = head[:column] + name + head[key.end_mark.column :]
            else:
                comment = _comment(self.lines[last - 1])
                lines[line - first :] = [f"{one}  {comment}".rstrip() for one in dump({name: value}, column)]
            lines = [one[column:] for one in lines]
        return lines

    def replace(self, keys: Keys, lines: list[str]) -> None:
        """Other lines for an entry."""
        first, last = self.span(keys)
        found = self.find(keys)
        column = found[0].start_mark.column if found else 0
        self.lines[first:last] = _indented(lines, column)

    def remove(self, keys: Keys) -> None:
        """An entry goes, with the comments right above it; and so does the key of a mapping that has no other."""
        first, last = self.span(keys)
        emptied = self.emptied(keys)
        for line in sorted((*emptied, *range(first, last)), reverse=True):
            del self.lines[line]

    def emptied(self, keys: Keys) -> list[int]:
        """Lines of the keys below which nothing else is than this entry, up to the options."""
        found = []
        for depth in range(len(keys) - 1, len(OPTIONS) - 1, -1):
            above = self.find(keys[:depth])
            if not above or len(self.entries(keys[:depth])) != 1:
                break
            found.append(above[0].start_mark.line)
        return found

    def comment_out(self, keys: Keys, why: str) -> None:
        """An entry becomes a comment, with the reason above it; and so does the mapping that has no other."""
        found = self.find(keys)
        if not found:
            return
        key, value = found
        emptied = self.emptied(keys)
        first, last, margin = key.start_mark.line, last_line(value) + 1, " " * key.start_mark.column
        for line in (*emptied, *range(first, last)):
            text = self.lines[line]
            indent = len(text) - len(text.lstrip())
            self.lines[line] = f"{text[:indent]}# {text[indent:]}"
        self.lines.insert(first, f"{margin}# {why}")

    def add(self, section: str, lines: list[str]) -> None:
        """Lines at the end of a section of the options."""
        name = _spelled(section, {str(key.value): None for key, _ in self.entries(OPTIONS)})
        self.in_block_style((*OPTIONS, name))
        for keys in ((*OPTIONS, name), OPTIONS, AIRFLOW):
            inside, found = self.entries(keys), self.find(keys)
            if inside:
                column, first = inside[0][0].start_mark.column, last_line(inside[-1][1]) + 1
                self.lines[first:first] = _indented(lines, column)
                return
            lines = [f"{keys[-1]}:", *_indented(lines, 2)]
            if found:  # an empty one
                key, value = found
                first = key.start_mark.line
                self.lines[first : last_line(value) + 1] = _indented(lines, key.start_mark.column)
                return


def _indented(lines: list[str], column: int) -> list[str]:
    return [" " * column + line if line else line for line in lines]


def _comment(line: str) -> str:
    """The comment at the end of a line; empty where there is none."""
    quote = ""
    for index, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#" and (index == 0 or line[index - 1].isspace()):
            return line[index:]
    return ""
