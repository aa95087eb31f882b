"""What every process of Airflow loads before any DAG file, tried in a child first: local settings, and plugins."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from airflow_stack_runtime.options import option
from airflow_stack_runtime.verbs.apart import apart
from airflow_stack_runtime.verbs.dag_file import Problem, problem, unfinished

SETTINGS = "airflow_local_settings"


def load(home: Path, folders: Sequence[str]) -> list[Problem]:
    """Import Airflow with the project's local settings and plugins, and without those that can't be loaded."""
    seconds = float(option("core", "dag_file_processor_timeout", "50"))
    return [*_settings(home, folders, seconds), *_plugins(seconds)]


def _settings(home: Path, folders: Sequence[str], seconds: float) -> list[Problem]:
    """Before Airflow is imported: its import imports them."""
    file = next((file for name in ("config", "plugins") if (file := home / name / f"{SETTINGS}.py").exists()), None)
    if file is None:
        return []

    def settings() -> list[Problem]:
        try:
            importlib.import_module("airflow")
        except BaseException as error:
            return [problem(error, folders, str(file), "settings")]
        return []

    ending = apart(settings, seconds)
    wrong = [unfinished(ending, "the import", str(file), seconds)] if ending.result is None else ending.result
    if wrong:
        without = ModuleType(SETTINGS)
        without.__file__ = str(file)
        sys.modules[SETTINGS] = without
    return [Problem(**asdict(each) | {"message": f"no role of the stack starts: {each.message}"}) for each in wrong]


def _plugins(seconds: float) -> list[Problem]:
    """Those that end their process are left out; what else is wrong with one, Airflow says."""
    from airflow import plugins_manager, settings

    find = plugins_manager.find_path_from_directory
    files = [path for path in find(settings.PLUGINS_FOLDER, ".airflowignore") if path.endswith(".py")]
    if not files or apart(lambda: _load_plugins(files, seconds), seconds + 1).result is not None:
        return _load_plugins(files, seconds)
    endings = {path: apart(lambda path=path: _load_plugins([path], seconds), seconds + 1) for path in files}  # type: ignore[misc]
    well = [path for path, ending in endings.items() if ending.result is not None]
    return [
        *(unfinished(ending, "its import", path, seconds) for path, ending in endings.items() if path not in well),
        *_load_plugins(well, seconds),
    ]


def _load_plugins(files: Sequence[str], seconds: float) -> list[Problem]:
    """Load these as every process of Airflow does, in this process; what is wrong with them."""
    from airflow import plugins_manager
    from airflow.exceptions import AirflowTaskTimeout
    from airflow.utils.timeout import timeout

    plugins_manager.find_path_from_directory = lambda *_: iter(files)
    try:
        with timeout(int(seconds)):
            plugins_manager.ensure_plugins_loaded()
    except (Exception, AirflowTaskTimeout, SystemExit) as error:
        return [Problem("plugin", f"the plugins can't be loaded: {type(error).__name__}: {error}")]
    return [
        Problem("plugin", f"the plugin can't be loaded: {text}", path)
        for path, text in sorted(plugins_manager.import_errors.items())
    ]
