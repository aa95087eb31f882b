"""The questions of `airflow-stack init`, answered by key strokes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import models
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.plain_text import PlainTextOutput

from airflow_stack.config import SECRET_KEYS, ConfigError
from airflow_stack.errors import OperationError
from airflow_stack.operations.init import Options, init
from airflow_stack.operations.init.draft import Draft
from airflow_stack.operations.init.questions import QUESTIONS
from airflow_stack.operations.pulumi_cli import PulumiCli

SECRET = "hunter2-hunter2"
FILE = "# Head.\nconfig:\n  airflow-stack:worker:\n    count: 2 # enough\n"
ENTER, DOWN, CLEAR, STOP = "\r", "\x1b[B", "\x15", "\x03"

ALL = [question.key for _, questions in QUESTIONS for question in questions]
# With every default. What another answer adds is in a test's own list.
BY_DEFAULT = [
    key
    for key in ALL
    if key not in ("database_url", "broker_url", "flower.url_prefix", "flower_password", "secrets_backend_kwargs")
]


def strokes(asked: list[str], **given: str) -> str:
    """The keys for these questions, Enter for those without an answer, and Enter for the last: write this?"""
    unknown = given.keys() - {key.replace(".", "_") for key in asked}
    assert not unknown
    return "".join(given.get(key.replace(".", "_"), ENTER) for key in asked) + ENTER


class Person:
    """Runs the configurator with prepared key strokes; collects all that is on the screen."""

    def __init__(self, project: Path, pipe: PipeInput) -> None:
        self.project = project
        self.pipe = pipe
        self.screen = io.StringIO()

    def answers(self, keys: str, options: Options | None = None, stack: str = "local") -> str:
        """Type the keys; what the screen shows in the end."""
        self.pipe.send_text(keys)
        with create_app_session(input=self.pipe, output=PlainTextOutput(self.screen)):
            init(self.project, stack, lambda text: print(text, file=self.screen), options or Options(), terminal=True)
        return self.screen.getvalue()

    def file(self) -> str:
        """Text of the stack file."""
        return (self.project / "Pulumi.local.yaml").read_text()

    def kept(self, key: str) -> Path:
        """A secret's file on this machine."""
        return self.project / ".airflow-stack/local/secrets/values" / key


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody at a machine without Pulumi."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text(FILE)
    monkeypatch.setattr(PulumiCli, "find", lambda *_: None)
    with create_pipe_input() as pipe:
        yield Person(tmp_path, pipe)


def test_every_default_is_an_answer(person: Person) -> None:
    """Enter all the way: the file stays as it is, and the secrets are left to the first start."""
    shown = person.answers(strokes(BY_DEFAULT))
    assert person.file() == FILE
    assert "nothing to change" in shown
    assert all(key in shown for key in ("fernet_key", "postgres_password", "redis_password"))
    assert "make up STACK=local" in shown


def test_all_that_the_original_asked_for_is_asked_for() -> None:
    """And every secret that a stack of this machine can have."""
    assert set(SECRET_KEYS) - {"oidc_client_secret"} <= set(ALL)
    assert {"database.superuser", "database.superuser_database", "database.user", "database.name", "target.uid",
            "target.gid", "target.project_dir", "airflow.executor", "airflow.load_examples", "airflow.expose_config",
            "airflow.migrate", "flower.enabled", "flower.url_prefix", "broker.kind", "proxy.proxy_fix",
            "secrets_backend.class_name", "admin.create", "admin.username", "admin.firstname", "admin.lastname",
            "admin.email"} <= set(ALL)  # fmt: skip


def test_answers_are_written_and_secrets_never_shown(person: Person) -> None:
    """Text, number, yes or no, a choice, and a password."""
    keys = strokes(
        BY_DEFAULT, proxy_port=CLEAR + "8090" + ENTER, worker_count=CLEAR + "3" + ENTER, airflow_load_examples="y",
        airflow_expose_config=DOWN + ENTER, admin_firstname=CLEAR + "Ana" + ENTER, admin_password=SECRET + ENTER,
    )  # fmt: skip
    shown = person.answers(keys)
    config = models.local_file(person.project)
    assert (config.proxy.port, config.worker.count, config.admin.firstname) == (8090, 3, "Ana")
    assert (config.airflow.load_examples, config.airflow.expose_config) == (True, "non-sensitive-only")
    assert "count: 3 # enough" in person.file()
    assert person.kept("admin_password").read_text() == SECRET
    assert "admin_password: [secret]" in shown
    assert SECRET not in shown
    assert SECRET not in person.file()


def test_the_same_answers_again_leave_every_byte(person: Person) -> None:
    """The second time they are the defaults."""
    person.answers(strokes(BY_DEFAULT, worker_count=CLEAR + "3" + ENTER, admin_password=SECRET + ENTER))
    before = person.file()
    again = [key for key in BY_DEFAULT if key != "admin_password"]
    shown = person.answers(strokes(again))
    assert "Password: there is one, and it is kept" in shown
    assert person.file() == before
    assert person.kept("admin_password").read_text() == SECRET


