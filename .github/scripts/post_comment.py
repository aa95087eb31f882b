"""Post a pull request's preview as its one comment, or renew it.

Runs in the workflow `comment`, which may write, on code of the main branch. The comment's text comes from the workflow
`pull request`, which ran the code of the pull request and may not write: nothing of it is run here, the text is
checked, and which pull request it belongs to is not asked of it but of GitHub.

Standard library only: there is nothing to install beside the token.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

ARTIFACT = "preview-comment"
FILE = "comment.md"
MARKER = "<!-- airflow-stack-preview -->"
BOT = "github-actions[bot]"
# GitHub's limit of a comment is 65,536 characters. A character is up to four bytes.
CHARACTERS = 65_000
BYTES = 4 * CHARACTERS
PAGES = 20
ON_A_PAGE = 100


class BadArtifactError(Exception):
    """The artifact is not what the preview makes."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """An artifact lies with another host, which must not get the token."""


class GitHub:
    """The few calls of GitHub's API that a comment needs."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        self._root = f"{url}/repos/{repository}"
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirect)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer, as JSON."""
        with self._opener.open(self._request(method, path, body), timeout=30) as answer:
            return json.load(answer)

    def download(self, path: str, limit: int) -> bytes:
        """What a path redirects to. Raises BadArtifactError where that is longer than ``limit`` bytes."""
        try:
            with self._opener.open(self._request("GET", path), timeout=30):
                raise BadArtifactError("the artifact has no address")
        except urllib.error.HTTPError as error:
            if error.code not in (301, 302, 303, 307, 308):
                raise
            address = error.headers["Location"]
        if urllib.parse.urlsplit(address).scheme != urllib.parse.urlsplit(self._root).scheme:
            raise BadArtifactError("the artifact's address is not of the web")
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - looked at above
            data: bytes = answer.read(limit + 1)
        if len(data) > limit:
            raise BadArtifactError(f"the artifact is longer than {limit} bytes")
        return data

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> urllib.request.Request:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        address = f"{self._root}{path}"
        return urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - GitHub's own


def pull_request(github: GitHub, run: dict[str, Any]) -> int | None:
    """Number of the open pull request whose head this run was of; None where it has moved on or is closed.

    The event names no pull request of a fork, and the artifact could name any.
    """
    if not run.get("head_repository"):
        return None
    head = f"{run['head_repository']['owner']['login']}:{run['head_branch']}"
    found = github.call("GET", f"/pulls?state=open&per_page=100&head={urllib.parse.quote(head, safe='')}")
    for one in found:
        source = one["head"]["repo"] or {}
        if one["head"]["sha"] == run["head_sha"] and source.get("full_name") == run["head_repository"]["full_name"]:
            return int(one["number"])
    return None


def comment_of(github: GitHub, run: dict[str, Any]) -> str | None:
    """Text of the run's artifact; None where it has none. BadArtifactError for one that the preview did not make."""
    listed = github.call("GET", f"/actions/runs/{int(run['id'])}/artifacts?name={ARTIFACT}")["artifacts"]
    if not listed:
        return None
    archive = github.download(f"/actions/artifacts/{int(listed[0]['id'])}/zip", BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            (member,) = files.infolist()
            if member.filename != FILE or member.file_size > BYTES:
                raise BadArtifactError(f"the artifact is not one {FILE} of at most {BYTES} bytes")
            with files.open(member) as file:
                text = file.read(BYTES + 1).decode("utf-8")
    except (zipfile.BadZipFile, ValueError, RuntimeError):  # RuntimeError: encrypted, or packed in an unknown way
        raise BadArtifactError("the artifact can't be read as one file of UTF-8 text") from None
    if len(text) > CHARACTERS:
        raise BadArtifactError(f"the comment is longer than {CHARACTERS} characters")
    return text.strip() or None


def harmless(text: str) -> str:
    """Without what notifies people, loads pictures, or hides: the text may be anybody's."""
    text = "".join(one for one in text if one == "\n" or one.isprintable())
    text = re.sub(r"@(?=[A-Za-z0-9])", "@\u200b", text)
    text = re.sub(r"<(?=\s*(img|picture|source|video|audio|svg)\b)", "&lt;", text, flags=re.IGNORECASE)
    return text.replace("![", "!\\[").replace("<!--", "&lt;!--")[:CHARACTERS]


def body(text: str | None, run: dict[str, Any]) -> str:
    """The whole comment."""
    shown = harmless(text) if text else "## Preview\n\nThis run ended without a preview; its log says why."
    sha, url = run["head_sha"][:7], run["html_url"]
    return f"{MARKER}\n{shown}\n\n<sub>Made by [the run]({url}) of {sha}, with the code of the pull request.</sub>\n"


def post(github: GitHub, number: int, text: str) -> str:
    """Renew the comment, or make it. Returns what was done."""
    for page in range(1, PAGES + 1):
        found = github.call("GET", f"/issues/{number}/comments?per_page={ON_A_PAGE}&page={page}")
        for one in found:
            if one["user"]["login"] == BOT and one["body"].startswith(MARKER):
                github.call("PATCH", f"/issues/comments/{int(one['id'])}", {"body": text})
                return "renewed"
        if len(found) < ON_A_PAGE:
            break
    github.call("POST", f"/issues/{number}/comments", {"body": text})
    return "made"


def main() -> int:
    run = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
    github = GitHub(os.environ["GITHUB_API_URL"], os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"])
    number = pull_request(github, run)
    if number is None:
        print(f"{run['head_sha']} is the head of no open pull request: nothing to say")
        return 0
    try:
        text = comment_of(github, run)
    except BadArtifactError as error:
        print(f"refused: {error}")
        return 1
    print(f"#{number}: comment {post(github, number, body(text, run))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
