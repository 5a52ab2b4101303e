"""Importing this prints, in a class body and through another module."""

from imports import loud_late


class Config:
    print("configured")


VALUE = loud_late.SETTINGS