@pytest.mark.parametrize(
    ("question", "bad", "message", "good"),
    [
        ("proxy_port", "99999", "must be at most 65535", "8081"),
        ("worker_count", "many", "must be a whole number", "4"),
        ("admin_email", "nobody", "must be an e-mail address", "a@b.c"),
        ("target_prefix", "No Good", "must be up to 30 lower-case", "team-a"),
        ("admin_password", "short", "must be 8 to 128", SECRET),
        ("fernet_key", "no-key", "must be a Fernet key", "A" * 43 + "="),
    ],
)
def test_a_bad_answer_is_refused_at_once(
    person: Person, monkeypatch: pytest.MonkeyPatch, question: str, bad: str, message: str, good: str
) -> None:
    """By the model's own rule and words: Enter does not take it."""
    said: list[str] = []
    rule = Draft.refusal

    def refusal(*arguments: Any) -> str:
        said.append(rule(*arguments))
        return said[-1]

    monkeypatch.setattr(Draft, "refusal", refusal)
    shown = person.answers(strokes(BY_DEFAULT, **{question: CLEAR + bad + ENTER + CLEAR + good + ENTER}))
    assert any(message in text for text in said)
    if question not in SECRET_KEYS:
        assert good in person.file()
    assert SECRET not in shown


def test_two_services_on_one_port_are_refused_where_the_second_is_asked_for(person: Person) -> None:
    """Rules that join sections hold while answering, too."""
    shown = person.answers(strokes(BY_DEFAULT, proxy_port=CLEAR + "5555" + ENTER, flower_enabled="yn"))
    assert "That can't be: flower.port is the port of proxy.port too" in shown


def test_an_external_database_asks_for_its_url_and_prints_sql(person: Person) -> None:
    """The URL is required: an empty answer does not pass."""
    asked = [key for key in ALL if key in BY_DEFAULT or key == "database_url"]
    for key in ("database.superuser", "postgres_password", "database.superuser_database", "airflow_database_password"):
        asked.remove(key)
    url = f"mysql://airflow:{SECRET}@db/airflow"
    shown = person.answers(strokes(asked, database_kind=DOWN + ENTER, database_url=ENTER + url + ENTER))
    assert "CREATE USER 'airflow'@'%' IDENTIFIED BY 'PASSWORD'" in shown
    assert "kind: external" in person.file()
    assert SECRET not in shown


def test_a_secrets_backend_asks_for_its_parameters(person: Person) -> None:
    """And only then."""
    asked = [key for key in ALL if key in BY_DEFAULT or key == "secrets_backend_kwargs"]
    person.answers(strokes(asked, secrets_backend_class_name="a.b.Backend" + ENTER,
                           secrets_backend_kwargs="[]" + ENTER + CLEAR + '{"prefix": "x"}' + ENTER))  # fmt: skip
    assert "class_name: a.b.Backend" in person.file()
    assert person.kept("secrets_backend_kwargs").read_text() == '{"prefix": "x"}'


def test_a_current_choice_is_the_default_and_a_wrong_one_can_be_mended(person: Person) -> None:
    """The file's values come first, where the model has them."""
    path = person.project / "Pulumi.local.yaml"
    text = "config:\n  airflow-stack:airflow:\n    expose_config: true\n    executor: {}Executor\n"
    path.write_text(text.format("No"))
    asked = [key for key in BY_DEFAULT if not key.startswith(("worker", "broker", "flower", "redis"))]
    person.answers(strokes(asked, airflow_executor=DOWN + ENTER))
    assert path.read_text() == text.format("Local")
    person.answers(strokes(asked))
    assert path.read_text() == text.format("Local")


@pytest.mark.parametrize(
    "keys",
    [STOP, ENTER * 9 + STOP, strokes(BY_DEFAULT, proxy_port=CLEAR + "81" + ENTER)[:-1] + "n"],
    ids=["at the first question", "halfway", "at the last"],
)
def test_stopping_changes_nothing(person: Person, keys: str) -> None:
    """Ctrl-C anywhere, or no at the end."""
    with pytest.raises(OperationError, match="stopped; nothing was changed"):
        person.answers(keys)
    assert person.file() == FILE
    assert not (person.project / ".airflow-stack").exists()


def test_a_broken_file_is_not_worth_35_answers(person: Person) -> None:
    """What no question is about is said before the first one."""
    (person.project / "Pulumi.local.yaml").write_text("config:\n  airflow-stack:workers: 3\n")
    with pytest.raises(ConfigError, match="there is no such key"):
        person.answers("")


@pytest.mark.parametrize(("answer", "replaced"), [("y", True), ("n", False)])
def test_replacing_a_secret_asks_first(person: Person, answer: str, replaced: bool) -> None:
    """The new value, then whether it is meant."""
    person.kept("fernet_key").parent.mkdir(parents=True)
    person.kept("fernet_key").write_text(SECRET)
    new = "A" * 43 + "="
    options = Options(replace=("fernet_key",))
    if replaced:
        assert new not in person.answers(new + ENTER + answer, options)
    else:
        with pytest.raises(OperationError, match="stopped"):
            person.answers(new + ENTER + answer, options)
    assert "open with the old key alone" in person.screen.getvalue()
    assert person.kept("fernet_key").read_text() == (new if replaced else SECRET)
