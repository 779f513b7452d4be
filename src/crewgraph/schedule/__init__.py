"""What runs at which time: schedules that stand in a store, and the process that serves them."""

from __future__ import annotations

from crewgraph.schedule.cron import Cron
from crewgraph.schedule.record import CatchUp, Schedule
from crewgraph.schedule.schedules import Schedules
from crewgraph.schedule.tick import Loading, Tick

__all__ = ["CatchUp", "Cron", "Loading", "Schedule", "Schedules", "Tick"]
