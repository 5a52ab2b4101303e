"""Imports late."""


def later(path: str) -> int:
    from os import stat

    return stat(path).st_size


def later_clean(text: str) -> str:
    import json

    return json.dumps(text)
