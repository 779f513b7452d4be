from __future__ import annotations

import io
import json

import anyio
import pytest

from crewgraph.cli.rows import Unreadable, one_row, read_file, read_stream
from crewgraph.cli.trouble import Mistake


def streamed(data, **options):
    async def collect():
        inputs = read_stream(io.BytesIO(data), "input", **options)
        return [row async for row in inputs.rows], inputs.unreadable

    return anyio.run(collect)


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("x.jsonl", b'{"a": 1}\n\n  {"a": "\xc3\xa4"}\r\n', [{"a": 1}, {"a": "ä"}]),
        ("x.NDJSON", b'\xef\xbb\xbf{"a": 1}', [{"a": 1}]),
        ("x.jsonl", '{"a": "x\u2028y"}\n'.encode(), [{"a": "x\u2028y"}]),
        ("x.json", b'[{"a": 1},\n {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("x.json", b'\xef\xbb\xbf{"a":\n 1}', [{"a": 1}]),
        ("x.csv", b'\xef\xbb\xbfa,b\r\n1,\r\n\r\n"x,\ny",2\r\n', [{"a": "1", "b": ""}, {"a": "x,\ny", "b": "2"}]),
        ("x.csv", b"a;b\n1,5;2\n", [{"a": "1,5", "b": "2"}]),
        ("x.csv", b"a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("x.csv", b"only\nx\n", [{"only": "x"}]),
        ("x.csv", b"a\n" + b"x" * 200_000 + b"\n", [{"a": "x" * 200_000}]),
    ],
    ids=["lines", "mark", "separator-in-text", "list", "object", "csv", "semicolon", "tab", "column", "long-field"],
)
def test_files_are_read(write, name, data, rows):
    """Every format, byte order marks and blank lines included; empty values of a CSV are empty texts."""
    inputs = read_file(write(name, data))
    assert inputs.total == len(rows)
    assert list(inputs.rows) == rows


def test_extra_values_win_and_the_limit_holds(write):
    """What the command line gives is in every row."""
    inputs = read_file(write("x.jsonl", b'{"a": 1, "b": 1}\n{"a": 2}\nbroken\n'), limit=2, extra={"b": 9})
    assert list(inputs.rows) == [{"a": 1, "b": 9}, {"a": 2, "b": 9}]


def test_a_file_is_not_kept_in_memory(write):
    """The rows are read again while they run."""
    path = write("x.jsonl", b'{"a": 1}\n{"a": 2}\n')
    rows = iter(read_file(path).rows)
    assert next(rows) == {"a": 1}
    assert next(rows) == {"a": 2}
    assert next(rows, None) is None


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.jsonl", b'{"a": 1}\n{"a"\n', "x.jsonl, line 2: not JSON: Expecting ':' delimiter (column 5)"),
        ("x.jsonl", b"[1]\n", "line 1: a list, where an object"),
        ("x.jsonl", b'"x"\n', "line 1: a text, where"),
        ("x.jsonl", b"null\n", "line 1: null, where"),
        ("x.jsonl", b"true\n", "line 1: true or false, where"),
        ("x.jsonl", b"1\n", "line 1: a number, where"),
        ("x.jsonl", b'{"a": "\xff"}\n', "line 1: byte 8 is not UTF-8"),
        ("x.jsonl", b"[" * 100_000 + b"\n", "line 1: not JSON: nested too deep"),
        ("x.jsonl", b"x\n" * 7, "… and 2 more"),
        ("x.jsonl", b"\n", "holds no rows"),
        ("x.json", b'{"a": 1,\n x}', "not JSON: Expecting property name enclosed in double quotes (line 2, column 2)"),
        ("x.json", b'[{"a": 1}, 2]', "x.json, item 2: a number, where"),
        ("x.json", b"3", "x.json: a number, where"),
        ("x.csv", b"a,b\n1\n1,2,3\n", "line 2: 1 values where the header has 2\n"),
        ("x.csv", b"a,,c\n1,2,3\n", "line 1: column 2 has no name"),
        ("x.csv", b"a,b,a\n1,2,3\n", "line 1: two columns are called 'a'"),
        ("x.csv", b"\n1\n", "line 1: the first line names the columns, and there is none"),
        ("x.csv", b"", "line 1: the first line names the columns, and there is none"),
        ("x.csv", b'a\n"open\n', "x.csv: unexpected end of data"),
        ("x.csv", b"a\nx\n\xff\n", "line 3, byte 1 is not UTF-8"),
        ("x.txt", b"a", "is none of .jsonl, .ndjson, .json, .csv"),
        ("x", b"a", "is none of"),
    ],
)
def test_a_file_with_a_bad_row_is_refused(write, name, data, told):
    """Before anything runs, with the place and the reason."""
    path = write(name, data)
    with pytest.raises(Mistake) as caught:
        read_file(path)
    assert told in caught.value.message


def test_a_file_that_cannot_be_opened_is_refused(folder):
    """As where it vanished."""
    with pytest.raises(Mistake, match="cannot be read: No such file"):
        read_file(folder / "x.jsonl")


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b'{"a": 1}\n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        (b'\n\n{"a": 1}\n', [{"a": 1}]),
        (b'[{"a": 1},\n{"a": 2}]\n', [{"a": 1}, {"a": 2}]),
        (b'{\n  "a": 1\n}\n', [{"a": 1}]),
        (b"", []),
        (b"\n\n", []),
    ],
    ids=["lines", "blank-first", "list", "object", "nothing", "blank"],
)
def test_a_stream_is_json_lines_or_one_document(data, rows):
    """The first line decides."""
    assert streamed(data) == (rows, {})


def test_a_bad_line_of_a_stream_does_not_stop_the_others():
    """It is noted under the number of its input."""
    rows, unreadable = streamed(b'{"a": 1}\noops\n{"a": 3}\n', extra={"b": 2})
    assert rows[0] == {"a": 1, "b": 2}
    assert isinstance(rows[1], Unreadable)
    assert rows[2] == {"a": 3, "b": 2}
    assert unreadable == {1: "input, line 2: not JSON: Expecting value (column 1)"}


def test_a_stream_may_begin_with_a_bad_line():
    """Where all of it is no document, its lines are read one by one."""
    rows, unreadable = streamed(b'\noops\n\n{"a": 2}\n')
    assert rows[1:] == [{"a": 2}]
    assert list(unreadable.values()) == ["input, line 2: not JSON: Expecting value (column 1)"]


def test_a_broken_list_is_one_bad_row():
    """There are no lines to go on with."""
    rows, unreadable = streamed(b'[{"a": 1},\n{"a"\n')
    assert len(rows) == len(unreadable) == 1


def test_a_stream_is_read_no_further_than_its_limit():
    """Whoever writes into it may go on for ever."""

    class Endless(io.RawIOBase):
        lines = 0

        def readline(self, size=-1, /):
            self.lines += 1
            return json.dumps({"a": self.lines}).encode() + b"\n"

    async def collect():
        stream = Endless()
        rows = [row async for row in read_stream(stream, "input", limit=3).rows]
        return rows, stream.lines

    assert anyio.run(collect) == ([{"a": 1}, {"a": 2}, {"a": 3}], 3)


def test_one_row_is_what_the_command_line_gives():
    """Without a file there is one input."""
    assert one_row({"a": 1}).rows == [{"a": 1}]
