from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.model.card import ModelCard, read_card
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import Cancelled, Progress

QUICK = nfc.TrainingSettings(iterations=0)
"""What is about images and labels, not about steps, is soonest seen where there are none."""

STEPS = nfc.TrainingSettings(architecture="fcn32s", iterations=2)


@pytest.fixture(scope="module")
def model(tiny_image: np.ndarray, tiny_labels: np.ndarray) -> Model:
    return nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=25))


def check_distribution(probabilities: np.ndarray, shape: tuple[int, ...]) -> None:
    assert probabilities.shape == shape
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_the_whole_path(model: Model, tiny_image: np.ndarray, tiny_labels: np.ndarray) -> None:
    probabilities = nfc.predict(model, tiny_image)
    check_distribution(probabilities, (2, 60, 70))
    marginals = nfc.refine(tiny_image, probabilities, nfc.CRFSettings(iterations=2))
    check_distribution(marginals, (2, 60, 70))
    refined = model.to_labels(marginals)
    assert set(np.unique(refined)) <= {3, 7}
    annotated = tiny_labels != 0
    right = model.to_labels(probabilities)[annotated] == tiny_labels[annotated]
    assert right.mean() > 0.9


def test_the_card_says_what_was_done(model: Model) -> None:
    card = model.card
    assert card.class_values == (3, 7)
    assert card.class_names == ("class 3", "class 7")
    assert card.channels == 3
    assert len(card.losses) == 25
    assert card.record["ending"] == "finished"
    assert card.record["weights"].startswith("VGG-16 compact, bundled")
    assert card.record["class_pixels"] == {"3": 80, "7": 625}
    assert {"python", "numpy", "keras", "napari-fcn-crf"} <= set(card.record["versions"])
    assert card.record["seconds"] > 0
    assert ModelCard.from_json(card.to_json()) == card


def test_round_trip(model: Model, tiny_image: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "cat.keras"
    nfc.save_model(model, path)
    loaded = nfc.load_model(path)
    assert loaded.card == model.card
    np.testing.assert_array_equal(nfc.predict(loaded, tiny_image), nfc.predict(model, tiny_image))


def test_same_seed_same_losses(
    model: Model, tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> None:
    second = nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=4))
    assert second.card.losses == model.card.losses[:4]


def test_mask_mode_makes_zero_a_class(tiny_image: np.ndarray, tiny_labels: np.ndarray) -> None:
    mask = tiny_labels == 7
    trained = nfc.train(tiny_image, mask, replace(QUICK, labels="mask"))
    assert trained.card.class_values == (0, 1)
    assert trained.card.class_names == ("background", "class 1")


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image[..., 0],
        lambda image: image[..., 0] > 100,
        lambda image: image[..., 0].astype(np.int16) - 100,
        lambda image: (image / 255).astype(np.float32),
        lambda image: image.astype(np.float64) * 1e-6 - 3,
        lambda image: image.astype(np.uint16) * 257,
        lambda image: np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
        lambda image: np.concatenate([image, image[..., :2]], axis=-1),
        lambda image: image[..., :1],
    ],
    ids=["gray", "bool", "int", "float", "tiny float", "uint16", "RGBA", "five", "one"],
)
def test_images_of_every_kind(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, convert: Callable[[np.ndarray], np.ndarray]
) -> None:
    image = convert(tiny_image)
    trained = nfc.train(image, tiny_labels, QUICK)
    probabilities = nfc.predict(trained, image)
    check_distribution(probabilities, (2, 60, 70))
    check_distribution(nfc.refine(image, probabilities, nfc.CRFSettings(iterations=1)), (2, 60, 70))


@pytest.mark.parametrize("colour", [True, False])
def test_stacks_plane_by_plane(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, colour: bool
) -> None:
    plane = tiny_image if colour else tiny_image[..., 0]
    stack = np.stack([plane, plane[::-1], plane])
    labels = np.stack([tiny_labels, 0 * tiny_labels, tiny_labels])
    trained = nfc.train(stack, labels, QUICK)
    seen: list[Progress] = []
    probabilities = nfc.predict(trained, stack, on_progress=seen.append)
    check_distribution(probabilities, (2, 3, 60, 70))
    assert [(progress.current, progress.total) for progress in seen] == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_array_equal(probabilities[:, 0], probabilities[:, 2])
    np.testing.assert_array_equal(probabilities[:, 1], nfc.predict(trained, stack[1]))
    assert (probabilities[:, 0] != probabilities[:, 1]).any()
    marginals = nfc.refine(stack, probabilities, nfc.CRFSettings(iterations=1))
    check_distribution(marginals, (2, 3, 60, 70))
    np.testing.assert_array_equal(marginals[:, 0], marginals[:, 2])


