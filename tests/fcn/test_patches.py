"""What surrounds the strokes is enough: features, losses and gradients are the whole image's."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.fcn.batches import patches as patches_module
from napari_fcn_crf.fcn.batches.example import Example, views
from napari_fcn_crf.fcn.batches.patch_plan import cells_of, place_cuts
from napari_fcn_crf.fcn.batches.patches import around_strokes, whole
from napari_fcn_crf.fcn.heads.head import halo_of
from napari_fcn_crf.fcn.layers.frozen_boundary import freeze_backbone
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.prediction.receptive_field import halo_px
from napari_fcn_crf.fcn.training import frozen_features
from napari_fcn_crf.fcn.training.fit import fit
from napari_fcn_crf.fcn.training.frozen_features import make_feed
from napari_fcn_crf.fcn.training.pixel_features import PixelFeatures, PixelFeed
from napari_fcn_crf.fcn.training.watch import TrainingWatch
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import Architecture, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD

ROWS, COLUMNS = 750, 701
"""No multiples of 32: the plane is continued on both sides."""

DOTS = ((0, 0, 0), (749, 700, 1), (20, 690, 1), (400, 352, 0), (410, 360, 1), (720, 300, 0))
"""Row, column and class: in corners, at borders, next to each other."""


@pytest.fixture
def dotted() -> Example:
    generator = np.random.default_rng(0)
    image = generator.uniform(0, 255, (ROWS, COLUMNS, 3)).astype(np.float32)
    indices = np.full((ROWS, COLUMNS), IGNORE, np.int32)
    for row, column, index in DOTS:
        indices[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = index
    return Example(image, indices)


@pytest.fixture
def narrow(dotted: Example) -> Example:
    """The same in a quarter of its width, dots at the borders included."""
    indices = np.full((ROWS, COLUMNS // 4), IGNORE, np.int32)
    for row, column, index in DOTS:
        place = slice(max(row - 2, 0), row + 3), slice(max(column // 4 - 2, 0), column // 4 + 3)
        indices[place] = index
    return Example(np.asarray(dotted.image)[:, : COLUMNS // 4], indices)


@pytest.fixture
def small_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of this size are cut into patches."""
    monkeypatch.setattr(patches_module, "WHOLE_PX", 2**14)
    monkeypatch.setattr(patches_module, "WHOLE_AT_MOST_PX", 2**14)


def random_network(architecture: Architecture, **other: Any) -> Any:
    """A network in which every layer matters."""
    settings = TrainingSettings(architecture=architecture, dropout=0.0, **other)
    network, _ = build_network(settings, 3, 2)
    generator = np.random.default_rng(1)
    for layer in network.layers:
        if layer.name.startswith(("score_pool", "hyper_score", "fc8")):
            layer.kernel.assign(generator.normal(0, 0.1, layer.kernel.shape))
    return network


def no_report(done: int, total: int) -> None:
    pass


def test_every_annotated_pixel_is_in_one_patch(dotted: Example, small_patches: None) -> None:
    (around,) = around_strokes([dotted], 160)
    assert len(around) > 1
    assert np.count_nonzero(around.indices != IGNORE) == np.count_nonzero(dotted.indices != IGNORE)
    padded = np.pad(np.asarray(dotted.image), ((9, 9), (1, 2), (0, 0)), mode="reflect")
    for patch, (row, column) in enumerate(around.corners):
        assert row % 32 == column % 32 == 0
        rows, columns = around.size
        expected = padded[row : row + rows, column : column + columns]
        np.testing.assert_array_equal(around.pixels(patch), expected)
        inside = around.indices[patch] != IGNORE
        plane = np.pad(dotted.indices, ((9, 9), (1, 2)), constant_values=IGNORE)
        plane = plane[row : row + rows, column : column + columns]
        np.testing.assert_array_equal(around.indices[patch][inside], plane[inside])
        # Nothing that counts is nearer to an edge than the halo, unless the plane ends there.
        for places, first, side, length in zip(
            inside.nonzero(), (row, column), around.size, padded.shape, strict=False
        ):
            assert first == 0 or places.min() >= 160
            assert first + side == length or places.max() < side - 160


def test_neighbours_share_a_patch() -> None:
    indices = np.full((3200, 3200), IGNORE, np.int32)
    for column in range(100, 3000, 40):
        indices[1600:1605, column : column + 5] = 0
    (around,) = around_strokes([Example(np.zeros((3200, 3200, 1), np.float32), indices)], 160)
    assert len(around) < 10
    assert around.px < 0.5 * 3200**2


