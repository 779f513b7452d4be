"""The file that a task's answer is written to: always under one root, checked before anything is paid.

What a name may become is known only when its placeholders are filled, and what fills them may come from anywhere.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from crewgraph.errors import OutputFileError
from crewgraph.errors.root import shortened
from crewgraph.outputs import TaskOutput
from crewgraph.threads import called

__all__ = ["VARIABLE", "OutputFile", "keep_apart", "output_file", "root_of"]

VARIABLE = "CREWGRAPH_OUTPUT_ROOT"
"""The environment variable that names the output root where the crew does not."""

MAX_NAME = 255
"""Bytes of one name in a path."""
MAX_PATH = 1024
"""Bytes of a whole path."""
MAX_SHOWN = 200
"""Characters of a name that an error repeats."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ABSOLUTE = re.compile(r"/|~/|[A-Za-z]:/")
_FORBIDDEN = re.compile(r'[<>:"|?*\\]|[ .](?=/|$)' if os.name == "nt" else r"\\")
"""What a name cannot hold here; a backslash parts folders on one system and not on another, so it is none anywhere."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A checked place for an answer.

    Attributes:
        task: whose it is, in words.
        root: the folder that it lies under.
        name: the path below the root, as it was rendered.
        may_make_folder: whether missing folders are made.
    """

    task: str
    root: Path
    name: str
    may_make_folder: bool

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.root / self.name

    async def write(self, output: TaskOutput) -> TaskOutput:
        """Write an answer, whole or not at all, and note where on a copy of it.

        Raises:
            OutputFileError: it cannot be written; what was there before is still there.
        """
        path = await called(self._replace, _content(output))
        return output.model_copy(update={"output_file": path})

    def check(self) -> None:
        """Refuse a place that leads out of the root or cannot be a file.

        Raises:
            OutputFileError: it does; the message says why.
        """
        for reason in _wrong_name(self.name):
            raise self.refusal(reason)
        try:
            self._check_folders()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a root that is no path
            raise self.refusal(str(error)) from error

    def refusal(self, reason: str) -> OutputFileError:
        """The error that says why an answer cannot be written here."""
        shown = shortened(self.name, MAX_SHOWN)
        return OutputFileError(f"{self.task}: output_file {shown!r} under {str(self.root)!r}: {reason}")

    def _check_folders(self) -> None:
        path = self.path
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise self.refusal("a symbolic link leads out of the output root")
        if path.is_dir():
            raise self.refusal("there is a folder of that name")
        folder = next(each for each in path.parents if os.path.lexists(each))
        if not folder.is_dir():
            raise self.refusal(f"{str(folder)!r} is no folder")
        if folder != path.parent and not self.may_make_folder:
            raise self.refusal(f"there is no folder {str(path.parent)!r}. hint: make it, or set create_directory=True")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise self.refusal(f"the folder {str(folder)!r} cannot be written to")

    def _replace(self, content: str) -> Path:
        """Write to a file beside it and rename that; a reader sees the old answer or the new one, never a part."""
        self.check()  # again: much may have happened since
        path = self.path.resolve()
        draft = path.with_name(f".{secrets.token_hex(8)}")
        try:
            if self.may_make_folder:
                path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("x", encoding="utf-8", errors="replace", newline="") as file:
                    file.write(content)
                draft.replace(path)
            except BaseException:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self.refusal(str(error)) from error
        return path


def root_of(declared: str | os.PathLike[str] | None) -> Path:
    """The output root: the crew's, else the environment's, else the current folder."""
    return Path(declared or os.environ.get(VARIABLE, "").strip() or Path.cwd()).absolute()


def output_file(task: str, name: str, *, root: Path, may_make_folder: bool) -> OutputFile:
    """A checked place for the answer of a task.

    Raises:
        OutputFileError: it leads out of the root or cannot be a file.
    """
    file = OutputFile(task, root, name, may_make_folder)
    file.check()
    return file


def keep_apart(files: Iterable[tuple[OutputFile, str]]) -> None:
    """Refuse two answers for one file, the later of which would be all that is left.

    Args:
        files: each with the words for whose it is, such as "input 3".

    Raises:
        OutputFileError: two files are one.
    """
    owners = dict[str, str]()
    for file, owner in files:
        place = os.path.normcase(file.path.resolve())
        if place in owners:
            raise file.refusal(
                f"{owners[place]} and {owner} would both be written to it. hint: tell them apart by a {{placeholder}}"
            )
        owners[place] = owner


def _wrong_name(name: str) -> Iterator[str]:
    """Why a rendered name cannot be a path below a folder."""
    parts = name.split("/")
    if not name.strip():
        yield "it is empty"
    elif _CONTROL.search(name):
        yield "it holds a control character"
    elif _ABSOLUTE.match(name):
        yield "it is absolute. hint: Crew(output_root=…) says under which folder, output_file the path below it"
    elif found := _FORBIDDEN.search(name):
        yield f"it holds {found.group()!r}, which a name cannot hold; '/' parts folders"
    elif ".." in parts:
        yield "it holds '..', which leads out of its folder"
    elif len(_bytes(name)) > MAX_PATH or any(len(_bytes(part)) > MAX_NAME for part in parts):
        yield f"it is too long; a name has at most {MAX_NAME} bytes, the whole path {MAX_PATH}"
    else:
        yield from (reason for part in parts for reason in _wrong_part(part))


def _wrong_part(part: str) -> Iterator[str]:
    if part.strip() in {"", "."}:
        yield "a part of it is empty; it must end in the name of a file"
    elif _DEVICE.fullmatch(part.partition(".")[0].rstrip()):
        yield f"{part!r} is the name of a device"


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def _content(output: TaskOutput) -> str:
    """JSON where the answer is a structure, else its text."""
    if isinstance(output.pydantic, BaseModel):
        return output.pydantic.model_dump_json(indent=2) + "\n"
    if output.json_dict is not None:
        return json.dumps(output.json_dict, ensure_ascii=False, indent=2, default=str) + "\n"
    return output.raw
