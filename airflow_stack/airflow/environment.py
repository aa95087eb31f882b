"""Airflow's environment in three layers: our default, the user's option, what the stack can't run without."""

from __future__ import annotations

from airflow_stack.airflow.secrets import DIRECTORY
from airflow_stack.config import StackConfig
from airflow_stack.config.airflow import OptionValue

Options = dict[tuple[str, str], OptionValue]


def environment(config: StackConfig) -> dict[str, str]:
    """The environment that all Airflow containers share, sorted by name."""
    user: Options = {
        (section, key): value for section, values in config.airflow.options.items() for key, value in values.items()
    }
    merged = {**_defaults(), **user, **_essential(config)}
    return dict(sorted((_name(section, key), _text(value)) for (section, key), value in merged.items()))


def role_environment(config: StackConfig, role: str) -> dict[str, str]:
    """What one role alone reads: a change of it touches no other container, and no other one needs its secret."""
    essential: dict[str, Options] = {
        "webserver": {
            ("webserver", "enable_proxy_fix"): config.proxy.proxy_fix,
            ("webserver", "expose_config"): config.airflow.expose_config,
            ("webserver", "workers"): config.webserver.workers,
        },
        "triggerer": {("triggerer", "default_capacity"): config.triggerer.capacity},
        "worker": {("celery", "worker_concurrency"): config.worker.concurrency},
        "flower": {
            ("celery", "flower_basic_auth_cmd"): _read("flower_basic_auth"),
            ("celery", "flower_url_prefix"): config.flower.url_prefix,
        },
    }
    return {_name(section, key): _text(value) for (section, key), value in essential.get(role, {}).items()}


def _defaults() -> Options:
    """Opinionated, and free to be overridden in ``airflow.options``."""
    return {
        ("core", "auth_manager"): "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        ("core", "dags_are_paused_at_creation"): True,
        ("scheduler", "min_file_process_interval"): 10,
        ("scheduler", "dag_dir_list_interval"): 10,
        ("logging", "delete_local_logs"): False,
        ("webserver", "warn_deployment_exposure"): False,
        ("usage_data_collection", "enabled"): False,
    }


def _essential(config: StackConfig) -> Options:
    """What the stack can't run without; config refuses an option of these names."""
    options: Options = {
        ("core", "executor"): config.airflow.executor,
        ("core", "load_examples"): config.airflow.load_examples,
        ("core", "fernet_key_cmd"): _read("fernet_key"),
        ("core", "internal_api_secret_key_cmd"): _read("internal_api_secret_key"),
        ("database", "sql_alchemy_conn_cmd"): _read("sql_alchemy_conn"),
        ("scheduler", "enable_health_check"): True,
        ("webserver", "secret_key_cmd"): _read("webserver_secret_key"),
    }
    if config.celery:
        options |= {
            ("celery", "broker_url_cmd"): _read("broker_url"),
            ("celery", "result_backend_cmd"): _read("celery_result_backend"),
            ("celery_broker_transport_options", "visibility_timeout"): config.broker.visibility_timeout,
        }
    if config.secrets_backend is not None:
        options |= {
            ("secrets", "backend"): config.secrets_backend.class_name,
            ("secrets", "backend_kwargs_cmd"): _read("secrets_backend_kwargs"),
        }
    return options


def _read(secret: str) -> str:
    return f"cat {DIRECTORY}/{secret}"


def _name(section: str, key: str) -> str:
    return f"AIRFLOW__{section.upper().replace('.', '_')}__{key.upper()}"


def _text(value: OptionValue) -> str:
    return str(value)
