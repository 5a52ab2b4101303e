"""Pure."""


def read(path: str) -> str:
    return path
