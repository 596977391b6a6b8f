"""Every message of the program stands on the page for troubleshooting."""

from __future__ import annotations

import io
import re
import token
import tokenize

import numpy as np
import pytest

import napari_fcn_crf as nfc
from docs.generate.messages import PACKAGE, PLACE, ROOMS, error_kinds, messages, room_of
from docs.generate.pages import message_lists
from napari_fcn_crf.data import samples
from napari_fcn_crf.data.image_files import read_labels, read_picture
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard, read_card
from napari_fcn_crf.results.cleanup import remove_small_regions
from napari_fcn_crf.results.instances import split_instances
from napari_fcn_crf.results.uncertainty import entropy

# A place in the text of an f-string, in which there may be other texts with places.
NESTED = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}")

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
CARD = ModelCard((1, 2), ("a", "b"), 1, IntensityMapping((0.0,), (255.0,)), nfc.TrainingSettings())


def _pieces(source: str, kinds: set[str]) -> set[str]:
    """Return the constant parts of all texts that an error is made of, token by token."""
    found, depths, depth = set(), list[int](), 0
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    middle = getattr(token, "FSTRING_MIDDLE", -1)
    for before, one in zip([tokens[0], *tokens], tokens, strict=False):
        if one.string in ("(", "[", "{"):
            depth += 1
            if one.string == "(" and before.string in kinds:
                depths.append(depth)
        elif one.string in (")", "]", "}"):
            if depths and depths[-1] == depth:
                depths.pop()
            depth -= 1
        elif not depths:
            continue
        elif one.type == middle:
            found.add(one.string)
        elif one.type == tokenize.STRING:
            is_formatted = "f" in one.string.split(one.string[-1])[0].lower()
            text = one.string[one.string.index(one.string[-1]) :].strip(one.string[-1])
            found.update(NESTED.split(text) if is_formatted else [text])
    return found


def test_every_text_of_an_error_is_on_the_page():
    files = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    kinds = error_kinds()
    assert {"InputError", "WeightsError", "ComputeError"} <= kinds
    page = re.sub(r"\s+", "", message_lists().replace("\\", ""))
    missing = [
        (str(path.relative_to(PACKAGE)), piece)
        for path, source in files.items()
        for piece in _pieces(source, kinds)
        # Shorter ones, of joined lists and names of Python's own, would be found anywhere.
        if len(piece.split()) >= 4 and re.sub(r"\s+", "", piece.replace("\\", "")) not in page
    ]
    assert missing == []


TRIGGERS = {
    "setting": lambda _: nfc.TrainingSettings(iterations=-1),
    "choice": lambda _: nfc.CRFSettings(engine="magic"),  # type: ignore[arg-type]
    "no file": lambda folder: read_picture(folder / "nowhere.tif"),
    "no picture": lambda folder: read_labels(_write(folder / "a.png", b"no picture at all")),
    "no sample": lambda _: samples.load("dog"),
    "one class": lambda _: nfc.train(IMAGE, np.ones(IMAGE.shape, np.uint8)),
    "other shape": lambda _: nfc.train(IMAGE, np.ones((50, 50), np.uint8)),
    "no classes": lambda _: nfc.train(IMAGE, np.zeros(IMAGE.shape, np.uint8)),
    "probabilities": lambda _: nfc.refine(IMAGE, np.full((2, 40, 40), 0.2)),
    "model": lambda folder: read_card(_write(folder / "a.keras", b"PK nothing")),
    "no model": lambda folder: nfc.load_model(folder / "a.keras"),
    "card": lambda _: ModelCard.from_json("{}"),
    "classes": lambda _: CARD.to_labels(np.zeros((3, 4, 4))),
    "regions": lambda _: remove_small_regions(IMAGE, 0),
    "objects": lambda _: split_instances(np.zeros((8, 8), np.uint8), 3),
    "uncertainty": lambda _: entropy(np.zeros((1, 4, 4))),
}


def _write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", TRIGGERS)
def test_what_is_said_is_found(name, tmp_path):
    with pytest.raises((ValueError, TypeError)) as raised:
        TRIGGERS[name](tmp_path)
    said = " ".join(str(raised.value).split())
    listed = [message.text for message in messages() if message.is_error]
    assert any(_matches(text, said) for text in listed), said


def _matches(text: str, said: str) -> bool:
    # A list of nothing but places would match all.
    if len(text.replace(PLACE, "").split()) < 3:
        return False
    return re.fullmatch(".*".join(map(re.escape, text.split(PLACE))), said) is not None


def test_rooms_are_the_folders_of_the_package():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert {message.room for message in messages()} <= set(ROOMS)
    assert set(ROOMS) <= rooms