def test_several_images_one_without_a_class(
    tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> None:
    only_cat = np.where(tiny_labels == 7, 7, 0)
    images = [tiny_image, tiny_image[:50]]
    trained = nfc.train(images, [tiny_labels, only_cat[:50]], QUICK)
    assert trained.card.class_values == (3, 7)
    assert len(trained.card.record["images_sha256"]) == 2


def test_training_reports_and_stops(tiny_image: np.ndarray, tiny_labels: np.ndarray) -> None:
    seen: list[Progress] = []
    trained = nfc.train(
        tiny_image,
        tiny_labels,
        replace(STEPS, mode="full", iterations=9),
        seen.append,
        lambda: len(seen) > 3,
    )
    assert [progress.phase for progress in seen] == ["Building the network", *["Training"] * 3]
    assert trained.card.losses == tuple(progress.loss for progress in seen[1:])
    assert trained.card.record["ending"] == "stopped"


def test_stopping_before_the_first_step(tiny_image: np.ndarray, tiny_labels: np.ndarray) -> None:
    with pytest.raises(Cancelled):
        nfc.train(tiny_image, tiny_labels, STEPS, should_stop=lambda: True)


def test_prediction_and_refinement_stop(model: Model, tiny_image: np.ndarray) -> None:
    with pytest.raises(Cancelled):
        nfc.predict(model, tiny_image, should_stop=lambda: True)
    with pytest.raises(Cancelled):
        nfc.refine(tiny_image, nfc.predict(model, tiny_image), should_stop=lambda: True)


def test_checkpoint_is_a_whole_model(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.keras"
    steps_saved: list[int] = []

    def look(progress: Progress) -> None:
        if progress.current == 2:
            steps_saved.append(len(read_card(path).losses))

    trained = nfc.train(tiny_image, tiny_labels, STEPS, look, checkpoint_path=path)
    assert steps_saved == [1]
    loaded = nfc.load_model(path)
    assert loaded.card == trained.card
    np.testing.assert_array_equal(nfc.predict(loaded, tiny_image), nfc.predict(trained, tiny_image))


# What is given, and the sentence it gets.
BAD_TRAINING_INPUT: dict[str, tuple[Callable[..., tuple[Any, Any]], str]] = {
    "labels of another shape": (
        lambda image, labels: (image, labels[:-1]),
        r"the image is 60 x 70 \(3 channels, 60 x 70\) and the labels are 59 x 70",
    ),
    "labels with one axis": (
        lambda image, labels: (image[..., 0], labels[:, 0]),
        r"rows and columns, .* but their shape is \(60,\)",
    ),
    "empty labels": (lambda image, labels: (image, 0 * labels), r"the labels are empty"),
    "one class": (
        lambda image, labels: (image, labels // 7),
        r"only label 1 was found \(625 pixels\)",
    ),
    "labels that are not whole numbers": (
        lambda image, labels: (image, labels / 2),
        r"Labels must be whole numbers",
    ),
    "a small image": (
        lambda image, labels: (image[:, :31], labels[:, :31]),
        r"at least 32 x 32 pixels, but this one is 60 x 31",
    ),
    "infinite values": (
        lambda image, labels: (np.where(image == image.max(), np.inf, image), labels),
        r"no infinite values, but \d+ of 12600 are",
    ),
    "a constant image": (
        lambda image, labels: (0 * image + 5, labels),
        r"must have contrast, but every value in it is 5",
    ),
    "complex numbers": (lambda image, labels: (image * 1j, labels), r"must hold real numbers"),
    "no images": (lambda image, labels: ([], []), r"there are 0 images and 0 labels"),
    "more images than labels": (
        lambda image, labels: ([image, image], [labels]),
        r"there are 2 images and 1 labels",
    ),
    "different channels": (
        lambda image, labels: ([image, image[..., 0]], [labels, labels]),
        r"there are images with 1 and 3",
    ),
}


@pytest.mark.parametrize("case", BAD_TRAINING_INPUT)
def test_bad_training_input(case: str, tiny_image: np.ndarray, tiny_labels: np.ndarray) -> None:
    make, sentence = BAD_TRAINING_INPUT[case]
    with pytest.raises((ValueError, TypeError), match=sentence):
        nfc.train(*make(tiny_image, tiny_labels), QUICK)


def test_bad_weights(tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.h5"):
        with pytest.raises(ValueError, match="Expected a file with VGG-16's weights"):
            nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(weights=path))


def test_a_blank_image_is_predicted(model: Model, tiny_image: np.ndarray) -> None:
    probabilities = nfc.predict(model, 0 * tiny_image)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_channels_are_where_the_axes_say(model: Model, tiny_image: np.ndarray) -> None:
    expected = nfc.predict(model, tiny_image)
    first = np.moveaxis(tiny_image, -1, 0)
    # A model of three channels finds them in front, too.
    for given in ({"axes": "cyx"}, {}):
        np.testing.assert_array_equal(nfc.predict(model, first, **given), expected)
    stack = np.stack([first, first[:, ::-1]])
    found = nfc.predict(model, stack, axes="zcyx")
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)
    assert found.shape == (2, 2, 60, 70)


@pytest.mark.parametrize("kind", ["uint16", "twelve bits", "float32"])
def test_the_same_scene_in_another_type_is_predicted_alike_and_that_is_said(
    model: Model, tiny_image: np.ndarray, kind: str
) -> None:
    image = {
        "uint16": tiny_image.astype(np.uint16) * 257,
        "twelve bits": tiny_image.astype(np.uint16) * 16,
        "float32": (tiny_image / 255).astype(np.float32),
    }[kind]
    told: list[Progress] = []
    found = nfc.predict(model, image, on_progress=told.append)
    np.testing.assert_allclose(found, nfc.predict(model, tiny_image), atol=1e-3)
    assert all("mapped by its own range" in progress.note for progress in told)
    assert told
    assert np.abs(nfc.predict(model, image, intensity="model") - found).max() > 0.1


def test_images_of_two_types_are_trained_on_together(
    tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> None:
    told: list[Progress] = []
    other = tiny_image.astype(np.uint16) * 257
    model = nfc.train([tiny_image, other], [tiny_labels] * 2, QUICK, told.append)
    assert told[0].note.startswith("1 of 2 images differ from the first, uint8")
    np.testing.assert_allclose(nfc.predict(model, other), nfc.predict(model, tiny_image), atol=1e-3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda image: image[:31], "at least 32 x 32"),
        (lambda image: image[..., 0], "with 3 channels, but this image has 1"),
        (lambda image: np.where(image > 9, np.inf, image), "no infinite values"),
        (
            lambda image: np.concatenate([image, image], axis=-1),
            r"but this image has 6 \(6 channels, 60 x 70; its shape is \(60, 70, 6\)\)",
        ),
        (lambda image: image[:, :, :2], r"has 2 \(2 channels, 60 x 70"),
    ],
)
def test_bad_prediction_input(
    model: Model, tiny_image: np.ndarray, make: Callable[..., Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        nfc.predict(model, make(tiny_image))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: p[0], r"their shape is \(60, 70\)"),
        (lambda p: p[:, 1:], r"their shape is \(2, 59, 70\) and the image's is \(60, 70\)"),
        (lambda p: np.moveaxis(p, 0, -1), r"their shape is \(60, 70, 2\)"),
        (lambda p: p * 255, r"the highest value is 128, above 1"),
        (lambda p: p * 1.7e308, r"the highest value is 8\.5e\+307, above 1"),
        (lambda p: p * 1.8, r"from 1\.8 to 1\.8 instead of being 1"),
        (lambda p: p - 0.6, r"the lowest value is -0\.1, below 0"),
        (lambda p: p * np.nan, "NaN or infinite"),
        (lambda p: p * 1j, "the type is complex"),
        (lambda p: p[:0], r"their shape is \(0, 60, 70\)"),
    ],
)
def test_a_layer_that_holds_no_probabilities(
    tiny_image: np.ndarray, make: Callable[..., Any], sentence: str
) -> None:
    probabilities = np.full((2, 60, 70), 0.5)
    with pytest.raises(ValueError, match=f"Expected probabilities.*{sentence}"):
        nfc.refine(tiny_image, make(probabilities))


