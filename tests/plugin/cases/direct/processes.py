"""Processes, by subprocess and os."""

import os
import signal
import subprocess
from typing import Never

from capsafe import Sandbox

SANDBOX = Sandbox[Never]()


def subprocess_run() -> None:
    SANDBOX.execute(lambda broker: subprocess.run(["ls"]).returncode)  # E: [capsafe-ambient] Spawn


def subprocess_check_output() -> None:
    SANDBOX.execute(lambda broker: subprocess.check_output(["ls"]))  # E: [capsafe-ambient] Spawn


def popen() -> None:
    SANDBOX.execute(lambda broker: subprocess.Popen(["ls"]).wait())  # E: [capsafe-ambient] Spawn


def os_system() -> None:
    SANDBOX.execute(lambda broker: os.system("ls"))  # E: [capsafe-ambient] Spawn


def os_fork() -> None:
    SANDBOX.execute(lambda broker: os.fork())  # E: [capsafe-ambient]


def os_kill() -> None:
    SANDBOX.execute(lambda broker: os.kill(1, signal.SIGTERM))  # E: [capsafe-ambient] Signal


def os_execv() -> None:
    SANDBOX.execute(lambda broker: os.execv("/bin/ls", ["ls"]))  # E: [capsafe-ambient] Spawn
