"""What ``open`` needs and returns depends on its mode."""

from io import BufferedRandom, BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from typing import IO, Any, assert_type

from capsafe import Broker, FileSystem, ReadFile, WriteFile


def granted(reader: Broker[ReadFile], writer: Broker[WriteFile], two: Broker[ReadFile | WriteFile], mode: str) -> None:
    text: TextIOWrapper = reader.open("a")
    text = reader.open("a", "r", encoding="latin-1")
    text = reader.open("a", "rt")
    text = writer.open("a", "w")
    text = writer.open("a", "a")
    text = writer.open("a", "xt")
    text = two.open("a", "r+")
    text = two.open("a", "w+")
    text = two.open("a", "a+", newline="")
    assert_type(text.read(), str)
    assert_type(reader.open("a", "rb"), BufferedReader)
    assert_type(writer.open("a", "wb"), BufferedWriter)
    assert_type(writer.open("a", "ab"), BufferedWriter)
    assert_type(writer.open("a", "xb"), BufferedWriter)
    assert_type(two.open("a", "r+b"), BufferedRandom)
    assert_type(two.open("a", "wb+"), BufferedRandom)
    assert_type(reader.open("a", "rb", 0), FileIO)
    assert_type(writer.open("a", "wb", 0), FileIO)
    assert_type(two.open("a", "rb+", 0), FileIO)
    assert_type(reader.open("a", "rb", 65536), BufferedReader)
    assert_type(two.open("a", mode), IO[Any])
    with reader.open("a") as lines:
        for line in lines:
            assert_type(line, str)
    with reader.open("a", "rb") as data:
        assert_type(data.read(), bytes)


def refused(reader: Broker[ReadFile], writer: Broker[WriteFile], mode: str) -> None:
    reader.open("a", "w")  # E
    reader.open("a", "a")  # E
    reader.open("a", "x")  # E
    reader.open("a", "r+")  # E
    reader.open("a", "w+")  # E
    reader.open("a", "wb")  # E
    reader.open("a", "rb+")  # E
    reader.open("a", "rb+", 0)  # E
    reader.open("a", mode)  # E
    writer.open("a")  # E
    writer.open("a", "r")  # E
    writer.open("a", "rb")  # E
    writer.open("a", "rb", 0)  # E
    writer.open("a", "r+")  # E
    writer.open("a", "w+b")  # E
    writer.open("a", mode)  # E
    assert_type(reader.open("a", "rb"), TextIOWrapper)  # E


def group(everything: Broker[FileSystem], nothing: Broker) -> None:
    everything.open("a")
    everything.open("a", "w")
    everything.open("a", "r+")
    nothing.open("a")  # E
    nothing.open("a", "w")  # E
