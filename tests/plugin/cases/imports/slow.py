"""Not pure."""


def read(path: str) -> str:
    return open(path).read()
