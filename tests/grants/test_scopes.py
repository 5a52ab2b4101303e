"""Paths are covered by component, never by letters."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsafe.scopes import covers_path


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [
        ("/data", "/data", True),
        ("/data", "/data/x", True),
        ("/data", "/data/", True),
        ("/data", "/database", False),
        ("/data", "/dat", False),
        ("/data", "/data/../database", False),
        ("/data", "/x/../data/y", True),
        ("/data", "//data", True),
        ("/", "/anything", True),
        ("/", "/", True),
        ("/data/x", "/data", False),
    ],
)
def test_covering(scope: str, path: str, *, expected: bool) -> None:
    assert covers_path(scope, path) is expected


segments = st.lists(st.sampled_from(["a", "ab", "b", "..", ".", ""]), max_size=6)


@given(segments, segments)
def test_a_scope_covers_what_lies_below(scope: list[str], below: list[str]) -> None:
    """Compared with the components themselves, which is another way to say it."""
    root = "/" + posixpath.normpath("/" + "/".join(scope)).lstrip("/")
    path = "/" + "/".join(below)
    parts = [part for part in posixpath.normpath(path).split("/") if part]
    wanted = [part for part in root.split("/") if part]
    assert covers_path(root, path) is (parts[: len(wanted)] == wanted)
