"""DS9 of other releases: a whole system of each in a cache directory, and a command that starts the DS9 in it.

Needs root (or sudo's root), ``debootstrap``, and the distribution's mirror. Packages are checked by the distributions'
own keys, else nothing is unpacked. Standard library only.

``ds9_roots.py noble`` prints the directory whose ``ds9`` is that of a release, for ``PATH``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAKING_SECS = 1_200
"""At most for one root; 60 to 360 have been seen."""
_DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PACKAGES = "saods9,xpa-tools,procps"
"""Beside DS9 XPA's name server, which DS9 starts where it goes by TCP, and what tests have DS9 run."""
_UBUNTU_KEYS = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"

WRAPPER = """\
#!/bin/sh
# Becomes the DS9 of another system; every step execs, so that its process id is this one's.
exec unshare --mount sh -c '
    root=$0
    for name in tmp dev proc run etc/hosts; do mount --rbind /$name "$root/$name" || exit 1; done
    exec chroot "$root" /usr/bin/ds9 "$@"
' {root} "$@"
"""


class NotHad(Exception):
    """A DS9 that cannot be had here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of a distribution that has a DS9."""

    name: str
    suite: str
    mirror: str
    components: str = "main"
    script: str = ""
    """Script of debootstrap's to go by; empty for the suite's own."""
    from_ubuntu: bool = False


_DEBIAN = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
_UBUNTU = os.environ.get("UBUNTU_MIRROR", "http://archive.ubuntu.com/ubuntu")
TRIXIE = Release(name="Debian 13", suite="trixie", mirror=_DEBIAN)
RELEASES = (
    TRIXIE,
    Release(
        name="Ubuntu 24.04",
        suite="noble",
        mirror=_UBUNTU,
        components="main,universe",
        script="/usr/share/debootstrap/scripts/jammy",
        from_ubuntu=True,
    ),
    Release(name="Debian unstable", suite="sid", mirror=_DEBIAN),
)
"""In the order in which they are tried. A new DS9 is one line here."""


def cache() -> Path:
    """Return the directory of the roots, outside of the project."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "mtv" / "ds9"


def is_this_host(release: Release) -> bool:
    """Tell whether the machine itself runs that release."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return f"VERSION_CODENAME={release.suite}" in lines


def command(release: Release) -> Path:
    """Return a directory for PATH whose ``ds9`` is that release's; the root is made where it is not there yet.

    Raises
    ------
    NotHad
        It cannot be had here.
    """
    root = _root(release)
    directory = cache() / f"{release.suite}.bin"
    directory.mkdir(exist_ok=True)
    wrapper = directory / "ds9"
    wrapper.write_text(WRAPPER.format(root=root), encoding="utf-8")
    wrapper.chmod(0o755)
    return directory


def _root(release: Release) -> Path:
    root = cache() / release.suite
    if root.is_dir():
        return root
    if os.geteuid() != 0:
        raise NotHad("making and entering a root needs to be root")
    for program in ("debootstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            raise NotHad(f"there is no {program}")
    keys = _keys(release)
    fresh = cache() / f"{release.suite}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    print(f"Making a root of {release.name} in {root} (some minutes, once) ...", file=sys.stderr, flush=True)
    options = ["--variant=minbase", f"--components={release.components}", f"--include={_PACKAGES}", "--force-check-gpg"]
    words = [*options, f"--keyring={keys}", release.suite, str(fresh), release.mirror, release.script]
    made = _logged(release, ["debootstrap", *filter(None, words)])
    if not made and (fresh / "usr/bin/dpkg").exists():  # a package that is configured too early: apt does it in order
        made = _logged(release, ["chroot", str(fresh), "apt-get", "install", "--fix-broken", "--yes"])
    if not made or not (fresh / "usr/bin/ds9").exists():
        raise NotHad(f"no root of it could be made: {_last_words(release)}")
    (fresh / "etc/hosts").touch()  # the machine's own is laid over it
    fresh.rename(root)
    return root


def _keys(release: Release) -> str:
    """Return the file of keys by which a release is checked; Ubuntu's come with a package of Debian's."""
    usual = _UBUNTU_KEYS if release.from_ubuntu else _DEBIAN_KEYS
    if Path(usual).exists():
        return usual
    if not release.from_ubuntu:
        raise NotHad(f"there is no {usual}: apt-get install debian-archive-keyring")
    helper = _root(TRIXIE)
    kept = helper / _UBUNTU_KEYS.removeprefix("/")
    if not kept.exists() and not _logged(
        release, ["chroot", str(helper), "apt-get", "install", "--yes", "ubuntu-keyring"]
    ):
        raise NotHad(f"its keys cannot be had: {_last_words(release)}")
    return str(kept)


def _logged(release: Release, words: Sequence[str]) -> bool:
    """Run a command at low priority, bounded in time, its output into a log; tell whether it succeeded."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    begun = time.monotonic()
    with _log(release).open("ab") as log:
        try:
            done = subprocess.run(
                ["timeout", "--signal=KILL", str(MAKING_SECS), "nice", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        except OSError as error:
            log.write(f"{error}\n".encode())
            return False
        log.write(f"status {done.returncode} after {time.monotonic() - begun:.0f} s\n".encode())
    return done.returncode == 0


def _log(release: Release) -> Path:
    return cache() / f"{release.suite}.log"


def _last_words(release: Release) -> str:
    try:
        lines = _log(release).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it wrote nothing"
    return " / ".join(lines[-3:])


def main(arguments: Sequence[str]) -> int:
    """Print the directory of a release's command; return 1 where it cannot be had."""
    releases = {release.suite: release for release in RELEASES}
    release = releases.get(" ".join(arguments))
    if release is None:
        print(f"name one of {', '.join(releases)}", file=sys.stderr)
        return 2
    try:
        print(command(release))
    except NotHad as error:
        print(f"the DS9 of {release.name} cannot be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
