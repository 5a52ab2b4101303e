"""The examples do their job on what pip really downloads, and stay calm about what is made to hurt them."""

import gzip
import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# Small, of one file, with a wheel and a source distribution on the index.
PACKAGE = "six"


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a wheel and a source distribution that pip downloaded, by their kind."""
    found = {}
    for kind, wish in {"wheel": "--only-binary", "sdist": "--no-binary"}.items():
        folder = tmp_path_factory.mktemp(kind)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wish, PACKAGE, PACKAGE]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        (found[kind],) = folder.iterdir()
    return found


def example(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an example as a user does, in a wide terminal."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=120
    )


def inspect(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the main job."""
    return example("inspect_wheel.py", *arguments)


def write_wheel(path: Path, *members: tuple[str, bytes], metadata: bytes = b"Name: x\n\n") -> Path:
    """Write a wheel with the members, beside its metadata."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x-1.dist-info/METADATA", metadata)
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_real_archive_is_shown_as_tables(downloads: dict[str, Path], kind: str) -> None:
    path = downloads[kind]
    done = inspect(path)
    assert done.returncode == 0, done.stderr
    version = re.split("-|.tar", path.name)[1]
    cells = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in done.stdout.splitlines()]
    assert ["Name", PACKAGE] in cells
    assert ["Version", version] in cells
    assert done.stderr == ""


@pytest.mark.kernel
def test_every_file_of_a_real_wheel_is_listed_with_its_length(downloads: dict[str, Path]) -> None:
    shown = inspect(downloads["wheel"]).stdout
    infos = zipfile.ZipFile(downloads["wheel"]).infolist()
    assert f"{len(infos)} files" in shown
    for info in infos:
        assert re.search(rf"{re.escape(info.filename)} +│ +{info.file_size:,} ", shown), info


@pytest.mark.kernel
def test_every_file_of_a_real_sdist_is_listed_with_its_length(downloads: dict[str, Path]) -> None:
    shown = inspect(downloads["sdist"]).stdout
    with tarfile.open(downloads["sdist"]) as archive:
        infos = [info for info in archive if info.isfile()]
    assert f"{len(infos)} files" in shown
    for info in infos:
        assert re.search(rf"{re.escape(info.name)} +│ +{info.size:,} ", shown), info


@pytest.mark.parametrize("arguments", [[], ["a.whl", "b.whl"]])
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    done = inspect(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: inspect_wheel.py WHEEL_OR_SDIST\n"


def bad_archives() -> dict[str, bytes]:
    """Return archives that are none, or none of a package."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("x-1.dist-info/METADATA", "Name: x\n" * 100)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("readme", "no metadata")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as bundle:
        bundle.addfile(tarfile.TarInfo("readme"))
    # A local header that lies about where the data begin.
    broken = bytearray(whole.getvalue())
    broken[26:28] = struct.pack("<H", 60000)
    return {
        "empty": b"",
        "text": b"not an archive at all\n" * 10,
        "noise": bytes(range(256)) * 40,
        "zip without metadata": plain.getvalue(),
        "tar without metadata": tar.getvalue(),
        "cut zip": whole.getvalue()[:-30],
        "broken zip": bytes(broken),
        "cut tar": tar.getvalue()[:40],
        "gzip of nothing": gzip.compress(b""),
    }


