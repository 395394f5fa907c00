"""Keys for TCP, on the command line: make, show, authorise, revoke, trust."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mtv.cli import common
from mtv.cli.common import Call, Command, Refused
from mtv.shared import keys as store

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("keys", cls=common.Group)
def keys() -> None:
    """Keys for a daemon that is reached over TCP. Nobody gets in without one.

    \b
    On the daemon's host:           mtv keys make daemon
    On a client's host:             mtv keys make client
    There, with the daemon.key:     mtv keys trust HOST daemon.key
    Back here, with the client.key: mtv keys authorise NAME client.key

    Files named *.key are public, and are what is copied; those named *.key_secret never leave their host. Where hosts
    share the home directory nothing is copied: make both, then 'mtv keys authorise NAME'.
    """  # noqa: D301 - \b is click's own mark


@keys.command("make", cls=Command)
@click.argument("whose", nargs=-1, required=True, type=click.Choice([store.DAEMON, store.CLIENT]))
@click.pass_obj
def make(call: Call, whose: tuple[str, ...]) -> None:
    """Make the pair of the daemon, of the client, or both; one that is there already is kept."""
    made = {name: store.make(name) for name in dict.fromkeys(whose)}
    if call.json:
        from mtv.cli.output import print_json

        print_json({"directory": str(store.directory()), "made": [name for name, new in made.items() if new]})
        return
    for name, new in made.items():
        click.echo(f"{'made' if new else 'there is'} {store.short_path(store.directory() / f'{name}.key')}")


@keys.command("show", cls=Command)
@click.pass_obj
def show(call: Call) -> None:
    """Show the public keys that are here, and who is let in."""
    place = store.directory()
    own = {name: place / f"{name}.key" for name in (store.DAEMON, store.CLIENT)}
    found = {name: store.public_key(path).decode() for name, path in own.items() if path.exists()}
    servers = {path.stem: store.public_key(path).decode() for path in sorted((place / "servers").glob("*.key"))}
    authorised = {name: key.decode() for key, name in store.read_authorised().items()}
    if call.json:
        from mtv.cli.output import print_json

        print_json({"directory": str(place), **found, "servers": servers, "authorised": authorised})
        return
    click.echo(store.short_path(place))
    for title, entries in (("own", found), ("servers", servers), ("authorised", authorised)):
        for index, (name, key) in enumerate(entries.items()):
            click.echo(f"{'' if index else title:<12}{name:<16}{key}")
        if not entries:
            click.echo(f"{title:<12}none")


@keys.command("authorise", cls=Command)
@click.argument("name")
@click.argument("file", type=_FILE, required=False)
@click.pass_obj
def authorise(call: Call, name: str, file: Path | None) -> None:
    """Let in whoever has the secret of a client.key: FILE, or the one of this host.

    \b
    mtv keys authorise cluster client.key
    """  # noqa: D301 - \b is click's own mark
    _tell(call, store.authorise(file or store.directory() / "client.key", name))


@keys.command("revoke", cls=Command)
@click.argument("name")
@click.pass_obj
def revoke(call: Call, name: str) -> None:
    """Let in no more who was authorised by NAME; what is connected is cut off with its next request."""
    if not store.revoke(name):
        raise Refused(f"name: nobody is authorised as {name!r} ('mtv keys show' lists them)")
    if call.json:
        from mtv.cli.output import print_json

        print_json({"revoked": name})
    else:
        click.echo(f"{name} is let in no more")


@keys.command("trust", cls=Command)
@click.argument("host")
@click.argument("file", type=_FILE)
@click.pass_obj
def trust(call: Call, host: str, file: Path) -> None:
    """Take FILE for the daemon.key of the daemon on HOST, named as in tcp://HOST:port.

    \b
    mtv keys trust astro.example.org daemon.key
    """  # noqa: D301 - \b is click's own mark
    _tell(call, store.trust(file, host))


def _tell(call: Call, path: Path) -> None:
    if call.json:
        from mtv.cli.output import print_json

        print_json({"file": str(path)})
    else:
        click.echo(store.short_path(path))
