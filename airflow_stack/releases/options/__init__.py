"""The options that a release of Airflow knows, with the providers of its image.

``VERSION.json`` beside this file is made by ``make options`` from the packages of the release's lock file: names, which
of them Airflow calls sensitive, which sections it hands on as they are, and what has become of older names.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

Option = tuple[str, str]
"""An Airflow option: its section and its key."""

TABLES = Path(__file__).parent
_ELSEWHERE = re.compile(r"_(cmd|secret)$")

# What does the work of an option that is gone, where something does.
GONE: dict[Option, str] = {
    ("core", "check_slas"): "a DAG's deadline does what its SLA did",
    ("core", "database_access_isolation"): "tasks talk to the API server alone",
    ("core", "enable_xcom_pickling"): "XComs are JSON, and core.xcom_backend can name a class for other values",
    ("core", "load_default_connections"): "import connections: airflow-stack connections import",
    ("core", "strict_dataset_uri_validation"): "URIs are always checked strictly",
    ("database", "load_default_connections"): "import connections: airflow-stack connections import",
    ("metrics", "metrics_use_pattern_match"): "metrics_allow_list and metrics_block_list always hold patterns",
    ("metrics", "timer_unit_consistency"): "timers are always in milliseconds",
    ("scheduler", "standalone_dag_processor"): "the DAG processor always stands alone",
    ("smtp", "smtp_password"): "the connection smtp_default has it",
    ("smtp", "smtp_user"): "the connection smtp_default has it",
    ("usage_data_collection", "enabled"): "Airflow collects none",
    # Airflow 3 has them under another name, where the value means something else.
    ("webserver", "access_logfile"): "api.log_config names a file that configures the server's logs",
    ("webserver", "force_log_out_after"): "fab.session_lifetime_minutes ends sessions",
}

# Defaults that Airflow 3 has changed without listing them.
_CHANGED_IN_3: dict[Option, tuple[str, str]] = {
    ("core", "dag_ignore_file_syntax"): ("regexp", "glob"),
}


@dataclass(frozen=True)
class Options:
    """Options of one release. Sections have _ for a dot: Airflow's variables do not tell them apart."""

    version: str
    packages: Mapping[str, str]
    """Version of each of Airflow's packages of which the table was made."""
    known: frozenset[Option]
    sensitive: frozenset[Option]
    """Options that Airflow reads by a command (``KEY_cmd``) or from the secrets backend (``KEY_secret``) too, and
    whose value it hides. It does neither with any other option."""
    free_sections: frozenset[str]
    """Sections that Airflow hands on as a whole: what keys there are is for the library behind it to say."""
    moved: Mapping[Option, Option | None]
    """By an older name, the option that has replaced it; None for one that is gone."""
    defaults: Mapping[Option, tuple[str, str]]
    """Defaults that changed with the major version: what it was, and what it is."""

    @property
    def sections(self) -> frozenset[str]:
        """Sections in which there is an option."""
        return self.free_sections | {section for section, _ in self.known}

    def __contains__(self, option: Option) -> bool:
        return option in self.known or option[0] in self.free_sections

    def base(self, option: Option) -> Option:
        """The option that this one sets: ``KEY_cmd`` and ``KEY_secret`` set KEY, in this release or in another one."""
        section, key = option
        base = section, _ELSEWHERE.sub("", key)
        return option if any(option in one.known for one in every().values()) else base

    def now(self, option: Option) -> Option | None:
        """What the option is here, by whichever name another release has it; None where it is not."""
        if option in self:
            return option
        names: list[Option] = [option]
        for name in names:  # which grows
            if name in self.moved:
                return self.moved[name]
            for one in every().values():
                # What came after this release had other names before; of several, the one that is most alike.
                older = sorted(
                    (old for old, new in one.moved.items() if new == name), key=lambda old: old[1] != name[1]
                )
                for other in filter(None, (one.moved.get(name), *older)):
                    if other in self.known:
                        return other
                    if other not in names:
                        names.append(other)
        return None

    def known_elsewhere(self, option: Option) -> bool:
        """Whether another release has or had it: no slip of the pen."""
        return any(option in one.known or option in one.moved for one in every().values())

    def why_not(self, option: Option) -> str:
        """What to say of an option that is not here, by this name or another."""
        none = f"there is no such option in Airflow {self.version}"
        older = [one for one in every().values() if one.age < self.age]
        if option in self.moved or any(option in one.known or option in one.moved for one in older):
            return f"{none} any more; {GONE.get(option, 'nothing replaces it')}"
        if later := [one.version for one in every().values() if option in one.known]:
            return f"{none}: it came later, and {later[0]} has it"
        near = self.nearest(option)
        return f"{none}; did you mean {'.'.join(near)}?" if near else none

    def and_of_the_image(self, *options: Option) -> Options:
        """With options that the image's own modules read, as later releases of Airflow do by themselves."""
        return replace(self, known=self.known.union(options))

    @property
    def age(self) -> tuple[int, ...]:
        """What puts releases in their order."""
        return tuple(map(int, self.version.split(".")))

    def nearest(self, option: Option) -> Option | None:
        """The option that was probably meant: this key of another section, or a key that is written nearly so."""
        section, key = option
        same = sorted(other for other in self.known if other[1] == key)
        if len(same) == 1:
            return same[0]
        here = [other for name, other in self.known if name == section]
        if near := difflib.get_close_matches(key, sorted(here), n=1):
            return section, near[0]
        names = {".".join(one): one for one in sorted(self.known)}
        near = difflib.get_close_matches(f"{section}.{key}", names, n=1, cutoff=0.8)
        return names[near[0]] if near else None

    def nearest_section(self, section: str) -> str | None:
        """The section that was probably meant."""
        return next(iter(difflib.get_close_matches(section, sorted(self.sections), n=1)), None)


@functools.cache
def every() -> dict[str, Options]:
    """All tables, by version, the oldest first."""
    tables = map(_read, TABLES.glob("*.json"))
    return {table.version: table for table in sorted(tables, key=lambda table: table.age)}


def of(version: str) -> Options:
    """The table of a release. KeyError for one that has none."""
    return every()[version]


def _read(path: Path) -> Options:
    table = json.loads(path.read_text(encoding="utf-8"))
    defaults = {_option(option): (old, new) for option, (old, new) in table["defaults"].items()}
    return Options(
        version=path.stem,
        packages=table["packages"],
        known=frozenset(
            (_section(section), key) for section, keys in table["options"].items() for key in keys
        ),
        sensitive=frozenset(map(_option, table["sensitive"])),
        free_sections=frozenset(map(_section, table["free_sections"])),
        moved={
            option: new and _option(new) if option not in GONE else None
            for option, new in zip(map(_option, table["moved"]), table["moved"].values(), strict=True)
        },
        defaults=_CHANGED_IN_3 | defaults if defaults else {},
    )  # fmt: skip


def _option(name: str) -> Option:
    section, _, key = name.rpartition(".")
    return _section(section), key


def _section(name: str) -> str:
    return name.replace(".", "_")
