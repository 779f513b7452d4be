"""What the tasks inside of one node gave before, and what they give now: a crew that was cut off goes on with its next task."""

from __future__ import annotations

from collections.abc import Sequence

from crewgraph.definition import digest_of
from crewgraph.node import Interface
from crewgraph.outputs import TaskOutput
from crewgraph.scope import KeptTask
from crewgraph.store.codec import NotPlain, decoded_task, encoded_task, read_spent, written_spent
from crewgraph.store.entries import Spent
from crewgraph.store.pages import Pages
from crewgraph.usage import Account

__all__ = ["FileTasks"]

UNKEPT = "cannot keep its task {}, so that it and those after it are done again when this is resumed"


class FileTasks:
    """The log of the tasks of one node.

    The fingerprint of a task is made of that of its node, of what it is told, and of what the tasks before it gave. Where
    one of them is not kept, nobody knows whether it would give the same again: what follows is neither kept nor read.

    Args:
        pages: what it is written to.
        node: the name of the node.
        key: its fingerprint.
        face: what it says of itself.
    """

    __slots__ = ("_face", "_key", "_keys", "_node", "_pages", "_results")

    def __init__(self, pages: Pages, node: str, key: str, face: Interface) -> None:
        self._pages = pages
        self._node = node
        self._key = key
        self._face = face
        self._keys = dict[int, str]()
        self._results = dict[int, str]()

    def recall(self, task: int, said: str, before: Sequence[int]) -> KeptTask | None:
        """What a task gave before; ``None`` where it has to be done."""
        if any(each not in self._results for each in before):
            return None
        key = self._keys[task] = digest_of(self._key, str(task), *(self._results[each] for each in before), said)
        line = self._pages.before.known.get((self._node, key))
        if line is None or line.output is None:
            return None
        try:
            output = decoded_task(line.output, self._face)
        except (ValueError, TypeError, LookupError) as error:
            told = f"what is kept of it does not fit any more: {error}"
            self._pages.complain(self._node, told, f"does its task {task + 1} again")
            return None
        spent = Spent() if line.spent is None else read_spent(line.spent)
        self._results[task] = digest_of(key, line.output)
        return KeptTask(output, spent.usage, spent.calls)

    async def gave(self, task: int, output: TaskOutput, account: Account, *, started: float, ended: float) -> None:
        """Keep what a task gave; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        key = self._keys.get(task)
        if key is None:
            return
        spent = written_spent(account.usage, account.calls)
        try:
            text = encoded_task(output, self._face)
        except NotPlain as error:
            self._pages.complain(self._node, str(error), UNKEPT.format(task + 1))
            self._pages.line(self._node, "not kept", key, started, ended, item=task + 1, spent=spent, error=str(error))
            return
        self._pages.line(self._node, "ok", key, started, ended, item=task + 1, output=text, spent=spent)
        self._results[task] = digest_of(key, text)
        await self._pages.durable()
