"""How the work of a convolution is shared out: tiles of output lines and groups of panels.

A task multiplies the tiles of one share with the panels of one group. Threads have equally many,
and what a task keeps, its panels and one tile, fits into a core's own cache.
"""

from __future__ import annotations

from scratchnet.ops.kernels.blocks import PANELS, ROWS
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.patches import Tiles, whole_blocks

_PACKED = 5 * 2**17  # bytes of the panels of a group, about
_PANELS = 4  # of a group, at least
_TASKS = 4  # of a thread, at least


def in_whole_blocks(tiles: Tiles, lines: int) -> Tiles:
    """Tiles of some lines less, if blocks have fewer unused rows then."""

    def rows(of_tile: int) -> int:
        whole, rest = divmod(lines, of_tile)
        return whole * whole_blocks(of_tile * tiles.columns) + whole_blocks(rest * tiles.columns)

    most = tiles.lines
    return tiles._replace(lines=min(range(most, most // 2, -1), key=rows))


def shared_out(
    tiles: Tiles, lines: int, panels: int, of_panel: int, threads: int
) -> tuple[Tiles, int, int]:
    """(tiles, into how many shares they are divided, groups of panels).

    As many panels are a group as a core's own cache holds. A task, one group and one share, packs
    them anew, so there are no more shares than give each thread `_TASKS` of them. If the tiles are
    too few for that there are more groups, and if those are few as well, the tiles are cut. They
    are never made larger: the scratch holds the cells of as many lines as a tile had.
    """
    count, wanted = -(-lines // tiles.lines), _TASKS * threads
    groups = -(-panels // max(_PANELS, min(panels, _PACKED // of_panel)))
    groups = max(groups, min(panels // _PANELS, -(-wanted // count)))
    if groups > 1:  # equal work for all threads
        groups = min(-(-groups // threads) * threads, -(-panels // PANELS))
    if count * groups < wanted:
        least = max(1, 4 * ROWS // tiles.columns)
        cut = max(least, tiles.lines * count * groups // wanted)
        tiles = tiles._replace(lines=min(tiles.lines, cut))
        count = -(-lines // tiles.lines)
    return tiles, min(count, -(-wanted // groups)), groups


def _whole_pairs(group, groups, panels):  # type: ignore[no-untyped-def]
    # The first panel of a group, and the one behind the last: blocks take PANELS of them together
    wide = (panels + PANELS - 1) // PANELS
    return group * wide // groups * PANELS, min(panels, (group + 1) * wide // groups * PANELS)


panels_of_group = jit(_whole_pairs, parallel=False)
