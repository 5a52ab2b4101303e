"""Fuzz what happens to the bytes of a child, guided by coverage (atheris, which is libFuzzer).

    python tests/fuzz/fuzz.py [SECONDS] [--keep]

Each target of ``targets.py`` gets half of the time, from the kept corpus on and with the same seed each time. Exit code
1 where a law was broken; the input is then printed, and kept as a file beside the corpus, for ``test_corpus.py``.
``--keep``: what reached a step in the code that nothing kept does is added to the corpus.
"""

import argparse
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from types import FrameType

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SECONDS = 24
#: Most bytes of an input; of memory, in MB; and seconds for one input.
LONGEST, MEMORY, SLOWEST = 4096, 1024, 20


def fuzz_target(name: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["capsafe.worker"], enable_loader_override=False):
        from tests.fuzz import targets
    target = targets.TARGETS[name]
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


def run_target(name: str, seconds: int, *, keep: bool) -> bool:
    """Fuzz one target in a process of its own; return whether every law held."""
    corpus = FOLDER / "corpus" / name
    with tempfile.TemporaryDirectory() as found:
        options = [
            found,
            str(corpus),
            f"-max_total_time={seconds}",
            "-seed=1",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST}",
            f"-rss_limit_mb={MEMORY}",
            f"-artifact_prefix={corpus}/",
            "-verbosity=1",
            "-print_final_stats=1",
        ]
        done = subprocess.run([sys.executable, __file__, "--target", name, *options], check=False, cwd=ROOT)
        if keep and done.returncode == 0:
            keep_new(name, corpus, Path(found))
    return done.returncode == 0


def keep_new(name: str, corpus: Path, found: Path) -> None:
    """Add the inputs that reach steps from line to line that no kept one does, shortest first."""
    reached: set[object] = set()
    for file in sorted(corpus.iterdir()):
        reached |= steps_of(name, file.read_bytes())
    for data in sorted((file.read_bytes() for file in found.iterdir()), key=len):
        steps = steps_of(name, data)
        if steps - reached:
            reached |= steps
            (corpus / f"found-{sha256(data).hexdigest()[:12]}").write_bytes(data)


def steps_of(name: str, data: bytes) -> set[object]:
    """Return the steps from line to line that an input makes in the worker's code."""
    from tests.fuzz import targets

    steps: set[object] = set()
    last: dict[object, int] = {}

    def trace(frame: FrameType, event: str, _: object) -> object:
        if "capsafe/worker" not in frame.f_code.co_filename:
            return None
        if event == "line":
            steps.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]  # typeshed wants its own name for it
    try:
        targets.TARGETS[name](data)
    finally:
        sys.settrace(None)
    return steps


def main(arguments: list[str]) -> int:
    """Fuzz every target."""
    if arguments[:1] == ["--target"]:
        fuzz_target(arguments[1], arguments[2:])
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=int, default=SECONDS)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args(arguments)
    names = sorted(folder.name for folder in (FOLDER / "corpus").iterdir())
    held = [run_target(name, given.seconds // len(names), keep=given.keep) for name in names]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
