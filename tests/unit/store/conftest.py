"""A store in a folder of its own, and steps that note how often they run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def rows(store: Path) -> Any:
    """What stands in a table of the store."""

    def read(query: str) -> list[Any]:
        connection = sqlite3.connect(store)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    return read
