"""`airflow-stack init` from options, without Pulumi: what it writes, what it refuses, what it never shows."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_stack import cli
from airflow_stack.operations.pulumi_cli import PulumiCli

SECRET = "hunter2-hunter2"
OTHER = "another-secret-of-8"
URL = f"postgresql://airflow:{SECRET}@db.example.com:5432/airflow"
FILE = """\
# The head.
config:
  # About workers.
  airflow-stack:worker: # why
    count: 2 # as many as cores
    # Tasks.
    concurrency: 4
  docker:host: "unix:///run/docker.sock"
# The tail.
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's directory with the stack ``local``, on a machine without Pulumi."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text(FILE)
    monkeypatch.setattr(PulumiCli, "find", lambda *_: None)
    return tmp_path


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line: exit code, and all that it prints. No secret of these tests may be in that."""

    def call(*arguments: str, stdin: str = "", command: str = "init", stack: str = "local") -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["airflow-stack", command, "-s", stack, "-C", str(project), *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        printed = "".join(capfd.readouterr())
        assert SECRET not in printed
        assert OTHER not in printed
        assert "Traceback" not in printed
        return int(exit_.value.code or 0), printed

    return call


def stack_file(project: Path, stack: str = "local") -> str:
    """Text of the stack file."""
    return (project / f"Pulumi.{stack}.yaml").read_text()


def kept(project: Path, key: str, stack: str = "local") -> Path:
    """The file of a secret on this machine."""
    return project / ".airflow-stack" / stack / "secrets/values" / key


def everything(directory: Path) -> dict[Path, bytes]:
    """All files with their contents."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_yes_changes_nothing_in_a_stack_that_is_there(run: Run, project: Path) -> None:
    """Current values are the answers."""
    code, text = run("--yes")
    assert code == 0
    assert "nothing to change" in text
    assert "make up STACK=local" in text
    assert "made at the first start: fernet_key, admin_password" in text
    assert stack_file(project) == FILE


def test_yes_makes_the_file_of_a_new_stack(run: Run, project: Path) -> None:
    """With every default, and good for the other commands."""
    assert run("--yes", stack="staging")[0] == 0
    assert "airflow-stack:" not in stack_file(project, "staging").split("config:")[1]
    assert run(command="config", stack="staging")[0] == 0


def test_answers_change_their_keys_and_nothing_else(run: Run, project: Path) -> None:
    """Comments, other providers' keys and untouched values stay as they are."""
    code, text = run("--set", "worker.count=3", "--set", "flower.port=", "--set", "target.prefix=123")
    assert code == 0
    assert stack_file(project) == FILE.replace("count: 2", "count: 3").replace(
        "# The tail.",
        "  airflow-stack:flower:\n    port: null\n  airflow-stack:target:\n    prefix: '123'\n# The tail.",
    )
    assert "worker.count: 3" in text
    assert "Pulumi is not installed" in text


def test_the_same_answers_again_leave_every_byte(run: Run, project: Path) -> None:
    """Plain values and secrets alike."""
    answers = ["--set", "worker.count=3", "--set", "database.kind=external", "--secret", "database_url=-"]
    assert run(*answers, stdin=URL)[0] == 0
    before = everything(project)
    code, text = run(*answers, stdin=URL)
    assert (code, "nothing to change" in text) == (0, True)
    assert everything(project) == before


def test_a_value_that_is_the_default_leaves_no_key(run: Run, project: Path) -> None:
    """Only what differs from the default is written; a section left empty goes too."""
    run("--set", "proxy.port=81")
    assert "proxy" in stack_file(project)
    run("--set", "proxy.port=8080")
    assert stack_file(project) == FILE


def test_options_of_airflow_and_lists_can_be_set(run: Run, project: Path) -> None:
    """Any key of the model, not just those that are asked for."""
    code, _ = run(
        "--set", 'airflow.extra_requirements=["pandas==2.1.4"]', "--set", "airflow.options.core.parallelism=9"
    )
    assert code == 0
    assert "- pandas==2.1.4" in stack_file(project)
    assert "parallelism: 9" in stack_file(project)


