from __future__ import annotations


def keys_of(f):
    return None


def as_condition(f):
    return None


def identity(f):
    return getattr(f, "__code__", f)
