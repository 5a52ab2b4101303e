"""Importing this opens a file; nothing imports it at its top."""

SETTINGS = open("/dev/null").read()
