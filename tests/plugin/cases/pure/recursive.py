"""Types that are made of themselves: looking into them must end."""

from typing import Never, TypeAlias, Union

from capsafe import Sandbox

Json: TypeAlias = Union[dict[str, "Json"], list["Json"], str, int, None]

SANDBOX = Sandbox[Never]()


def depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max([0, *(depth(item) for item in value.values())])
    if isinstance(value, list):
        return 1 + max([0, *(depth(item) for item in value)])
    return 0


def nested(value: Json) -> Json:
    return [value, {"a": value}]


def recursive_type() -> None:
    SANDBOX.execute(lambda broker: depth(nested([1, {"a": [2]}])))
