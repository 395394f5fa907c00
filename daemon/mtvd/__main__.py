"""The ``mtvd`` command: serve, make a demo repository, install the user service."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final, Literal

import click
from click.core import ParameterSource

import mtv


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(mtv.__version__, prog_name="mtvd")
@click.pass_context
def main(context: click.Context) -> None:
    """Display daemon: owns Butler repositories and one DS9 window, draws for every process.

    Without a command it serves, with the settings of the configuration file. Clients find it by themselves:
    both sides use the same default endpoint, or $MTV_ENDPOINT.

    \b
    Signals:  SIGTERM, SIGINT   stop in order; the window closes unless keep_window is set
    Files:    ~/.config/mtv/mtvd.toml       settings (mtvd serve --help lists the common ones)
              $XDG_RUNTIME_DIR/mtv/         socket, lock, journal, log of the window
    """  # noqa: D301 - click wants the character, not two letters
    if context.invoked_subcommand is None:
        context.invoke(serve)


@main.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file.")
@click.option("--endpoint", envvar="MTV_ENDPOINT", help="Where to listen: ipc:///path/of/socket.")
@click.option(
    "--listen", metavar="TCP", help="Hear other hosts too, at tcp://address:port, with keys: mtv keys --help."
)
@click.option("--runtime-dir", type=click.Path(path_type=Path), help="Directory of lock, journal and window.")
@click.option("--pixel-dir", type=click.Path(path_type=Path), help="Directory of shared pixel files.")
@click.option(
    "--repo",
    "repositories",
    multiple=True,
    metavar="[ALIAS=]PATH",
    help="A Butler repository, by path or URI; may be repeated; the first is the default.",
)
@click.option("--window", help="auto (default), headless, or an X display such as :0.")
@click.option("--attach", metavar="TITLE", help="Draw in a DS9 that you run: XPA_METHOD=local ds9 -title TITLE.")
@click.option("--keep-window/--close-window", default=None, help="What becomes of the window at an orderly stop.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), help="How much is logged.")
def serve(
    config_file: Path | None = None,
    endpoint: str | None = None,
    listen: str | None = None,
    runtime_dir: Path | None = None,
    pixel_dir: Path | None = None,
    repositories: tuple[str, ...] = (),
    window: str | None = None,
    attach: str | None = None,
    keep_window: bool | None = None,
    log_level: str | None = None,
) -> None:
    """Serve until stopped. No window opens before the first display request."""
    try:
        import anyio

        from mtvd import app
        from mtvd.settings import config, listing, options
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None

    try:
        settings = options.merge(
            config.read(config_file),
            endpoint=endpoint,
            listen=listen,
            runtime_directory=runtime_dir,
            pixel_directory=pixel_dir,
            repositories=repositories,
            window=window,
            attach=attach,
            keep_window=keep_window,
            log_level=log_level,
        )
        logging.basicConfig(
            level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        anyio.run(app.run, settings, listing.Sources(config_file, _sources_of_options()))
    except config.ConfigError as error:
        raise click.ClickException(str(error)) from None


@main.command("demo-repo")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--size", type=click.Choice(["small", "full"]), default="full", help="small: 512x1044; full: 2048x4176.")
def demo_repo(directory: Path, size: Literal["small", "full"]) -> None:
    """Make a demo repository in DIRECTORY: three HSC visits, six detectors, calexp, src, sourceTable and raw."""
    try:
        from mtvd.demo.__main__ import make

        make(directory, size)
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None


@main.command("install-service")
@click.option("--start/--no-start", default=True, help="Start it now (default), or with the next login.")
def install_service(start: bool) -> None:  # noqa: FBT001, RUF100 - a flag of the command line
    """Install, enable and start the user service: systemd/mtvd.service with this executable's path."""
    from mtvd.host import service

    try:
        click.echo(service.install(start=start))
    except service.ServiceError as error:
        raise click.ClickException(str(error)) from None


_SETTING_OF_OPTION: Final = {
    "endpoint": ("endpoint", "--endpoint"),
    "listen": ("remote.listen", "--listen"),
    "runtime_dir": ("runtime_directory", "--runtime-dir"),
    "pixel_dir": ("pixel_directory", "--pixel-dir"),
    "repositories": ("repositories.aliases", "--repo"),
    "window": ("stage.window", "--window"),
    "attach": ("stage.attach", "--attach"),
    "keep_window": ("stage.keep_window", "--keep-window"),
    "log_level": ("log_level", "--log-level"),
}
"""Setting that an option of ``mtvd serve`` stands above, by the option's parameter."""


def _sources_of_options() -> dict[str, str]:
    """Return the settings that this command's options give, and where each stands."""
    context = click.get_current_context()
    words = {ParameterSource.COMMANDLINE: "option {}", ParameterSource.ENVIRONMENT: "environment MTV_ENDPOINT"}
    sources = {name: context.get_parameter_source(name) for name in _SETTING_OF_OPTION}
    return {
        setting: words[source].format(option)
        for name, (setting, option) in _SETTING_OF_OPTION.items()
        if (source := sources[name]) in words
    }


def _not_installed(missing: ModuleNotFoundError) -> click.ClickException:
    """Return the error for a Python that has the client alone: the wheel has both, the extra what the daemon needs."""
    return click.ClickException(f"{missing.name} is not installed here: {sys.executable} -m pip install 'mtv[daemon]'")


if __name__ == "__main__":
    main()
