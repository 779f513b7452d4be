"""Runs on many machines: submitted to a database of Postgres, executed by workers, through DBOS."""

from __future__ import annotations
