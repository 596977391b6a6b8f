"""Which block of a large image comes next: what somebody looks at, then what is around it."""

from __future__ import annotations

from napari_fcn_crf.batch.unfinished_blocks import UnfinishedBlocks, View
from napari_fcn_crf.pipeline.blocks import cut


def test_what_is_seen_comes_first_then_what_is_around_it() -> None:
    blocks = UnfinishedBlocks(cut((5, 300, 400), 100))
    order = []
    view = View((2,), 150.0, 250.0)
    while (block := blocks.next(blocks.blocks, view)) is not None:
        order.append((*block.index, block.rows.start, block.columns.start))
        blocks.finish(block)
    assert order[0] == (2, 100, 200)
    # Beside it before across, all that touch it before others, all of the plane before others.
    assert set(order[1:5]) == {(2, 0, 200), (2, 200, 200), (2, 100, 100), (2, 100, 300)}
    assert {plane for plane, _, _ in order[:12]} == {2}
    assert {plane for plane, _, _ in order[12:36]} == {1, 3}
    assert len(set(order)) == 60
    assert blocks.is_whole


def test_the_view_may_move_meanwhile() -> None:
    blocks = UnfinishedBlocks(cut((300, 400), 100))
    blocks.finish(blocks.next(blocks.blocks, View((), 0.0, 0.0)))
    moved = blocks.next(blocks.blocks, View((), 299.0, 399.0))
    assert (moved.rows.start, moved.columns.start) == (200, 300)
    # Without anything that is looked at, it goes by the order of the image.
    assert blocks.next(blocks.blocks, None).number == 1


def test_a_plane_alone_and_what_is_covered() -> None:
    blocks = UnfinishedBlocks(cut((2, 300, 400), 100))
    asked = blocks.within((1,))
    assert len(asked) == 12
    for block in asked[:6]:
        assert blocks.next(asked, None) is block
        blocks.finish(block)
    assert blocks.cover((1,), (slice(0, 100), slice(150, 400)))
    assert blocks.cover((1,), (slice(0, 200), slice(0, 200)))
    assert not blocks.cover((1,), (slice(0, 200), slice(100, 201)))
    assert not blocks.cover((0,), (slice(0, 10), slice(0, 10)))
    assert not blocks.is_whole
