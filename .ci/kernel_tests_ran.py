"""A pytest plugin: fail the run when every test of the kernel was skipped.

Tests marked ``kernel`` skip where the kernel can't enforce what they test. If all of them do, a green run says
nothing about the sandbox, so it must not be green. Loaded by ``.ci/run`` with ``-p kernel_tests_ran``.
"""

import pytest


class KernelTests:
    """Counts the tests marked ``kernel`` that ran, and those that skipped."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        if "kernel" not in report.keywords:
            return
        if report.skipped:
            self.skipped.add(report.nodeid)
        elif report.when == "call":
            self.ran.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a run without a kernel test into a failure, and say so."""
        if not self.ran and not session.config.option.collectonly:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was counted."""
        line = f"kernel tests: {len(self.ran)} ran, {len(self.skipped)} skipped"
        if self.ran:
            terminalreporter.write_line(line)
        else:
            terminalreporter.write_line(f"{line}: nothing was tested against a kernel, so this run fails", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the counter."""
    config.pluginmanager.register(KernelTests(), "kernel-tests-counter")