def test_another_executor_takes_the_keys_of_celery_along(run: Run, project: Path) -> None:
    """Else the model would refuse the answer, for keys that the user was not asked about."""
    code, text = run("--set", "airflow.executor=LocalExecutor")
    assert code == 0
    assert "worker.count: removed" in text
    assert "worker" not in stack_file(project).replace("# About workers.", "")


def test_another_kind_drops_the_keys_that_it_lacks(run: Run, project: Path) -> None:
    """Whatever the order of the options, and keys that both have stay."""
    run("--set", "database.superuser=root", "--set", "database.user=af")
    code, _ = run("--set", "database.name=meta", "--set", "database.kind=external", "--secret", "database_url=-",
                  stdin=URL)  # fmt: skip
    assert code == 0
    section = stack_file(project).partition("airflow-stack:database:")[2]
    assert "superuser" not in section
    assert all(line in section for line in ("user: af", "name: meta", "kind: external"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "worker.count=0"], "worker.count: must be at least 1"),
        (["--set", "worker.count=many", "--set", "proxy.port=99999"], "2 problems"),
        (["--set", "worker.cuont=3"], "did you mean count?"),
        (["--set", "nonsense=3"], "there is no such key"),
        (["--set", "worker.count"], "takes KEY=VALUE"),
        (["--set", "flower.enabled=true", "--set", "flower.port=8080"], "flower.port: is the port of proxy.port too"),
        (["--set", "database.kind=external"], "--secret database_url=-"),
        (
            ["--set", "database.port=5433", "--set", "database.kind=external", "--secret", "database_url=@url"],
            "database.port: there is no such key; it belongs to kind container",
        ),
        (["--set", "worker.count=3", "--set", "airflow.executor=LocalExecutor"], "worker: has no effect"),
        (["--set", f"admin_password={SECRET}"], "is a secret"),
        (["--secret", f"admin_password={SECRET}"], "can't be given on the command line"),
        (["--secret", "admin_password=@/does/not/exist"], "can't be read"),
        (["--secret", "nonsense=-"], "there is no such secret"),
        (["--secret", "admin_password=-"], "admin_password: must be 8 to 128"),
        (["--secret", "admin_password=-", "--secret", "flower_password=-"], "holds one secret only"),
        (["--secret", "database_url=@url"], "has no effect"),
        (["--replace-secret", "nonsense"], "there is no such secret"),
        (["--replace-secret", "admin_password"], "has no new value"),
        ([], "the questions need a terminal"),
    ],
)
def test_bad_options_end_with_2_and_change_nothing(
    run: Run, project: Path, arguments: list[str], expected: str
) -> None:
    """One error that says what is wrong, before anything is written."""
    (project / "url").write_text(URL)
    before = everything(project)
    code, text = run(*(argument.replace("@url", f"@{project}/url") for argument in arguments), stdin="short")
    assert code == 2
    assert expected in text
    assert text.count("error:") == 1
    assert everything(project) == before


@pytest.mark.parametrize("stack", ["../evil", "", "a b", "x" * 101])
def test_a_stack_needs_a_name_that_can_be_a_files(run: Run, project: Path, stack: str) -> None:
    """Nothing is written elsewhere."""
    before = everything(project.parent)
    assert run("--yes", stack=stack)[0] == 2
    assert everything(project.parent) == before


def test_secrets_go_into_files_that_only_their_directory_opens(run: Run, project: Path) -> None:
    """Without Pulumi: 0700 around it, as for the secrets that are generated."""
    (project / "password").write_text(f"{SECRET}\n")
    code, text = run("--secret", f"admin_password=@{project}/password")
    assert code == 0
    assert kept(project, "admin_password").read_text() == SECRET
    assert stat.S_IMODE(kept(project, "admin_password").parent.stat().st_mode) == 0o700
    assert "admin_password: [secret]" in text
    assert SECRET not in stack_file(project)


