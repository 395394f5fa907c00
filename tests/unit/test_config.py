"""What a configuration file may say, and who may read it."""

from pathlib import Path

import pytest

from mtvd import config

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
