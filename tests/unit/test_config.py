"""What a configuration file may say, and who may read it."""

from pathlib import Path

import pytest

from mtv.shared import keys
from mtvd.settings import config, options
from mtvd.stage.settings import StageSettings
from mtvd.stage.window.screen import virtual_size

WITH_SECRETS = '[repositories.environment]\nBUTLER_RUBIN_ACCESS_TOKEN = "gt-1"\n'


def write(path: Path, text: str, mode: int) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_of_repositories_is_for_its_owner_s_eyes(tmp_path: Path) -> None:
    file = write(tmp_path / "mtvd.toml", WITH_SECRETS, 0o600)
    assert config.read(file).repositories.environment == {"BUTLER_RUBIN_ACCESS_TOKEN": "gt-1"}
    write(file, WITH_SECRETS, 0o640)
    with pytest.raises(config.ConfigError, match=r"repositories\.environment .* chmod 600"):
        config.read(file)


def test_a_configuration_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    file = write(tmp_path / "mtvd.toml", '[repositories.aliases]\nfar = "s3://sky/repo/"\n', 0o644)
    assert config.read(file).repositories.aliases == {"far": "s3://sky/repo/"}


@pytest.mark.parametrize("table", ["", "[stage]\n", "[repositories]\n"])
def test_a_setting_that_is_misspelt_is_refused_wherever_it_stands(tmp_path: Path, table: str) -> None:
    file = tmp_path / "mtvd.toml"
    file.write_text(f"{table}no_such_setting = 1\n")
    with pytest.raises(config.ConfigError, match="no_such_setting"):
        config.read(file)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def listening(place: Path, listen: str) -> config.Settings:
    remote = config.RemoteSettings(listen=listen)
    return config.resolve(config.Settings(runtime_directory=str(place), remote=remote))


def test_other_hosts_are_not_heard_unless_wished() -> None:
    assert config.Settings().remote.listen == ""


def test_without_a_key_of_its_own_the_daemon_does_not_listen_to_other_hosts(place: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"remote\.listen needs .*mtv keys make daemon"):
        listening(place, "tcp://*:5678")
    keys.make(keys.DAEMON)
    assert listening(place, "tcp://*:5678").endpoint.startswith("ipc://")


@pytest.mark.parametrize("listen", ["ipc:///tmp/s", "tcp://host", "5678", "udp://*:5678", "tcp://a/b:1"])
def test_what_is_no_address_to_listen_at_is_refused(place: Path, listen: str) -> None:
    keys.make(keys.DAEMON)
    with pytest.raises(config.ConfigError, match=r"remote\.listen"):
        listening(place, listen)


def test_the_daemon_s_own_endpoint_is_never_tcp(place: Path) -> None:
    keys.make(keys.DAEMON)
    with pytest.raises(config.ConfigError, match=r"remote\.listen"):
        config.resolve(config.Settings(endpoint="tcp://*:5678"))


def test_messages_of_other_hosts_have_a_limit_of_their_own(tmp_path: Path) -> None:
    file = write(tmp_path / "mtvd.toml", '[remote]\nlisten = "tcp://*:1"\nmessage_bytes = 1000\n', 0o644)
    settings = config.read(file)
    assert settings.remote_limits.buffer_bytes == 1000
    assert settings.limits.buffer_bytes > 1000


def test_the_option_goes_before_the_file() -> None:
    settings = config.Settings(remote=config.RemoteSettings(listen="tcp://*:1", message_bytes=5))
    merged = options.merge(settings, listen="tcp://*:2")
    assert merged.remote == config.RemoteSettings(listen="tcp://*:2", message_bytes=5)
    assert options.merge(settings).remote.listen == "tcp://*:1"


@pytest.mark.parametrize(
    "screen", ["wide", "2560", "100x100", "2560x99999", "2560x1600x24", "-2560x1600", "2560X1600 "]
)
def test_a_screen_that_cannot_be_is_refused(tmp_path: Path, screen: str) -> None:
    file = write(tmp_path / "mtvd.toml", f'[stage]\nscreen = "{screen}"\n', 0o644)
    with pytest.raises(config.ConfigError, match="screen: WIDTHxHEIGHT"):
        config.read(file)


def test_the_virtual_screen_has_the_size_that_is_set_and_always_room_for_the_window() -> None:
    assert virtual_size(StageSettings(screen="4000x3000")) == (4000, 3000)
    assert virtual_size(StageSettings(screen="400x3000", width_px=1000)) == (1100, 3000)