@pytest.mark.kernel
@pytest.mark.parametrize("name", bad_archives())
def test_what_is_no_archive_of_a_package_is_one_clear_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.whl"
    path.write_bytes(bad_archives()[name])
    done = inspect(path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{path}: ")
    assert len(done.stderr) > len(f"{path}: \n")


@pytest.mark.kernel
def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    done = inspect(tmp_path / "absent.whl")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.kernel
def test_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    done = inspect(tmp_path)
    assert done.returncode == 1
    assert "Is a directory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.kernel
def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.whl"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    done = inspect(path)
    assert done.returncode == 1
    assert "1,099,511,627,776 bytes" in done.stderr


@pytest.mark.kernel
def test_a_bomb_in_the_metadata_is_not_unpacked(tmp_path: Path) -> None:
    """A quarter of a gigabyte of spaces in a quarter of a megabyte."""
    path = write_wheel(tmp_path / "bomb.whl", metadata=b"Name: bomb\n" + b" " * (1 << 28))
    done = inspect(path)
    assert done.returncode in (0, 1)
    assert len(done.stdout) < 1 << 20
    assert "Traceback" not in done.stderr


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_blows_up_is_not_listed(kind: str, tmp_path: Path) -> None:
    """Terabytes in a header's length field."""
    path = tmp_path / "bomb"
    if kind == "tar":
        header = tarfile.TarInfo("bomb")
        header.size = 1 << 42
        path.write_bytes(gzip.compress(header.tobuf()))
    else:
        with zipfile.ZipFile(write_wheel(path), "a") as archive:
            archive.writestr("bomb", b"")
            archive.infolist()[-1].file_size = 1 << 42
    done = inspect(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{path}: it unpacks to more than 4,294,967,296 bytes\n"


@pytest.mark.kernel
def test_a_parser_that_would_fill_the_memory_is_stopped(tmp_path: Path) -> None:
    """Gigabytes of extended header, which tarfile reads before it says anything of a member."""
    path = tmp_path / "bomb.tar.gz"
    header = tarfile.TarInfo("bomb")
    header.type = tarfile.XHDTYPE
    header.size = 8_000_000_000  # the longest fields of this format have eleven octal digits
    path.write_bytes(gzip.compress(header.tobuf()) + gzip.compress(bytes(1 << 26)) * 64)
    done = inspect(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search("memory|Memory", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.kernel
def test_what_unpacking_would_do_is_said(tmp_path: Path) -> None:
    path = write_wheel(tmp_path / "x.whl", ("../../escape.py", b""), ("/etc/cron.d/x", b""), ("x.pth", b"import x"))
    shown = inspect(path).stdout
    assert re.search(r"\.\./\.\./escape\.py .*leaves the folder", shown)
    assert re.search(r"/etc/cron\.d/x .*leaves the folder", shown)
    assert re.search(r"x\.pth .*runs at every start", shown)


@pytest.mark.kernel
def test_names_can_not_speak_to_the_terminal(tmp_path: Path) -> None:
    path = write_wheel(
        tmp_path / "x.whl",
        ("\x1b[2J\x1b]0;title\x07[bold]shout[/bold]", b""),
        metadata="Name: x\u202e\nSummary: \x1b[31mred [link=http://a]b[/link]\n\n".encode(),
    )
    shown = inspect(path).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[bold]shout[/bold]" in shown
    assert "[link=http://a]b[/link]" in shown


HOSTILE = """
import sys
sys.path.insert(0, {examples!r})
import inspect_wheel

def hostile(data):
    {attack}

inspect_wheel.inspect_wheel = inspect_wheel.inspect_sdist = hostile
{control}
sys.exit(inspect_wheel.main([{archive!r}]))
"""
ATTACKS = {
    "file": "open({victim!r}, 'w').write('gone')",
    "program": "__import__('os').system('echo gone > {victim}')",
    "module": "__import__('pathlib').Path({victim!r}).write_text('gone')",
}


@pytest.mark.kernel
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_parser_that_was_taken_over_can_do_nothing(attack: str, tmp_path: Path) -> None:
    """The parser is replaced by the attack: it works when called, and not when the example calls it."""
    victim = tmp_path / "victim"
    archive = write_wheel(tmp_path / "x.whl")
    program = {
        "examples": str(ROOT / "examples"),
        "attack": ATTACKS[attack].format(victim=str(victim)),
        "archive": str(archive),
    }
    for control, expected in (("hostile(b'')", "gone"), ("", "kept")):
        victim.write_text("kept")
        text = HOSTILE.format(**program, control=f"{control}; sys.exit()" if control else "")
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60)
        assert victim.read_text().strip() == expected
        assert done.returncode == (0 if control else 1), done.stderr
    # os.system() only returns a number; the others say what was refused and that it was no fault of the archive.
    assert attack == "program" or "needs WriteFile" in done.stderr


@pytest.mark.kernel
def test_a_parser_that_is_sent_in_circles_is_ended(tmp_path: Path) -> None:
    program = {
        "examples": str(ROOT / "examples"),
        "attack": "while True: pass",
        "archive": str(write_wheel(tmp_path / "x.whl")),
        "control": "inspect_wheel.PARSING_TIME = 1.0",
    }
    command = [sys.executable, "-c", HOSTILE.format(**program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"x\.whl: .*cpu_time", done.stderr)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.kernel
def test_both_refusals_are_shown() -> None:
    done = example("two_refusals.py")
    assert done.returncode == 0, done.stdout + done.stderr
    checker, kernel = done.stdout.split("The checker refuses")[1].split("The kernel refuses")
    assert re.search(r"count\.py:7: error: .*WriteFile.*\[capsafe-ambient\]", checker)
    assert "needs WriteFile" in kernel
    assert "Sandbox[ReadFile | WriteFile]" in kernel


@pytest.mark.checkers
def test_the_examples_pass_mypy_strict_with_the_plugin(tmp_path: Path) -> None:
    """As a user checks them: no configuration but the plugin line."""
    configuration = tmp_path / "mypy.ini"
    configuration.write_text("[mypy]\nplugins = capsafe_mypy\nstrict = True\n")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(configuration),
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    done = subprocess.run([*command, *map(str, EXAMPLES)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"no issues found in {len(EXAMPLES)} source files" in done.stdout


@pytest.mark.checkers
def test_the_checker_would_see_a_parser_that_opens_files(tmp_path: Path) -> None:
    """The other half: the same example with a parser that does what it must not."""
    text = (ROOT / "examples/inspect_wheel.py").read_text()
    worse = text.replace("infos = archive.infolist()", "infos = archive.infolist()\n        open('/etc/passwd')")
    assert worse != text
    (tmp_path / "worse.py").write_text(worse)
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = capsafe_mypy\nstrict = True\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "worse.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert re.search(r"worse\.py:\d+: error: .*\[capsafe-ambient\]", done.stdout), done.stdout + done.stderr
