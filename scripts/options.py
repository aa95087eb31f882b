"""Writes airflow_stack/releases/options/VERSION.json: `make options`, or `make options VERSIONS=3.3.2`.

The table has the names of the options that a release of Airflow and the providers of its lock file know, which of them
they call sensitive, and what has become of older names. All of it is read from the wheels that the lock file pins, by
their hashes: nothing of them is installed, imported or run. A second run writes the same table.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PROGRAM = Path(__file__).parents[1]
LOCKS = PROGRAM / "images/airflow/requirements"
TABLES = PROGRAM / "airflow_stack/releases/options"

# As in "apache-airflow-providers-fab==1.4.0 \" and the lines of hashes below it.
_PINNED = re.compile(r"^(apache-airflow[a-z-]*)==(\S+)((?: \\\n    --hash=\S+)*)", re.MULTILINE)
# Methods of `conf` that read an option.
_READS = re.compile(r"get(int|boolean|float|list|json|import|enum|enumlist|timedelta|_mandatory(_list)?_value)?")
# What Airflow 3 calls its core: it has a list of what became of Airflow 2's options. 2.11 has one too, of what will.
_CORE_3 = "apache-airflow-core"

Option = tuple[str, str]


@dataclass
class Found:
    """What the wheels of one release say."""

    documented: set[Option] = field(default_factory=set)
    """In the reference of Airflow's own or of a provider."""
    sensitive: set[Option] = field(default_factory=set)
    read: set[Option] = field(default_factory=set)
    """By any module, whether the reference has it or not."""
    whole: set[str] = field(default_factory=set)
    """Sections that are read as a whole: their keys are whatever the library behind them takes."""
    moved: dict[Option, Option | None] = field(default_factory=dict)
    """By a name of before, the one that replaces it; None for an option that is gone."""
    defaults: dict[Option, tuple[str, str]] = field(default_factory=dict)
    """Defaults that are others than in the major version before, and what they were."""


def pinned(lock: str) -> dict[str, tuple[str, str]]:
    """Airflow's own packages in a lock file: version, and the requirement with its hashes."""
    return {match[1]: (match[2], match[0]) for match in _PINNED.finditer(lock)}


def download(requirements: Iterable[str], folder: Path) -> list[Path]:
    """Their wheels."""
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    what = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(listed)]
    subprocess.run([*pip, *what, "--dest", str(folder)], check=True)
    return sorted(folder.glob("*.whl"))


def read(wheels: Iterable[Path], *, from_2: bool) -> Found:
    """What the wheels say of options. ``from_2``: what became of Airflow 2's options counts, as it does from 3.0 on."""
    found = Found()
    renamed: dict[Option, Option | None] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as files:
            for name in sorted(files.namelist()):
                if name.endswith("config_templates/config.yml"):
                    _document(yaml.safe_load(files.read(name)), found)
                elif name.endswith(".py"):
                    tree = ast.parse(files.read(name))
                    if name.endswith("/get_provider_info.py"):
                        _document(_provider_info(tree).get("config") or {}, found)
                    _reads(tree, found)
                    renamed |= _names_of_before(tree)
                    if from_2:
                        _changes(tree, found)
    # What is read under its old name beats what a list says of it.
    found.moved |= renamed
    return found


def _document(reference: dict[str, Any], found: Found) -> None:
    for section, content in reference.items():
        for key, option in (content.get("options") or {}).items():
            found.documented.add((section.lower(), key.lower()))
            if option.get("sensitive") is True:
                found.sensitive.add((section.lower(), key.lower()))


def _provider_info(tree: ast.Module) -> dict[str, Any]:
    """The literal that ``get_provider_info`` returns."""
    returned = next(node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value)
    info: dict[str, Any] = ast.literal_eval(returned)
    return info


def _reads(tree: ast.Module, found: Found) -> None:
    """``conf.get("section", "key")`` and its like, and ``conf.getsection("section")``."""
    texts = {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }  # fmt: skip
    # Whether a section has a key says nothing of what else may be there.
    looked_into = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in node.comparators}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not re.fullmatch(r"(.*[._])?conf", ast.unparse(node.func.value)):
            continue
        named = [keyword.value for keyword in node.keywords if keyword.arg in ("section", "key")]
        words = [_text(argument, texts) for argument in (*node.args, *named)][:2]
        if node.func.attr == "getsection" and words[0] and id(node) not in looked_into:
            found.whole.add(words[0])
        elif _READS.fullmatch(node.func.attr) and len(words) == 2 and all(words):  # noqa: PLR2004 - section and key
            found.read.add((words[0], words[1]))


