"""Look into a wheel or a source distribution as someone does who does not trust it.

    python examples/inspect_wheel.py wheels/some_package-1.0-py3-none-any.whl

Two sandboxes share the work, and neither could do the other's: the one that may read files never looks at what it
reads, and the one that takes the archive apart may do nothing but compute. A parser that the archive tricks has no
file to open, no network to call home on and no program to start; one that it sends in circles or blows up is ended.
"""

import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from io import BytesIO
from pathlib import PurePosixPath
from typing import Never

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from capsafe import Broker, ReadFile, Sandbox, SandboxKilledError, TransferError, UnsupportedError

MIB = 1024 * 1024
#: No archive of a package is longer, and no metadata file.
LONGEST_ARCHIVE = 256 * MIB
LONGEST_METADATA = 1 * MIB
#: An archive with more members, or that unpacks to more bytes, is not listed.
MOST_MEMBERS = 100_000
LONGEST_CONTENT = 4096 * MIB
#: What a parser of honest archives never needs, in seconds of processor time and in bytes of memory.
PARSING_TIME = 10.0
PARSING_MEMORY = 1024 * MIB


@dataclass(frozen=True)
class Member:
    """A file in the archive: its path there, its length in bytes, and what is wrong with it ("" where nothing is)."""

    path: str
    length: int
    warning: str


@dataclass(frozen=True)
class Report:
    """What the archive says of itself. Crosses from the sandbox as plain data, never as a pickle."""

    headers: list[tuple[str, str]]
    members: list[Member]


def read_archive(broker: Broker[ReadFile], path: str) -> bytes:
    """Return the archive's bytes. May read files, and does not look at what it reads."""
    length = broker.stat(path).st_size
    if length > LONGEST_ARCHIVE:
        raise ValueError(f"it has {length:,} bytes; more than {LONGEST_ARCHIVE:,} are not read")
    return broker.read_bytes(path)


def inspect(_broker: Broker, data: bytes) -> Report:
    """Take the archive apart. The broker of ``Sandbox[Never]`` offers nothing, so all that is left is computing."""
    try:
        return inspect_wheel(data) if zipfile.is_zipfile(BytesIO(data)) else inspect_sdist(data)
    except PermissionError:
        raise  # not the archive's fault: something here tried what the sandbox does not grant
    except tarfile.ReadError:
        raise ValueError("it is no zip archive and no tar archive, or not the whole of one") from None
    except Exception as error:  # noqa: BLE001 - whatever a parser stumbles over, the archive is at fault
        raise ValueError(str(error) or type(error).__name__) from None


def inspect_wheel(data: bytes) -> Report:
    """Report on a wheel: a zip archive with one ``*.dist-info/METADATA``."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        check(len(infos), sum(info.file_size for info in infos))
        found = [info for info in infos if is_metadata(info.filename, ".dist-info", "METADATA")]
        if not found:
            raise ValueError("it is a zip archive without *.dist-info/METADATA, so no wheel")
        with archive.open(found[0]) as file:
            headers = read_headers(file.read(LONGEST_METADATA))
        return Report(headers, [Member(i.filename, i.file_size, warn(i.filename, "")) for i in infos if not i.is_dir()])


def inspect_sdist(data: bytes) -> Report:
    """Report on a source distribution: a compressed tar archive with one ``*/PKG-INFO``."""
    headers: list[tuple[str, str]] = []
    members: list[Member] = []
    length = 0
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        for info in archive:
            length += info.size
            check(len(members), length)
            if info.isdir():
                continue
            members.append(Member(info.name, info.size, warn(info.name, info.linkname)))
            if is_metadata(info.name, "", "PKG-INFO") and not headers:
                file = archive.extractfile(info)
                if file is not None:
                    headers = read_headers(file.read(LONGEST_METADATA))
    if not headers:
        raise ValueError("it is a tar archive without */PKG-INFO, so no source distribution")
    return Report(headers, members)


def check(members: int, length: int) -> None:
    """Refuse archives that are all members and no content, or that blow up."""
    if members > MOST_MEMBERS:
        raise ValueError(f"it has more than {MOST_MEMBERS:,} members")
    if length > LONGEST_CONTENT:
        raise ValueError(f"it unpacks to more than {LONGEST_CONTENT:,} bytes")


def is_metadata(path: str, folder: str, name: str) -> bool:
    """Tell whether ``path`` is the file ``name`` in a top-level folder whose name ends in ``folder``."""
    parts = path.split("/")
    return len(parts) == 2 and parts[0].endswith(folder) and parts[1] == name  # noqa: PLR2004 - folder and file


def read_headers(data: bytes) -> list[tuple[str, str]]:
    """Return the fields of core metadata, without the description that may follow them."""
    message = HeaderParser().parsestr(data.decode("utf-8", "replace"))
    return [(name, str(value)) for name, value in message.items() if name != "Description"]


def warn(path: str, link: str) -> str:
    """Say what unpacking this member would do that it should not."""
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        return "leaves the folder it is unpacked in"
    if link.startswith("/") or ".." in PurePosixPath(link).parts:
        return f"links to {link}"
    if path.endswith(".pth"):
        return "runs at every start of Python"
    return ""


def show(path: str, report: Report) -> None:
    """Print the report as two tables. Nothing in the archive can reach the terminal as a control sequence."""
    console = Console()
    headers = Table("field", "value", title=escape(path), title_justify="left")
    for name, value in report.headers:
        headers.add_row(printable(name), printable(value))
    members = Table("file", "bytes", "warning", title=f"{len(report.members)} files", title_justify="left")
    members.columns[1].justify = "right"
    for member in report.members:
        members.add_row(printable(member.path), f"{member.length:,}", printable(member.warning))
    console.print(headers)
    console.print(members)


def printable(text: str) -> str:
    """Return ``text`` with what is neither printable nor markup for Rich."""
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


def main(arguments: list[str]) -> int:
    """Inspect the archive named on the command line; 0 when shown, 1 when it can't be read, 2 on wrong usage."""
    if len(arguments) != 1:
        print("usage: inspect_wheel.py WHEEL_OR_SDIST", file=sys.stderr)
        return 2
    path = arguments[0]
    reading = Sandbox[ReadFile](timeout=60)
    parsing = Sandbox[Never](timeout=60, cpu_time=PARSING_TIME, memory=PARSING_MEMORY)
    try:
        data = reading.execute(read_archive, path)
        report = parsing.execute(inspect, data)
    except (OSError, ValueError, MemoryError, SandboxKilledError, TransferError, UnsupportedError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    show(path, report)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
