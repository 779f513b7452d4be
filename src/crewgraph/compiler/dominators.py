"""The last node that every way to a place leads through: what stands before it is common to all branches that meet there."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["dominators_of"]


def dominators_of(sources: Sequence[Sequence[int]]) -> Sequence[int]:
    """The immediate dominator of each node; -1 where there is no node that every way leads through.

    Each node keeps its dominator and one further up, by which any two find the last one that they have in common in a
    logarithm of steps: the *jump pointers* of Myers.

    Args:
        sources: the predecessors of each node, all of which stand before it.
    """
    up, jump, depth = [0], [0], [0]  # of each node, with one in front of all

    def common(one: int, other: int) -> int:
        if depth[one] < depth[other]:
            one, other = other, one
        while depth[one] > depth[other]:
            one = jump[one] if depth[jump[one]] >= depth[other] else up[one]
        while one != other:
            far = jump if jump[one] != jump[other] else up
            one, other = far[one], far[other]
        return one

    for before in sources:
        dominator = before[0] + 1 if before else 0
        for source in before[1:]:
            dominator = common(dominator, source + 1)
        near, far = depth[dominator], jump[dominator]
        is_even = near - depth[far] == depth[far] - depth[jump[far]]
        up.append(dominator)
        jump.append(jump[far] if is_even else dominator)
        depth.append(near + 1)
    return [dominator - 1 for dominator in up[1:]]
