"""Which credentials the provider of AWS gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack.backends.aws.provider import VARIABLES, has_credentials


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Credentials and config file of a user who has neither."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return credentials, config


def test_a_machine_without_any_has_none(files: tuple[Path, Path]) -> None:
    """A config file that names a region alone opens nothing."""
    assert not has_credentials()
    files[1].write_text("[default]\nregion = eu-central-1\noutput = json\n")
    assert not has_credentials()


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (0, "aws_access_key_id = AKIAIOSFODNN7EXAMPLE"),
        (1, "sso_session = company"),
        (1, "role_arn = arn:aws:iam::123456789012:role/deploy"),
        (1, "credential_process = /usr/bin/keys"),
    ],
)
def test_a_file_that_leads_to_credentials_counts(files: tuple[Path, Path], number: int, line: str) -> None:
    """Keys, single sign-on, a role, a process."""
    files[number].write_text(f"[profile work]\n{line}\n")
    assert has_credentials()


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.usefixtures("files")
def test_a_variable_that_leads_to_credentials_counts(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a shell, a container, a workflow."""
    monkeypatch.setenv(variable, "something")
    assert has_credentials()
