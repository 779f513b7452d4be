"""Engines run plans. The port is in ``port``, the engine for one process in ``local``, the verbs in ``kickoff``."""
