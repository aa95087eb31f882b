"""The script that posts a comment, against a GitHub of the test: it may write, and its input may be anybody's."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from loading import load

SCRIPT = Path(__file__).parents[2] / ".github" / "scripts" / "post_comment.py"
SHA = "0a1b2c3d" * 5
TOKEN = "of-a-test"
RUN: dict[str, Any] = {
    "id": 7,
    "head_sha": SHA,
    "head_branch": "more-workers",
    "head_repository": {"full_name": "somebody/airflow-stack", "owner": {"login": "somebody"}},
    "html_url": "https://github.com/example/airflow-stack/actions/runs/7",
}


post_comment: Any = load(SCRIPT)


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def marked(place: int, old: int, new: int) -> bytes:
    """An archive whose entry says something else at this place of its record in the directory, which is read first."""
    data = bytearray(archive(comment__md=b"x"))
    at = data.index(b"PK\x01\x02") + place
    assert data[at] == old
    data[at] = new
    data[data.index(b"PK\x03\x04") + place - 2] = new
    return bytes(data)


def pull(number: int, sha: str = SHA, repository: str = "somebody/airflow-stack") -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha, "repo": {"full_name": repository}}}


@dataclass
class Hub:
    """What the test's GitHub has, and what it was asked."""

    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=lambda: [pull(12)])
    artifact: bytes | None = field(default_factory=lambda: archive(comment__md=b"## Preview\n\n**prod: fine.**\n"))
    comments: list[dict[str, Any]] = field(default_factory=list)
    written: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        here = path.removeprefix("/repos/example/airflow-stack")
        if method in ("POST", "PATCH"):
            self.written.append((method, here, body["body"]))
            return 200, {}
        if here == "/pulls":
            assert "head=somebody%3Amore-workers" in query
            return 200, self.pulls
        if here == "/actions/runs/7/artifacts":
            return 200, {"artifacts": [{"id": 3}] if self.artifact is not None else []}
        if here == "/actions/artifacts/3/zip":
            return 302, f"{self.url}/elsewhere"
        if here == "/elsewhere":
            return 200, self.artifact
        page = int(query.partition("&page=")[2])
        return 200, self.comments[(page - 1) * 100 : page * 100]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    found = Hub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            found.tokens[self.path.partition("?")[0]] = self.headers.get("Authorization")
            code, content = found.answer(self.command, self.path, body)
            self.send_response(code)
            if code == 302:
                self.send_header("Location", content)
                content = b""
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": RUN}))
    for key, value in {
        "GITHUB_EVENT_PATH": str(event), "GITHUB_API_URL": found.url, "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": "example/airflow-stack", "NO_PROXY": "*", "no_proxy": "*",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    yield found
    server.shutdown()
    server.server_close()


def test_the_first_run_makes_the_comment(hub: Hub) -> None:
    """Rule: on the pull request whose head the run was of, with the run's address."""
    assert post_comment.main() == 0
    ((method, path, body),) = hub.written
    assert (method, path) == ("POST", "/issues/12/comments")
    assert body.startswith("<!-- airflow-stack-preview -->\n## Preview\n\n**prod: fine.**")
    assert RUN["html_url"] in body
    assert SHA[:7] in body


def test_later_runs_renew_it(hub: Hub) -> None:
    """Rule: one comment, also behind a hundred others; a person's with the same mark is left alone."""
    mark = "<!-- airflow-stack-preview --> mine"
    others = [{"id": n, "user": {"login": "ada"}, "body": mark} for n in range(120)]
    hub.comments = [*others, {"id": 555, "user": {"login": "github-actions[bot]"}, "body": mark}]
    assert post_comment.main() == 0
    assert [(method, path) for method, path, _ in hub.written] == [("PATCH", "/issues/comments/555")]


@pytest.mark.parametrize(
    "pulls",
    [
        [],
        [pull(12, sha="f" * 40)],
        [pull(12, repository="another/airflow-stack")],
        [{"number": 1, "head": {"sha": SHA, "repo": None}}],
    ],
    ids=["closed", "moved on", "another fork", "fork deleted"],
)
def test_nothing_is_said_where_the_head_is_another(hub: Hub, pulls: list[dict[str, Any]]) -> None:
    """Rule: the number is GitHub's, by commit and repository; an older run does not overwrite a newer one's."""
    hub.pulls = pulls
    assert post_comment.main() == 0
    assert hub.written == []


@pytest.mark.parametrize(
    "artifact",
    [
        b"no archive",
        archive(other__md=b"x"),
        archive(comment__md=b"x", more__md=b"y"),
        archive(comment__md=b"\xff\xfe"),
        archive(comment__md=b"x" * 70_000),
        archive(comment__md=b"\0" * 50_000_000),
        b"x" * 1_000_000,
        marked(8, 0, 1),
        marked(10, 8, 99),
    ],
    ids=[
        "no zip",
        "another file",
        "two files",
        "no text",
        "too long",
        "a bomb",
        "too large",
        "encrypted",
        "packed in an unknown way",
    ],
)  # fmt: skip
def test_an_artifact_that_the_preview_did_not_make_is_refused(
    hub: Hub, artifact: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: nothing is posted, the run fails and says why in one line."""
    hub.artifact = artifact
    assert post_comment.main() == 1
    assert hub.written == []
    assert capsys.readouterr().out.startswith("refused: the ")


def test_a_run_without_an_artifact_is_said(hub: Hub) -> None:
    """Rule: else an old comment would stand there as if it were of this commit."""
    hub.artifact = None
    assert post_comment.main() == 0
    assert "ended without a preview" in hub.written[0][2]


def test_nobody_is_notified_and_nothing_is_loaded(hub: Hub) -> None:
    """Rule: the text may be anybody's: no mention, no picture, no hidden comment, no control characters."""
    pictures = "![p](https://example.com/p.png) <IMG src=x> < picture>"
    text = f"hello @ada and @org/team {pictures} <!-- airflow-stack-preview -->\u202e\x1b[0m"
    hub.artifact = archive(comment__md=text.encode())
    assert post_comment.main() == 0
    body = hub.written[0][2].partition("\n")[2]
    assert "@ada" not in body
    assert "@org" not in body
    assert "![" not in body
    assert "&lt;IMG" in body
    assert "&lt; picture" in body
    assert "<!--" not in body
    assert "\u202e" not in body
    assert "\x1b" not in body


def test_what_grows_by_it_still_fits(hub: Hub) -> None:
    """Rule: GitHub takes 65,536 characters, and what is put between counts."""
    hub.artifact = archive(comment__md=b"@a" * 32_000)
    assert post_comment.main() == 0
    assert len(hub.written[0][2]) <= 65_536


def test_the_token_stays_with_github(hub: Hub) -> None:
    """Rule: the store of artifacts is another host."""
    assert post_comment.main() == 0
    assert hub.tokens.pop("/elsewhere") is None
    assert set(hub.tokens.values()) == {f"Bearer {TOKEN}"}
