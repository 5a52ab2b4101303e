"""The network, by socket and what is built on it."""

import http.client
import smtplib
import socket
import urllib.request
from typing import Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


def socket_connect() -> None:
    def closure(broker: Broker[Never]) -> None:
        connection = socket.socket()  # E: [capsafe-ambient]
        connection.connect(("example.com", 80))  # E: [capsafe-ambient] Connect

    SANDBOX.execute(closure)


def create_connection() -> None:
    SANDBOX.execute(lambda broker: socket.create_connection(("example.com", 80)).close())  # E: [capsafe-ambient] Connect


def getaddrinfo() -> None:
    SANDBOX.execute(lambda broker: len(socket.getaddrinfo("example.com", 80)))  # E: [capsafe-ambient] Resolve


def urlopen() -> None:
    def closure(broker: Broker[Never]) -> None:
        urllib.request.urlopen("https://example.com")  # E: [capsafe-ambient] Connect

    SANDBOX.execute(closure)


def http_connection() -> None:
    def closure(broker: Broker[Never]) -> int:
        connection = http.client.HTTPSConnection("example.com")  # E: [capsafe-ambient] ReadFile
        connection.request("GET", "/")  # E: [capsafe-ambient] Connect
        return 1

    SANDBOX.execute(closure)


def mail() -> None:
    def closure(broker: Broker[Never]) -> None:
        smtplib.SMTP("localhost").quit()  # E: [capsafe-ambient] Connect

    SANDBOX.execute(closure)


def gethostname() -> None:
    SANDBOX.execute(lambda broker: socket.gethostname())  # E: [capsafe-ambient] SystemInfo
