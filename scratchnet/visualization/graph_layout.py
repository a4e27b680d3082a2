"""Where the boxes of a graph lie: layer by layer, with few crossings and straight lines.

    1. rank   a node stands one row below the lowest of those that it takes from
    2. order  an edge that passes rows gets a joint in each of them; then the nodes of each row are
              sorted by the mean place of their neighbours, down and up in turn
    3. place  each node moves towards its neighbours, as near as its row's order and the least
              distances allow: a least-squares problem, isotonic regression

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures" (1981), whose three steps these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

_SWEEPS = 8
_JOINT = 0.12  # of a box: how much place a joint takes, and how strongly it pulls


class Layout(NamedTuple):
    """Places in units of boxes: x to the right, y down, each row one further."""

    places: np.ndarray  # (nodes, 2)
    routes: list[np.ndarray]  # for each edge the points (≥ 2, 2) that its line passes


def layered(nodes: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """The layout of a graph whose edges (i, j) all have i < j.

    >>> layered(3, [(0, 1), (1, 2)]).places.tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]
    """
    rank = [0] * nodes
    for i, j in sorted(edges, key=lambda edge: edge[1]):
        rank[j] = max(rank[j], rank[i] + 1)
    rows: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]
    for node, row in enumerate(rank):
        rows[row].append(node)
    chains, count = [], nodes  # of each edge: its ends with the joints between them
    short: list[tuple[int, int]] = []
    for i, j in edges:
        joints = list(range(count, count + rank[j] - rank[i] - 1))
        count += len(joints)
        for offset, joint in enumerate(joints):
            rows[rank[i] + 1 + offset].append(joint)
        chain = [i, *joints, j]
        chains.append(chain)
        short += list(pairwise(chain))
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for i, j in short:
        above[j].append(i)
        below[i].append(j)
    is_joint = np.arange(count) >= nodes
    x = _placed(rows, above, below, is_joint)
    y = np.zeros(count)
    for row, members in enumerate(rows):
        y[members] = row
    points = np.stack([x, y], axis=1)
    return Layout(points[:nodes], [points[chain] for chain in chains])


def _placed(
    rows: list[list[int]],
    above: list[list[int]],
    below: list[list[int]],
    is_joint: np.ndarray,
) -> np.ndarray:
    """x of each node and joint; the rows are put in order on the way."""
    x = np.zeros(len(is_joint))
    for row in rows:
        x[row] = _spread(row, np.arange(len(row), dtype=np.float64), is_joint)
    weight = np.where(is_joint, _JOINT, 1.0)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in rows[1:] if down else rows[-2::-1]:
            wanted = np.array(
                [
                    np.average(x[near], weights=weight[near]) if (near := neighbours[n]) else x[n]
                    for n in row
                ]
            )
            order = np.argsort(wanted, kind="stable")
            row[:] = [row[k] for k in order]
            x[row] = _spread(row, wanted[order], is_joint)
    return x - (x.min() + x.max()) / 2 if len(x) else x


def _spread(row: list[int], wanted: np.ndarray, is_joint: np.ndarray) -> np.ndarray:
    """The places nearest to those wanted that keep the order and the distances."""
    from scipy.optimize import isotonic_regression  # slow to import, and only wanted here

    half = np.where(is_joint[row], _JOINT, 0.5)
    offsets = np.concatenate([[0.0], np.cumsum(half[:-1] + half[1:])])
    weights = np.where(is_joint[row], _JOINT, 1.0)
    return isotonic_regression(wanted - offsets, weights=weights).x + offsets
