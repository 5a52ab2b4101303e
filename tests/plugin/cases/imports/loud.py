"""Importing this opens a file."""

SETTINGS = open("/dev/null").read()


def get() -> str:
    return SETTINGS
