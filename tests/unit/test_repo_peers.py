"""Errors of other hosts in our words, and no word of theirs; which repositories are on other hosts."""

from __future__ import annotations

from typing import Any

import pytest

from mtvd.repo.aliases import Registry, RepositorySettings, without_credentials
from mtvd.repo.butler import peers
from mtvd.repo.butler.errors import translate


def foreign(module: str, name: str, *, base: type[Exception] = Exception) -> type[Exception]:
    """Return a class as a library defines it."""
    return type(name, (base,), {"__module__": module})


@pytest.mark.parametrize(
    ("module", "name", "code"),
    [
        ("botocore.exceptions", "EndpointConnectionError", "repository_failed"),
        ("botocore.exceptions", "ReadTimeoutError", "deadline"),
        ("httpx2", "ConnectTimeout", "deadline"),
        ("requests.exceptions", "ConnectionError", "repository_failed"),
        ("lsst.daf.butler.remote_butler._http_connection", "ButlerServerError", "repository_failed"),
    ],
)
def test_a_peer_s_exception_is_told_without_its_words(module: str, name: str, code: str) -> None:
    base = OSError if module.startswith("requests") else Exception
    error = translate(foreign(module, name, base=base)("GET http://user:secret@host/path failed"))
    assert (error.code, error.where, error.retryable) == (code, "repo", True)
    assert not {"secret", "host/path"} & set(f"{error.message} {error.hint}".split())
    assert "secret" not in error.message + error.hint


def test_a_server_s_error_is_late_where_its_cause_was() -> None:
    raised = foreign("lsst.daf.butler.remote_butler", "ButlerServerError")("no answer")
    raised.__cause__ = foreign("httpx", "ReadTimeout")("late")
    assert translate(raised).code == "deadline"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_that_credentials_are_wanted(status: int) -> None:
    refused: Any = foreign("botocore.exceptions", "ClientError")("no")
    refused.response = {"ResponseMetadata": {"HTTPStatusCode": status}}
    error = translate(refused)
    assert (error.code, error.retryable) == ("repository_failed", False)
    assert "credentials" in error.hint


def test_missing_credentials_are_a_refusal() -> None:
    assert "credentials" in translate(foreign("botocore.exceptions", "NoCredentialsError")("no")).hint


def test_other_exceptions_are_no_peer_s() -> None:
    assert peers.error_of(ValueError("no")) is None


@pytest.mark.parametrize(
    ("config", "waits"),
    [
        ({("registry", "db"): "sqlite:///<butlerRoot>/gen3.sqlite3", ("datastore", "root"): "<butlerRoot>"}, False),
        ({("registry", "db"): "sqlite:////x", ("datastore", "root"): "file:///x"}, False),
        ({("registry", "db"): "sqlite:////x", ("datastore", "root"): "s3://b/x"}, True),
        ({("registry", "db"): "postgresql://host/x", ("datastore", "root"): "/x"}, True),
        ({("registry", "db"): "sqlite:////x", ("remote_butler", "url"): "https://host"}, True),
        (
            {("registry", "db"): "sqlite:////x", ("datastore", "datastores"): [{("datastore", "root"): "s3://b/x"}]},
            True,
        ),
    ],
)
def test_only_repositories_on_other_hosts_are_waited_for(config: Any, waits: bool) -> None:
    assert peers.waits_for_peers(config) is waits


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/repo/main", "/repo/main"),
        ("https://me:secret@host/api/butler", "https://host/api/butler"),
        ("s3://bucket/repo@2/", "s3://bucket/repo@2/"),
    ],
)
def test_credentials_of_a_location_are_not_shown(location: str, said: str) -> None:
    assert without_credentials(location) == said
    (known,) = Registry(RepositorySettings(aliases={"far": location}, use_index=False)).list_known()
    assert known.location == said