def test_refinement_takes_small_and_constant_images() -> None:
    image = np.full((8, 9), 7, np.uint8)
    marginals = nfc.refine(image, np.full((3, 8, 9), 1 / 3))
    check_distribution(marginals, (3, 8, 9))
    np.testing.assert_allclose(marginals, 1 / 3, atol=1e-5)


def test_a_crf_without_iterations_returns_its_input(tiny_image: np.ndarray) -> None:
    probabilities = np.random.default_rng(0).dirichlet([1, 1], (60, 70)).transpose(2, 0, 1)
    marginals = nfc.refine(tiny_image, probabilities, nfc.CRFSettings(iterations=0))
    np.testing.assert_allclose(marginals, probabilities, atol=1e-5)


def test_half_precision_is_a_choice_that_is_recorded(
    model: Model, tiny_image: np.ndarray, tmp_path: Path
) -> None:
    single, half = tmp_path / "single.keras", tmp_path / "half.keras"
    nfc.save_model(model, single)
    nfc.save_model(model, half, precision="half")
    assert half.stat().st_size < 0.6 * single.stat().st_size
    loaded = nfc.load_model(half)
    assert loaded.card.record["weights_precision"] == "half"
    assert "weights_precision" not in model.card.record
    before, after = nfc.predict(model, tiny_image), nfc.predict(loaded, tiny_image)
    assert 0 < np.abs(after - before).max() < 0.02
    with pytest.raises(ValueError, match="Going on exactly needs the weights in full"):
        nfc.save_model(model, half, optimizer=True, precision="half")
    with pytest.raises(ValueError, match="precision must be 'single' or 'half', but is 'double'"):
        nfc.save_model(model, half, precision="double")