def _text(node: ast.expr, texts: dict[str, str]) -> str:
    """A text in lower case, written there or under a module's name; empty for what is neither."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.lower()
    return texts.get(node.id, "").lower() if isinstance(node, ast.Name) else ""


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value


def _names_of_before(tree: ast.Module) -> dict[Option, Option | None]:
    """What Airflow reads under another name too."""
    found: dict[Option, Option | None] = {}
    for value in _assigned(tree, "deprecated_options"):
        found |= {(old[0], old[1]): new for new, old in ast.literal_eval(value).items()}
    for value in _assigned(tree, "many_to_one_deprecated_options"):
        found |= {(old[0], old[1]): new for new, several in ast.literal_eval(value).items() for old in several}
    return found


def _changes(tree: ast.Module, found: Found) -> None:
    """The list by which `airflow config lint` tells what a config of Airflow 2 has that Airflow 3 has not."""
    for value in _assigned(tree, "CONFIGS_CHANGES"):
        for change in value.elts if isinstance(value, ast.List) else ():
            words = {keyword.arg: keyword.value for keyword in change.keywords} if isinstance(change, ast.Call) else {}
            option = _parameter(words["config"])
            if "renamed_to" in words:
                found.moved[option] = _parameter(words["renamed_to"])
            elif "default_change" in words:
                old, new = (ast.literal_eval(words[name]) for name in ("old_default", "new_default"))
                found.defaults[option] = (str(old), str(new))
            elif not words.keys() & {"remove_if_equals", "is_invalid_if"}:  # those are about values
                found.moved.setdefault(option, None)


def _parameter(node: ast.expr) -> Option:
    assert isinstance(node, ast.Call)  # noqa: S101 - ConfigParameter(section, option)
    section, key = (ast.literal_eval(one) for one in (*node.args, *(keyword.value for keyword in node.keywords)))
    return section, key


def table(packages: dict[str, str], found: Found) -> dict[str, Any]:
    """The table as the file holds it."""
    sections = {section for section, _ in found.documented}
    # An option that the reference has forgotten is one all the same, if it is not an old name. A section of which it
    # has nothing belongs to a provider that is not there.
    known = found.documented | {one for one in found.read - found.moved.keys() if one[0] in sections}
    moved = {old: _now(old, found.moved, known) for old in found.moved.keys() - known}
    return {
        "packages": packages,
        "options": {section: sorted(key for other, key in known if other == section) for section in sorted(sections)},
        "sensitive": sorted(map(".".join, found.sensitive)),
        "free_sections": sorted(found.whole),
        "moved": {".".join(old): new and ".".join(new) for old, new in sorted(moved.items())},
        "defaults": {".".join(option): values for option, values in sorted(found.defaults.items())},
    }


def _now(old: Option, moved: dict[Option, Option | None], known: set[Option]) -> Option | None:
    """Where an option is that may have moved more than once; None where it is gone on the way."""
    seen: set[Option] = set()
    name: Option | None = old
    while name is not None and name not in known:
        seen.add(name)
        name = moved.get(name)
        if name in seen:
            return None
    return name


def made(lock: str) -> dict[str, Any]:
    """The table of the release that a lock file pins."""
    packages = pinned(lock)
    with tempfile.TemporaryDirectory() as folder:
        wheels = download([requirement for _, requirement in packages.values()], Path(folder))
        found = read(wheels, from_2=_CORE_3 in packages)
    return table({name: version for name, (version, _) in packages.items()}, found)


def main() -> int:
    """Write a table for each lock file, or for those of the versions that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", help="of Airflow; all that have a lock file by default")
    versions = parser.parse_args().versions or sorted(path.stem for path in LOCKS.glob("[0-9]*.txt"))
    for version in versions:
        content = made((LOCKS / f"{version}.txt").read_text(encoding="utf-8"))
        (TABLES / f"{version}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"{version}: {sum(map(len, content['options'].values()))} options", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
