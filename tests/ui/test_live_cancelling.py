"""What Live computes when it is asked again meanwhile: the same does not end it, all else does."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_fcn_crf.live.follower import Follower
from napari_fcn_crf.ui.session import live_worker
from tests.ui.live_person import PATIENCE_MS, LivePerson

pytestmark = pytest.mark.own_window


class HeldUpdate:
    """Stands still between two iterations of the CRF, once, until it is let go."""

    def __init__(self) -> None:
        self.is_reached, self._may_go_on = threading.Event(), threading.Event()
        self.updates, self.cancelled = 0, []

    def hold_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        follow = Follower.follow

        def held(follower, asked, should_stop=None):
            self.updates += 1
            number = self.updates

            def stops() -> bool:
                if number == 1:
                    self.is_reached.set()
                    assert self._may_go_on.wait(PATIENCE_MS / 1000)
                stopped = should_stop()
                if stopped and number not in self.cancelled:
                    self.cancelled.append(number)
                return stopped

            return follow(follower, asked, stops)

        monkeypatch.setattr(Follower, "follow", held)

    def let_go(self) -> None:
        self._may_go_on.set()


@pytest.fixture
def held():
    held = HeldUpdate()
    yield held
    held.let_go()


@pytest.fixture
def person(viewer, panel, session, two_squares, qtbot) -> LivePerson:
    person = LivePerson(viewer, panel, session, two_squares[0], qtbot)
    person.makes_labels()
    person.switch(True)
    person.stroke(1, (6, 6), (6, 56))
    person.stroke(2, (30, 24), (30, 40))
    person.wait()
    return person


def test_strokes_during_an_update_cancel_it_and_wait_in_no_queue(
    session, person, held, qtbot, monkeypatch
):
    held.hold_next(monkeypatch)
    person.stroke(1, (54, 6), (54, 56))
    qtbot.waitUntil(held.is_reached.is_set, timeout=PATIENCE_MS)
    before = person.live.data.copy()
    for column in (20, 26, 32, 38):
        person.stroke(3, (30, column), (40, column))
    assert held.updates == 1
    np.testing.assert_array_equal(person.live.data, before)
    held.let_go()
    found = person.wait()
    assert held.cancelled == [1]
    # Of all four, what is seen, and the whole if that is more.
    assert held.updates <= 3
    painted = person.strokes.data > 0
    np.testing.assert_array_equal(found[painted], person.strokes.data[painted])


def test_the_same_again_does_not_cancel_an_update(session, person, held, qtbot, monkeypatch):
    """Labels are counted after each stroke, which is news to all that depends on them."""
    held.hold_next(monkeypatch)
    session.choices.choose_crf(replace(session.choices.crf, gaussian_weight=4.0))
    qtbot.waitUntil(held.is_reached.is_set, timeout=PATIENCE_MS)
    before = session.live._sent
    session.meaning.changed.emit()
    qtbot.waitUntil(lambda: session.live._sent is not before, timeout=PATIENCE_MS)
    held.let_go()
    person.wait()
    assert held.cancelled == []


def test_the_next_place_is_shown_although_the_same_was_asked_again(
    viewer, session, person, qtbot, monkeypatch
):
    """It is told once, after the labels: the new layer, or the camera, asks for the same again."""
    find, is_reached, may_go_on = live_worker._most_uncertain, threading.Event(), threading.Event()

    def held(followed):
        is_reached.set()
        assert may_go_on.wait(PATIENCE_MS / 1000)
        return find(followed)

    monkeypatch.setattr(live_worker, "_most_uncertain", held)
    try:
        person.stroke(3, (54, 6), (54, 56))
        qtbot.waitUntil(is_reached.is_set)
        before = session.live._sent
        session.live.request()
        qtbot.waitUntil(lambda: session.live._sent is not before)
    finally:
        may_go_on.set()
    person.wait()
    qtbot.waitUntil(lambda: session.live.place is not None)


def test_what_was_removed_is_shown_again_although_nothing_is_new(viewer, session, person, qtbot):
    """Another image is chosen and the first one again, before anybody looked at the other."""
    first = viewer.layers["squares"]
    before, strokes = person.live.data.copy(), person.strokes
    other = viewer.add_image(first.data.copy(), name="other")
    qtbot.wait(100)
    viewer.layers.selection.active = strokes
    np.testing.assert_array_equal(person.wait(), before)
    session.selection.choose_image(other)
    session.selection.choose_image(first)
    qtbot.wait(100)
    assert person.strokes is strokes
    np.testing.assert_array_equal(person.wait(), before)