def test_a_full_mask_is_covered_once_by_patches_of_bounded_size() -> None:
    indices = np.zeros((1500, 2100), np.int32)
    (around,) = around_strokes([Example(np.zeros((1500, 2100, 1), np.float32), indices)], 160)
    assert max(around.size) <= patches_module.LARGEST_SIDE_PX
    assert np.count_nonzero(around.indices == 0) == indices.size


def test_cells_are_covered_once() -> None:
    generator = np.random.default_rng(0)
    cells = generator.uniform(size=(40, 30)) < 0.05
    for sides in ((1, 1), (3, 5), (40, 30)):
        covered = np.zeros((40, 30), int)
        for cut in place_cuts(cells, sides, 4):
            rows, columns = (slice(part.start // 32, part.stop // 32) for part in cut.core)
            covered[rows, columns] += 1
        assert (covered[cells] == 1).all()


def test_cells_of_a_plane_within_its_padding() -> None:
    indices = np.full((40, 70), IGNORE, np.int32)
    indices[0, 0] = indices[39, 69] = 1
    cells = cells_of(indices, (64, 96))
    assert np.argwhere(cells).tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize("architecture", EVERY_HEAD)
@pytest.mark.parametrize(
    "backbone", ["vgg16-compact", pytest.param("vgg16", marks=pytest.mark.long)]
)
def test_halo_is_what_is_needed(architecture: Architecture, backbone: Any) -> None:
    """No core hears of what is beyond its halo."""
    if backbone == "vgg16" and architecture != "fcn32s":
        pytest.skip("the same layers in other widths, and slow")
    network = random_network(architecture, backbone=backbone, weights="random")
    halo = halo_px(network)
    assert halo % 32 == 0
    # Known before there is a network, for images of which nothing else is to be read.
    assert halo_of(TrainingSettings(architecture=architecture, backbone=backbone)) == halo
    side = 2 * halo + 96
    image = np.random.default_rng(0).uniform(0, 255, (1, side, 64 + halo, 3)).astype(np.float32)
    changed = image.copy()
    # The plane goes on above `first`; the core begins a halo below it.
    first = 32
    changed[:, :first] = 255 - changed[:, :first]
    core = slice(first + halo, None)
    model = keras.Model(network.input, network.output)
    before, after = (np.asarray(model.predict_on_batch(one))[0, core] for one in (image, changed))
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_logits_in_patches_are_those_of_the_whole(
    architecture: Architecture, dotted: Example, small_patches: None
) -> None:
    network = random_network(architecture, weights="random")
    if architecture == "largefov":
        # It looks so far that with all dots there would be nothing to leave out.
        dotted.indices[:390] = dotted.indices[700:] = IGNORE
    (around,) = around_strokes([dotted], halo_px(network))
    assert not around.is_whole
    everything = whole(dotted)
    dense = np.asarray(network.predict_on_batch(everything.pixels(0)[np.newaxis]))[0]
    for patch, (row, column) in enumerate(around.corners):
        one = keras.Model(network.input, network.output)
        logits = np.asarray(one.predict_on_batch(around.pixels(patch)[np.newaxis]))[0]
        inside = around.indices[patch] != IGNORE
        rows, columns = around.size
        expected = dense[row : row + rows, column : column + columns][inside]
        np.testing.assert_allclose(
            logits[inside], expected, atol=1e-4 * max(1, np.abs(expected).max())
        )


def test_features_of_pixels_are_those_of_the_whole(dotted: Example, small_patches: None) -> None:
    network = random_network("hypercolumn")
    freeze_backbone(network, True)
    features = PixelFeatures(network)
    found = []
    for around in (*around_strokes([dotted], halo_px(network)), whole(dotted)):
        annotated = around.indices != IGNORE
        (inputs,) = features.at(around, [annotated], no_report)
        logits = np.asarray(features.model().predict_on_batch(inputs))[0, :, 0]
        patch, row, column = annotated.nonzero()
        corners = np.array(around.corners)[patch]
        order = np.lexsort((column + corners[:, 1], row + corners[:, 0]))
        frozen = [np.asarray(values)[0, order, 0] for values in inputs[: len(features.frozen)]]
        found.append((logits[order], frozen))
    (in_patches, frozen), (expected, all_frozen) = found
    np.testing.assert_allclose(in_patches, expected, atol=1e-4)
    for one, other in zip(frozen, all_frozen, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("architecture", ["hypercolumn", "fcn8s"])
@pytest.mark.parametrize("mode", ["quick", "full"])
def test_a_training_on_patches_is_that_on_the_whole(
    architecture: Architecture, mode: Any, narrow: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(
        architecture=architecture, mode=mode, weights="random", iterations=3, dropout=0.0
    )
    monkeypatch.setattr(frozen_features, "STEP_PX", 2**30)
    monkeypatch.setattr(frozen_features, "PIXELS_STEP_PX", 2**30)
    results = []
    for most in (2**30, 2**14):
        monkeypatch.setattr(patches_module, "WHOLE_PX", most)
        monkeypatch.setattr(patches_module, "WHOLE_AT_MOST_PX", most)
        network = random_network(architecture, weights="random")
        assert around_strokes([narrow], halo_px(network))[0].is_whole == (most == 2**30)
        results.append((fit(network, [narrow], 2, settings), network.get_weights()))
    (expected, weights), (found, others) = results
    np.testing.assert_allclose(found.losses, expected.losses, rtol=2e-3)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)


def test_patches_that_are_too_many_for_a_step_are_seen_in_turn(
    dotted: Example, small_patches: None
) -> None:
    (around,) = around_strokes([dotted], 160)
    parts = list(around.groups(2 * around.size[0] * around.size[1]))
    assert len(parts) == -(-len(around) // 2)
    assert max(map(len, parts)) == 2
    assert {corner for part in parts for corner in part.corners} == set(around.corners)
    for part in parts:
        # A step on one class alone would only teach that class.
        assert len(part) == 1 or {0, 1} <= set(np.unique(part.indices))


def test_a_large_image_is_trained_on_what_surrounds_its_dots_and_that_is_said(
    dotted: Example, small_patches: None
) -> None:
    seen: list[Progress] = []
    settings = TrainingSettings(iterations=0)
    network, _ = build_network(settings, 3, 2)
    fit(network, [dotted], 2, settings, TrainingWatch(on_progress=seen.append))
    assert "Reading what surrounds the strokes" in {progress.phase for progress in seen}


def test_full_mode_computes_the_finest_layers_at_strokes_alone(
    dotted: Example, small_patches: None
) -> None:
    network = random_network("hypercolumn")
    settings = TrainingSettings(mode="full")
    feed, mode, _ = make_feed(network, [dotted], np.ones(2), settings, no_report)
    assert isinstance(feed, PixelFeed)
    assert mode == "full"
    assert "block1_conv1" in {
        layer.name
        for model in (feed.trainer, *feed.trainer.layers)
        if isinstance(model, keras.Model)
        for layer in model.layers
    }


def test_held_out_pixels_are_predicted_in_the_order_of_their_classes(
    dotted: Example, small_patches: None
) -> None:
    held_out = np.full((ROWS, COLUMNS), IGNORE, np.int32)
    held_out[100:104, 600:604], held_out[600:604, 100:104] = 0, 1
    example = Example(dotted.image, dotted.indices, held_out)
    network = random_network("fcn8s", weights="random")
    expected = np.asarray(network.predict_on_batch(whole(example).pixels(0)[np.newaxis]))[0]
    plane = np.pad(held_out, ((9, 9), (1, 2)), constant_values=IGNORE)
    truth, classes = plane[plane != IGNORE], expected[plane != IGNORE].argmax(axis=-1)
    settings = TrainingSettings(architecture="fcn8s", mode="full", weights="random")
    feed, _, _ = make_feed(network, [example], np.ones(2), settings, no_report)
    assert feed.n_batches > 1
    predicted = feed.predict_held_out()
    for index in (0, 1):
        np.testing.assert_array_equal(
            np.sort(predicted[feed.held_out == index]), np.sort(classes[truth == index])
        )


def test_a_mapped_image_is_read_where_it_is_looked_at() -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (40, 50, 2)).astype(np.uint16)
    mapping = IntensityMapping.fit(pixels)
    image = MappedImage(pixels, mapping)
    everything = mapping.apply(pixels)
    np.testing.assert_array_equal(image[5:9, 7:20], everything[5:9, 7:20])
    np.testing.assert_array_equal(np.asarray(image), everything)
    example = Example(image, np.zeros((40, 50), np.int32))
    arrays = Example(everything, example.indices)
    for one, other in zip(views(example), views(arrays), strict=True):
        np.testing.assert_array_equal(np.asarray(one.image), np.asarray(other.image))
