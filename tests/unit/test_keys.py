"""Keys on disk: who owns them, what they are copied to, and what a file must not be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import zmq.auth

from mtv.shared import keys
from mtv.wire.errors import MtvError, RequestError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "mtv" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_pair_is_made_once_and_for_its_owner_alone(place: Path) -> None:
    assert keys.make(keys.CLIENT)
    first = keys.pair(keys.CLIENT)
    assert not keys.make(keys.CLIENT)
    assert keys.pair(keys.CLIENT) == first
    assert (mode(place), mode(place / "client.key_secret")) == (0o700, 0o600)
    assert zmq.auth.load_certificate(place / "client.key") == (first.public, None)
    assert zmq.curve_public(first.secret) == first.public
    assert sorted(path.name for path in place.iterdir()) == ["client.key", "client.key_secret"]


@pytest.mark.parametrize(("name", "loose", "advice"), [("", 0o750, "chmod 700"), ("client.key_secret", 0o640, "600")])
def test_a_secret_that_others_may_reach_is_not_used(place: Path, name: str, loose: int, advice: str) -> None:
    keys.make(keys.CLIENT)
    (place / name).chmod(loose)
    for use in (keys.pair, keys.make):
        with pytest.raises(RequestError, match=advice) as caught:
            use(keys.CLIENT)
        assert caught.value.code == "forbidden"


@pytest.mark.parametrize("text", ["", "nonsense", 'public-key = "short"\nsecret-key = "short"', b"\xff\0" * 40])
def test_a_file_that_holds_no_keys_is_told(place: Path, text: str | bytes) -> None:
    keys.make(keys.CLIENT)
    (place / "client.key_secret").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RequestError, match="holds no"):
        keys.pair(keys.CLIENT)


def test_only_the_public_part_is_kept_of_what_is_authorised_or_trusted(place: Path) -> None:
    keys.make(keys.CLIENT)
    keys.make(keys.DAEMON)
    client, daemon = keys.pair(keys.CLIENT), keys.pair(keys.DAEMON)
    for path, pair in (
        (keys.authorise(place / "client.key", "node-1.cluster"), client),
        (keys.trust(place / "daemon.key", "[::1]"), daemon),
    ):
        assert zmq.auth.load_certificate(path) == (pair.public, None)
        assert mode(path.parent) == 0o700
        assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert keys.read_authorised() == {client.public: "node-1.cluster"}
    assert keys.server_file_of("tcp://[::1]:5") == place / "servers" / "::1.key"


def test_a_damaged_file_keeps_out_one_and_not_all(place: Path) -> None:
    keys.make(keys.CLIENT)
    keys.authorise(place / "client.key", "me")
    (place / "authorised" / "broken.key").write_text("public-key = ")
    assert list(keys.read_authorised().values()) == ["me"]


def test_revoking_removes_and_says_whether_there_was_one(place: Path) -> None:
    keys.make(keys.CLIENT)
    keys.authorise(place / "client.key", "me")
    assert keys.revoke("me")
    assert not keys.revoke("me")
    assert keys.read_authorised() == {}


@pytest.mark.parametrize("name", ["", ".", "..", "../daemon", "a/b", ".hidden", "a\nb", "x" * 101])
def test_a_name_never_leads_out_of_its_directory(place: Path, name: str) -> None:
    keys.make(keys.CLIENT)
    for use in (keys.authorise, keys.trust):
        with pytest.raises(MtvError, match="name"):
            use(place / "client.key", name)
    with pytest.raises(MtvError, match="name"):
        keys.revoke(name)


def test_a_host_s_own_key_goes_before_the_one_for_all(place: Path) -> None:
    keys.make(keys.DAEMON)
    keys.make(keys.CLIENT)
    daemon, client = (zmq.auth.load_certificate(place / f"{name}.key")[0] for name in ("daemon", "client"))
    assert keys.for_client("tcp://there:1").server == daemon
    (place / "other.key").write_text(f'curve\n    public-key = "{client.decode()}"\n')
    keys.trust(place / "other.key", "there")
    assert keys.for_client("tcp://there:1").server == client
    assert keys.for_client("tcp://elsewhere:1").server == daemon


def test_what_is_missing_is_told_with_the_command_that_brings_it(place: Path) -> None:
    with pytest.raises(RequestError, match="mtv keys make client"):
        keys.for_client("tcp://there:1")
    keys.make(keys.CLIENT)
    with pytest.raises(RequestError, match=r"daemon\.key .*mtv keys trust there daemon\.key"):
        keys.for_client("tcp://there:1")


def test_paths_are_shown_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert keys.short_path(keys.directory()) == "~/.config/mtv/keys"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert keys.short_path(keys.directory()) == "~/.config/mtv/keys"
