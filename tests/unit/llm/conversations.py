"""What tests of models over the network ask, and whoever listens to the pieces of an answer."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import BaseModel

from crewgraph.llm import Message, Request, ToolCall, ToolSpec

LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {"x": {"type": "integer"}}})
ASKED = Message("user", "weather?")
HISTORY = (ASKED, Message("assistant", "", (ToolCall("c1", "look"),)), Message("tool", "rain", call_id="c1"))


class Verdict(BaseModel):
    urgent: bool


class Listener:
    """Notes the pieces, and where they came."""

    def __init__(self) -> None:
        self.pieces = list[str]()
        self.threads = set[int]()

    def __call__(self, text: str) -> None:
        self.pieces.append(text)
        self.threads.add(threading.get_ident())


def asking(on_text: Any, **more: Any) -> Request:
    return Request((Message("user", "hi"),), on_text=on_text, **more)
