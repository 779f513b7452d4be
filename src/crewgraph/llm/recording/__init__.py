"""Answers from before: cassettes that record and replay model calls, and a cache of answers."""
