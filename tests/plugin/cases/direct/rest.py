"""Environment, clock, chance, standard streams, logging, databases, packages of others."""

import datetime
import getpass
import logging
import os
import platform
import pickle
import random
import secrets
import sqlite3
import sys
import time
import uuid
from typing import Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
logger = logging.getLogger(__name__)


def connect_sqlite() -> None:
    def closure(broker: Broker[Never]) -> None:
        sqlite3.connect("notes.db").close()  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def environ() -> None:
    SANDBOX.execute(lambda broker: os.environ["HOME"])  # E: [capsafe-ambient] Environ


def environ_get() -> None:
    SANDBOX.execute(lambda broker: os.environ.get("HOME", ""))  # E: [capsafe-ambient] Environ


def getenv() -> None:
    SANDBOX.execute(lambda broker: os.getenv("HOME"))  # E: [capsafe-ambient] Environ


def the_time() -> None:
    SANDBOX.execute(lambda broker: time.time())  # E: [capsafe-ambient] Clock


def now() -> None:
    SANDBOX.execute(lambda broker: datetime.datetime.now().isoformat())  # E: [capsafe-ambient] Clock


def today() -> None:
    SANDBOX.execute(lambda broker: datetime.date.today().isoformat())  # E: [capsafe-ambient] Clock


def sleep() -> None:
    SANDBOX.execute(lambda broker: time.sleep(1))  # E: [capsafe-ambient] Clock


def chance() -> None:
    SANDBOX.execute(lambda broker: random.random())  # E: [capsafe-ambient] Random


def chance_integer() -> None:
    SANDBOX.execute(lambda broker: random.randint(1, 6))  # E: [capsafe-ambient] Random


def fresh_uuid() -> None:
    SANDBOX.execute(lambda broker: uuid.uuid4().hex)  # E: [capsafe-ambient] Random


def token() -> None:
    SANDBOX.execute(lambda broker: secrets.token_hex())  # E: [capsafe-ambient] Random


def prints() -> None:
    SANDBOX.execute(lambda broker: print("hello"))  # E: [capsafe-ambient] Stdout


def asks() -> None:
    SANDBOX.execute(lambda broker: input("name? "))  # E: [capsafe-ambient] Stdin


def stdout_write() -> None:
    SANDBOX.execute(lambda broker: sys.stdout.write("hello"))  # E: [capsafe-ambient] Stdout


def stdin_read() -> None:
    SANDBOX.execute(lambda broker: sys.stdin.readline())  # E: [capsafe-ambient] Stdin


def logs() -> None:
    SANDBOX.execute(lambda broker: logger.warning("hello"))  # E: [capsafe-ambient]


def logs_to_a_file() -> None:
    def closure(broker: Broker[Never]) -> str:
        return logging.FileHandler("notes.log").baseFilename  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)




def unpickle() -> None:
    def closure(broker: Broker[Never]) -> None:
        pickle.loads(b"N.")  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def host_name() -> None:
    SANDBOX.execute(lambda broker: platform.node())  # E: [capsafe-ambient] SystemInfo


def user_name() -> None:
    SANDBOX.execute(lambda broker: getpass.getuser())  # E: [capsafe-ambient]
