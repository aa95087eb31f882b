"""`make options`: what wheels say of options becomes a table of names and marks, the same one each time."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from loading import load

PROGRAM = Path(__file__).parents[2]
options = load(PROGRAM / "scripts/options.py")

LOCK = """\
aiohttp==3.9.5 \\
    --hash=sha256:0605 \\
    --hash=sha256:0973
apache-airflow==9.1.0 \\
    --hash=sha256:1111 \\
    --hash=sha256:2222
    # via -r 9.1.0.in
apache-airflow-providers-made-up==1.2.3 \\
    --hash=sha256:3333
    # via apache-airflow
"""

REFERENCE = {
    "core": {
        "description": "All about the core.",
        "options": {
            "dags_folder": {"description": "Where DAGs are.", "default": "/dags"},
            "Fernet_Key": {"description": "A key.", "sensitive": True},
        },
    },
    "api": {"options": {"limit": {"description": "How many."}}},
}

SOURCE = """
KEY = "named_elsewhere"
deprecated_options: dict = {
    ("api", "limit"): ("api", "page_size", "8.2"),
    ("api", "page_size"): ("ui", "page_size", "8.1"),
    ("core", "circle"): ("core", "other_circle", "8.0"),
    ("core", "other_circle"): ("core", "circle", "8.0"),
}
many_to_one_deprecated_options = {("core", "dags_folder"): [("core", "dags", "7.0"), ("core", "dag_folder", "7.0")]}

def made(self, name):
    conf.get("core", "UNDOCUMENTED", fallback=None)
    conf.getboolean(section="core", key=KEY)
    self.conf.getint("core", "page_size_of", fallback=5)
    conf.get("ui", "page_size")
    conf.get("elsewhere", "host")
    conf.get("core", name)
    connection.get("core", "no_option")
    if "tool" in conf.getsection("core"):
        return conf.getsection("made_up_transport")
"""

LINT = """
CONFIGS_CHANGES = [
    ConfigChange(config=ConfigParameter("core", "gone"), suggestion="Do something else."),
    ConfigChange(config=ConfigParameter("core", option="gone_too"), was_deprecated=False),
    ConfigChange(config=ConfigParameter("ui", "limit"), renamed_to=ConfigParameter("api", "limit")),
    ConfigChange(config=ConfigParameter("ui", "never_was"), renamed_to=ConfigParameter("api", "nowhere")),
    ConfigChange(config=ConfigParameter("core", "dags_folder"), was_removed=True, remove_if_equals=":"),
    ConfigChange(config=ConfigParameter("core", "catchup"), default_change=True, old_default="True",
                 new_default="False", was_removed=False),
]
"""

PROVIDER = """
def get_provider_info():
    return {"name": "Made up", "config": {"made.up": {"description": "x", "options": {"token": {"sensitive": True}}}}}
"""


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as content:
        for file, text in files.items():
            content.writestr(file, text)
    return path


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [
        wheel(tmp_path, "apache_airflow-9.1.0", {
            "airflow/config_templates/config.yml": yaml.safe_dump(REFERENCE),
            "airflow/configuration.py": SOURCE,
            "airflow/cli/commands/config_command.py": LINT,
        }),
        wheel(tmp_path, "apache_airflow_providers_made_up-1.2.3", {
            "airflow/providers/made_up/get_provider_info.py": PROVIDER,
        }),
    ]  # fmt: skip


def made(wheels: list[Path], *, from_2: bool = True) -> dict[str, Any]:
    table: dict[str, Any] = options.table({"apache-airflow": "9.1.0"}, options.read(wheels, from_2=from_2))
    return table


def test_airflows_own_packages_are_taken_from_the_lock_file_with_their_hashes() -> None:
    """What pip loads is what the image holds."""
    found = options.pinned(LOCK)
    assert {name: version for name, (version, _) in found.items()} == {
        "apache-airflow": "9.1.0", "apache-airflow-providers-made-up": "1.2.3",
    }  # fmt: skip
    assert found["apache-airflow"][1] == ("apache-airflow==9.1.0 \\\n    --hash=sha256:1111 \\\n    --hash=sha256:2222")


def test_an_option_is_what_a_reference_or_a_module_names(wheels: list[Path]) -> None:
    """In lower case. Of a section without a reference none is: it belongs to a provider that is not there."""
    assert made(wheels)["options"] == {
        "api": ["limit"],
        "core": ["dags_folder", "fernet_key", "named_elsewhere", "page_size_of", "undocumented"],
        "made.up": ["token"],
    }


def test_sensitive_is_what_the_reference_marks(wheels: list[Path]) -> None:
    assert made(wheels)["sensitive"] == ["core.fernet_key", "made.up.token"]


def test_a_section_is_free_that_is_handed_on_as_a_whole(wheels: list[Path]) -> None:
    """One that is only looked into is not."""
    assert made(wheels)["free_sections"] == ["made_up_transport"]


def test_an_older_name_leads_to_the_one_of_today(wheels: list[Path]) -> None:
    """Over several moves; to nothing where an option is gone, or leads nowhere."""
    assert made(wheels)["moved"] == {
        "api.page_size": "api.limit",
        "core.circle": None,
        "core.dag_folder": "core.dags_folder",
        "core.dags": "core.dags_folder",
        "core.gone": None,
        "core.gone_too": None,
        "core.other_circle": None,
        "ui.limit": "api.limit",
        "ui.never_was": None,
        "ui.page_size": "api.limit",
    }
    assert made(wheels)["defaults"] == {"core.catchup": ("True", "False")}


def test_what_will_change_with_the_next_major_version_has_not_changed_yet(wheels: list[Path]) -> None:
    """2.11 has the list too."""
    table = made(wheels, from_2=False)
    assert "core.gone" not in table["moved"]
    assert not table["defaults"]


def test_no_sentence_of_airflows_is_in_the_table_and_a_second_run_makes_the_same(
    wheels: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command writes a table for each lock file, whatever the order of the wheels."""
    (tmp_path / "9.1.0.txt").write_text(LOCK, encoding="utf-8")
    (tmp_path / "uv.txt").write_text("uv==1", encoding="utf-8")
    monkeypatch.setattr(options, "LOCKS", tmp_path)
    monkeypatch.setattr(options, "TABLES", tmp_path)
    monkeypatch.setattr("sys.argv", ["options.py"])
    texts = []
    for order in (1, -1):
        monkeypatch.setattr(options, "download", lambda *_, order=order: wheels[::order])
        assert options.main() == 0
        texts.append((tmp_path / "9.1.0.json").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["packages"] == {
        "apache-airflow": "9.1.0", "apache-airflow-providers-made-up": "1.2.3",
    }  # fmt: skip
    assert not any(word in texts[0] for word in ("All about", "Where DAGs", "How many", "Do something"))
