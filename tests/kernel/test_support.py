"""What this system can enforce, and the errors where it can't: no part is ever left out in silence."""

import os
import platform
import subprocess
import sys
import textwrap
from typing import Literal, Never

import pytest

from capsafe import capabilities as caps
from capsafe.errors import UnsupportedError
from capsafe.grants import read_grant
from capsafe.kernel import landlock, prepare, probe, restrict, seccomp, support
from capsafe.policy import compile_policy

pytestmark = pytest.mark.kernel


def test_the_probe_says_what_the_system_says() -> None:
    found = probe()
    assert found.kernel == platform.release()
    assert found.machine == platform.machine()
    assert found.seccomp is True
    assert found.landlock_abi >= 1
    assert found.libseccomp is not None
    assert found.libseccomp.count(".") == 2
    assert probe() is found


def test_no_libseccomp_is_said_with_the_way_out() -> None:
    """Its package raises RuntimeError as it is imported where the library can't be found."""
    program = textwrap.dedent(
        """
        import ctypes.util
        find = ctypes.util.find_library
        ctypes.util.find_library = lambda name: None if name == "seccomp" else find(name)
        from typing import Never
        from capsafe.errors import UnsupportedError
        from capsafe.grants import read_grant
        from capsafe.kernel import prepare, probe
        from capsafe.policy import compile_policy
        assert probe().libseccomp is None
        try:
            prepare(compile_policy(read_grant(Never)))
        except UnsupportedError as error:
            assert "apt install libseccomp2" in str(error), error
        else:
            raise SystemExit("it was not noticed")
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["pyseccomp", "landlockpy"])
def test_a_missing_package_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    load = support.load_pyseccomp if name == "pyseccomp" else support.load_landlock
    with pytest.raises(UnsupportedError, match=f"pip install {name}"):
        load()


def test_another_landlockpy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is used of it is not all public."""
    calls = support.load_landlock_calls()
    monkeypatch.delattr(calls, "restrict_self")
    with pytest.raises(UnsupportedError, match="has no restrict_self"):
        prepare(compile_policy(read_grant(Never)))


@pytest.mark.parametrize(
    ("what", "abi", "needed"),
    [
        (caps.ReadFile, 0, "needs Landlock 1 .*has none"),
        (caps.WriteFile, 2, "needs Landlock 3 .*has 2"),
        (caps.Connect, 3, "needs Landlock 4"),
        (caps.Signal, 5, "needs Landlock 6"),
        (caps.Spawn, 0, "needs Landlock 1"),
    ],
)
def test_an_old_landlock_is_an_error(what: type[caps.Capability], abi: int, needed: str) -> None:
    with pytest.raises(UnsupportedError, match=needed):
        landlock.prepare_ruleset(compile_policy(read_grant(what)), abi)


def test_pure_computation_needs_no_landlock() -> None:
    """No call that a ruleset would refuse is allowed, so the filter alone is exact."""
    for what in (Never, caps.Stdout, caps.Threads, caps.Environ, caps.StatFile):
        assert landlock.prepare_ruleset(compile_policy(read_grant(what)), 0) is None


@pytest.mark.parametrize("abi", range(1, 8))
def test_rights_that_the_kernel_does_not_know_are_not_asked_for(abi: int) -> None:
    ruleset = landlock.prepare_ruleset(compile_policy(read_grant(caps.ReadFile[Literal["/etc"]])), abi)
    assert ruleset is not None
    known = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF, 6: 0xFFFF, 7: 0xFFFF}
    assert ruleset.handled_fs == known[abi]
    assert ruleset.handled_net == (3 if abi >= 4 else 0)
    assert ruleset.scoped == (3 if abi >= 6 else 0)


def test_no_seccomp_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    without = support.Support("1", probe().machine, 7, "2.5.4", seccomp=False, user_namespaces=True)
    monkeypatch.setattr(restrict, "probe", lambda: without)
    with pytest.raises(UnsupportedError, match="takes no seccomp filters"):
        prepare(compile_policy(read_grant(Never)))


@pytest.mark.parametrize(
    ("machine", "platform_", "reason"), [("riscv64", "linux", "x86_64 and aarch64"), ("x86_64", "darwin", "Linux only")]
)
def test_other_systems_are_an_error(machine: str, platform_: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", platform_)
    with pytest.raises(UnsupportedError, match=reason):
        prepare(compile_policy(read_grant(Never)))


def test_a_library_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it is too old for something: what it can't compile is not left out."""
    pyseccomp = support.load_pyseccomp()

    def refuse(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(pyseccomp.SyscallFilter, "add_rule", refuse)
    with pytest.raises(UnsupportedError, match="refused to compile"):
        seccomp._compile_allowed.__wrapped__(compile_policy(read_grant(Never)).rules, probe().machine)


def test_nothing_is_searched_for_after_the_fork() -> None:
    """The child opens only the paths of its rules: an import there could fail, or take a lock."""
    prepared = prepare(compile_policy(read_grant(caps.ReadFile[Literal["/etc"]])))
    before = set(sys.modules)
    opened: list[str] = []
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event in {"open", "import"} else None)
            os.dup2(writer, 3)
            prepared.restrict()
            assert opened == ["/etc"], opened
            assert set(sys.modules) == before
            status = 0
        except AssertionError as error:
            os.write(3, str(error).encode())
        finally:
            os._exit(status)
    os.close(writer)
    said = os.read(reader, 4096)
    os.close(reader)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
