"""Fetching pinned Debian source packages beside the system's own package manager, which is left as it is.

apt runs with lists, cache and a sources file of its own and installs nothing. The mirror is the one that this machine's apt uses anyway;
the release file is checked against Debian's archive keyring, and every file against a SHA-256 that stands in this repository.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from isoloop.images.errors import CHECKOUT_HINT, ImageError
from isoloop.images.hashing import file_sha256
from isoloop.images.steps import Progress, clean_environment, run_step

SUITE = "trixie"
KEYRINGS = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{ending}") for ending in ("gpg", "pgp"))


@dataclass(frozen=True)
class DebianPackage:
    """One pinned package file.

    Attributes:
        file: name of the file as apt saves it.
        is_source: an upstream tarball of a source package, else a binary package that holds sources.
    """

    name: str
    version: str
    file: str
    sha256: str
    is_source: bool = False


def fetch(packages: list[DebianPackage], folder: Path, log: Path, progress: Progress) -> None:
    """Make sure that `folder` holds the file of every package, bit for bit as pinned.

    Raises:
        ImageError: no apt, no network, the suite no longer has that version, or a file with another hash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if not _is_good(folder / package.file, package)]
    if not missing:
        return
    keyring = next((path for path in KEYRINGS if path.is_file()), None)
    if shutil.which("apt-get") is None or keyring is None:
        lacking = "apt-get" if shutil.which("apt-get") is None else "Debian's archive keyring (package debian-archive-keyring)"
        raise ImageError(f"cannot fetch the pinned sources, this host lacks {lacking}: {CHECKOUT_HINT}")
    progress(f"fetching {', '.join(f'{package.name} {package.version}' for package in missing)}")
    with tempfile.TemporaryDirectory(prefix="isoloop-apt-") as scratch:
        config = _update(Path(scratch), keyring, log)
        for package in missing:
            verb = ["source", "--download-only", "--tar-only"] if package.is_source else ["download"]
            command = ["apt-get", "-c", config, *verb, f"{package.name}={package.version}"]
            run_step(f"fetching {package.name}", command, log, cwd=Path(scratch), env=clean_environment())
            got = Path(scratch) / package.file
            if not _is_good(got, package):
                found = file_sha256(got) if got.is_file() else "no such file"
                raise ImageError(f"{package.file} from the mirror is not the pinned one (sha256 {package.sha256}): {found}")
            staged = folder / f"{package.file}.new"
            shutil.copyfile(got, staged)
            staged.rename(folder / package.file)


def _is_good(path: Path, package: DebianPackage) -> bool:
    return path.is_file() and file_sha256(path) == package.sha256


def mirrors() -> list[str]:
    """Archive addresses of this machine's own apt sources, those for security updates last."""
    # --no-release-info: the list must not depend on whether anyone has run `apt-get update` here.
    command = ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)", "Created-By: Packages"]
    listed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean_environment())
    found = list(dict.fromkeys(line.strip() for line in listed.stdout.splitlines() if line.strip()))
    return sorted(found, key=lambda uri: "security" in uri)


def _update(scratch: Path, keyring: Path, log: Path) -> Path:
    """Fetch the package lists of SUITE from the first of the machine's mirrors that has it; return the apt configuration file."""
    # An address with blanks could smuggle in a second field; apt's own never has any.
    candidates = [uri for uri in mirrors() if not any(letter.isspace() for letter in uri)]
    if not candidates:
        raise ImageError(f"cannot fetch the pinned sources, this machine's apt names no archive: {CHECKOUT_HINT}")
    failure: ImageError | None = None
    for uri in candidates:
        config = _write_config(scratch, keyring, uri)
        try:
            run_step(f"reading Debian {SUITE}'s package lists", ["apt-get", "-c", config, "update"], log, env=clean_environment())
        except ImageError as error:
            failure = error
        else:
            return config
    raise ImageError(f"cannot fetch the pinned sources from any archive of this machine's apt ({failure}); {CHECKOUT_HINT}")


def _write_config(scratch: Path, keyring: Path, uri: str) -> Path:
    for name in ("lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    sources = scratch / "debian.sources"
    # Targets: the machine may be set up to fetch icons and translations with every list.
    sources.write_text(
        f"Types: deb deb-src\nURIs: {uri}\nSuites: {SUITE}\nComponents: main\nTargets: Packages Sources\nSigned-By: {keyring}\n"
    )
    config = scratch / "apt.conf"
    # Read after the machine's own configuration (-c), so that its proxies count and its hooks do not.
    config.write_text(
        "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
        f'Dir::Etc::SourceList "{sources}";\nDir::Etc::SourceParts "/dev/null";\n'
        'Dir::Etc::Preferences "/dev/null";\nDir::Etc::PreferencesParts "/dev/null";\n'
        f'Dir::State::Lists "{scratch}/lists/";\nDir::Cache "{scratch}/cache/";\n'
        'Acquire::Languages "none";\nAPT::Update::Error-Mode "any";\nAPT::Get::List-Cleanup "false";\n'
        # The scratch folder is private; apt's own download user could not write there.
        'APT::Sandbox::User "root";\n'
    )
    return config