def test_a_secret_that_exists_is_not_replaced(run: Run, project: Path) -> None:
    """It says so, and how to."""
    run("--secret", "admin_password=-", stdin=SECRET)
    code, text = run("--secret", "admin_password=-", stdin=OTHER)
    assert code == 0
    assert "admin_password exists and was kept" in text
    assert kept(project, "admin_password").read_text() == SECRET


def test_a_secret_is_replaced_when_the_user_names_and_confirms_it(run: Run, project: Path) -> None:
    """--yes is the confirmation where nobody can be asked; without it nothing happens."""
    run("--secret", "admin_password=-", stdin=SECRET)
    replace = ["--secret", "admin_password=-", "--replace-secret", "admin_password"]
    assert run(*replace, stdin=OTHER)[0] == 2
    assert kept(project, "admin_password").read_text() == SECRET
    assert run(*replace, "--yes", stdin=OTHER)[0] == 0
    assert kept(project, "admin_password").read_text() == OTHER


def test_without_pulumi_an_encrypted_secret_can_not_be_replaced(run: Run, project: Path) -> None:
    """The file would keep the old one, and win."""
    sealed = FILE.replace("# The tail.", "  airflow-stack:admin_password:\n    secure: v1:abc\n# The tail.")
    (project / "Pulumi.local.yaml").write_text(sealed)
    code, text = run("--secret", "admin_password=-", "--replace-secret", "admin_password", "--yes", stdin=OTHER)
    assert code == 1
    assert "which Pulumi alone can replace" in text
    assert stack_file(project) == sealed
    assert not kept(project, "admin_password").exists()


def test_a_failure_while_writing_leaves_the_file_as_it_was(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that does not do what it should is noticed, and undone."""
    monkeypatch.setattr("airflow_stack.operations.init.write.edited", lambda text, _: text + "# wrong\n")
    code, text = run("--set", "worker.count=3")
    assert (code, "did not take the answers" in text) == (1, True)
    assert stack_file(project) == FILE
    assert run("--set", "worker.count=3", stack="new")[0] == 1
    assert not (project / "Pulumi.new.yaml").exists()


@pytest.mark.parametrize(
    ("url", "there", "absent"),
    [
        (URL, 'CREATE ROLE "af" LOGIN', "CREATE USER"),
        (f"mysql://af:{SECRET}@db/meta", "CREATE USER 'af'@'%'", "CREATE ROLE"),
    ],
)
def test_an_external_database_comes_with_sql(run: Run, url: str, there: str, absent: str) -> None:
    """In the dialect of the URL, with a placeholder for the password."""
    code, text = run("--set", "database.kind=external", "--set", "database.user=af", "--set", "database.name=meta",
                     "--secret", "database_url=-", stdin=url)  # fmt: skip
    assert code == 0
    assert there in text
    assert absent not in text
    assert "'PASSWORD'" in text
    assert ("names another user or database" in text) == (url == URL)


def test_the_sql_can_be_had_again(run: Run, project: Path) -> None:
    """In both dialects where the URL is sealed; not for a database that makes its own roles."""
    sealed = "config:\n  airflow-stack:database: {kind: external}\n  airflow-stack:database_url: {secure: v1:abc}\n"
    (project / "Pulumi.prod.yaml").write_text(sealed)
    code, text = run(command="database-sql", stack="prod")
    assert (code, "CREATE ROLE" in text, "CREATE USER" in text) == (0, True, True)
    code, text = run("--dialect", "mysql", command="database-sql", stack="prod")
    assert (code, "CREATE ROLE" in text, "CREATE USER" in text) == (0, False, True)
    code, text = run(command="database-sql")
    assert (code, "in a container" in text) == (1, True)
