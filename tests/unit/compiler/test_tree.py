"""Vectors that share what they have in common, against lists."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler.tree import Loom, Tree

Changes = list[dict[int, int]]


def tree_of(length: int, changes: Mapping[int, int], base: Tree[int] | None = None) -> Tree[int]:
    tree = Tree.filled(0, length) if base is None else base
    for place, value in changes.items():
        tree = tree.put(place, value)
    return tree


def read(tree: Tree[int], length: int) -> list[int]:
    return [tree[place] for place in range(length)]


def added(_: int, common: int, others: Mapping[int, int]) -> int:
    """The sum of the distinct values."""
    return sum({common, *others.values()})


def largest(_: int, common: int, others: Mapping[int, int]) -> int:
    """The largest value, which is as good in any order."""
    return max(common, *others.values())


@pytest.mark.parametrize("length", [0, 1, 32, 33, 1_024, 1_025, 40_000])
def test_a_vector_of_equal_values_takes_no_room_for_each(length: int) -> None:
    """Each place can be read and written, and the rest stays as it was."""
    tree = Tree.filled(0, length)
    last = max(length - 1, 0)
    assert (tree[0], tree[last]) == (0, 0)
    changed = tree.put(last, 7)
    assert (changed[last], tree[last]) == (7, 0)
    assert changed.put(last, 7) is changed


LENGTH = 1_100
changes = st.dictionaries(st.integers(0, LENGTH - 1), st.integers(0, 3), max_size=6)


@settings(max_examples=25)
@given(changes, st.lists(changes, min_size=1, max_size=5))
def test_joining_asks_where_they_differ_and_nowhere_else(first: dict[int, int], branches: Changes) -> None:
    """It is told the commonest value and those of the others, in the order of the places."""
    base = tree_of(LENGTH, first)
    trees = [tree_of(LENGTH, each, base) for each in branches]
    rows, asked = [read(tree, LENGTH) for tree in trees], list[int]()

    def decide(place: int, common: int, others: Mapping[int, int]) -> int:
        asked.append(place)
        assert [others.get(number, common) for number in range(len(trees))] == [row[place] for row in rows]
        return added(place, common, others)

    assert read(Loom(0, LENGTH).joined(trees, decide), LENGTH) == [
        sum(set(column)) for column in zip(*rows, strict=True)
    ]
    assert asked == sorted(asked)
    assert {place for place in range(LENGTH) if len({row[place] for row in rows}) > 1} <= set(asked)
    assert set(asked) <= {place for each in branches for place in each}


@settings(max_examples=25)
@given(changes)
def test_a_change_of_all_values_is_made_once(values: dict[int, int]) -> None:
    """What is there is changed; what has nothing to change stays the same object, and so does what was changed."""
    tree = tree_of(LENGTH, values)
    changed = tree.mapped(lambda value: min(value, 1))
    assert read(changed, LENGTH) == [min(value, 1) for value in read(tree, LENGTH)]
    assert changed.mapped(lambda value: min(value, 1)) is changed
    assert tree.mapped(lambda value: min(value, 1)) is changed
    assert (changed is tree) == all(value < 2 for value in values.values())


@pytest.mark.parametrize("count", [200, 400, 800])
def test_many_branches_with_a_key_each_are_joined_in_linear_time(count: int) -> None:
    """Each place is asked about once, with the one branch that differs there."""
    base, told = Tree.filled(0, count), list[int]()

    def decide(place: int, common: int, others: Mapping[int, int]) -> int:
        told.append(len(others))
        return added(place, common, others)

    whole = Loom(0, count).joined([base.put(place, 1) for place in range(count)], decide)
    assert read(whole, count) == [1] * count
    assert told == [1] * count


def test_a_heavy_branch_among_light_ones_is_looked_at_once() -> None:
    """What most have in common is found again below what the first of them has changed."""
    count, asked = 300, list[int]()
    base = Tree.filled(0, 2_000)
    heavy = tree_of(2_000, dict.fromkeys(range(1_000), 1), base)

    def decide(place: int, common: int, others: Mapping[int, int]) -> int:
        asked.append(len(others))
        return added(place, common, others)

    Loom(0, 2_000).joined([heavy, *(base.put(1_000 + place, 1) for place in range(count))], decide)
    assert sum(asked) == 1_000 + count


@settings(max_examples=25)
@given(changes, st.lists(changes, min_size=2, max_size=5))
def test_what_comes_out_equal_is_one_object(first: dict[int, int], branches: Changes) -> None:
    """In whatever order, and from whatever vectors, it was joined: so it is not compared again."""
    loom = Loom(0, LENGTH)
    base = tree_of(LENGTH, first, loom.empty)
    trees = [tree_of(LENGTH, each, base) for each in branches]
    whole = loom.joined(trees, largest)
    by_two = trees[0]
    for tree in trees[1:]:
        by_two = loom.joined([by_two, tree], largest)
    assert loom.joined([*reversed(trees)], largest) is whole
    assert by_two is whole


@settings(max_examples=25)
@given(changes, changes, changes, st.integers(0, 4))
def test_what_nobody_looks_at_any_more_is_not_joined(
    one: dict[int, int], other: dict[int, int], until: dict[int, int], step: int
) -> None:
    """Nobody is asked about it; what is looked at is as ever."""
    last, asked = [until.get(place, 2) for place in range(LENGTH)], list[int]()
    loom = Loom(0, LENGTH, last)
    trees = [tree_of(LENGTH, each, loom.empty) for each in (one, other)]

    def decide(place: int, common: int, others: Mapping[int, int]) -> int:
        asked.append(place)
        return added(place, common, others)

    found = read(loom.joined(trees, decide, step), LENGTH)
    whole = read(Loom(0, LENGTH).joined(trees, added), LENGTH)
    assert [value for place, value in enumerate(found) if last[place] >= step] == [
        value for place, value in enumerate(whole) if last[place] >= step
    ]
    assert all(last[place] >= step for place in asked)


def test_rows_out_of_use_become_those_of_an_empty_vector() -> None:
    """All that differ, down to the last of them."""
    loom = Loom(0, LENGTH, [1] * LENGTH)
    joined = loom.joined([tree_of(LENGTH, dict.fromkeys(range(LENGTH), 1), loom.empty), loom.empty], added, 2)
    assert joined.parts == loom.empty.parts


@pytest.mark.parametrize("length", [0, 1, 32, 33, 1_024, 1_025])
def test_a_change_of_all_values_is_joined(length: int) -> None:
    """Where rows are not filled with values, too."""
    loom = Loom(0, length)
    changed = loom.empty.mapped(lambda value: value + 1)
    assert read(loom.joined([changed, loom.empty], largest), length) == [1] * length
