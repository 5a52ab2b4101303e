"""The same mistake, refused twice: by the checker before it runs, and by the kernel when it runs all the same.

    python examples/two_refusals.py

``count_words`` does what its sandbox grants. ``count_and_keep`` also writes a cache, which nobody granted: mypy says
so at once. The comment on its line tells mypy to be silent, as somebody in a hurry would; the kernel does not read
comments.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from capsafe import Broker, CapabilityError, ReadFile, Sandbox, UnsupportedError


def count_words(broker: Broker[ReadFile], path: str) -> int:
    """Do what is granted: read a file, through the broker."""
    return len(broker.read_text(path).split())


def count_and_keep(broker: Broker[ReadFile], path: str) -> int:
    """Do what is not granted: the cache is written past the broker, and ReadFile would not allow it anyway."""
    words = len(broker.read_text(path).split())
    Path(path).with_suffix(".count").write_text(str(words))  # type: ignore[capsafe-ambient]
    return words


#: The same, as mypy sees it without the comment.
UNSILENCED = """
from pathlib import Path
from capsafe import Broker, ReadFile, Sandbox

def count_and_keep(broker: Broker[ReadFile], path: str) -> int:
    words = len(broker.read_text(path).split())
    Path(path).with_suffix(".count").write_text(str(words))
    return words

Sandbox[ReadFile]().execute(count_and_keep, "essay.txt")
"""


def ask_mypy(folder: Path) -> str:
    """Return what mypy prints for the program above, with the one plugin line for its configuration."""
    from mypy import api  # noqa: PLC0415 - takes a second to load, and the kernel's half does without it

    (folder / "mypy.ini").write_text("[mypy]\nplugins = capsafe_mypy\n")
    (folder / "count.py").write_text(UNSILENCED)
    configuration = ["--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder / "cache")]
    printed, errors, _ = api.run([*configuration, str(folder / "count.py")])
    return (printed + errors).replace(f"{folder}/", "")


def main() -> int:
    """Print both refusals; 0 when both came, 1 when one did not, or when this system can't enforce the grant."""
    sandbox = Sandbox[ReadFile](timeout=30)
    with TemporaryDirectory() as name:
        folder = Path(name)
        essay = folder / "essay.txt"
        essay.write_text("the type says what the code may do")

        print("What is granted works:")
        try:
            print(f"  {sandbox.execute(count_words, str(essay))} words")
        except UnsupportedError as error:
            print(f"two_refusals.py: {error}", file=sys.stderr)
            return 1

        print("\nThe checker refuses the cache before it runs:")
        said = ask_mypy(folder)
        print("  " + said.strip().replace("\n", "\n  "))

        print("\nThe kernel refuses it when it runs all the same:")
        try:
            sandbox.execute(count_and_keep, str(essay))
        except CapabilityError as error:
            print(f"  {error}")
            return 0 if "[capsafe-ambient]" in said else 1
        print("  it did not", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
