"""Small genuine files of every kind that is read, and what may happen to them on their way."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import keras
import numpy as np
import pytest
import safetensors.numpy
import tifffile
from PIL import Image

from napari_fcn_crf.backbones import BACKBONES, CONVOLUTIONS, VGGVariant, VGGWidths
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.model_file import archive_check, keras_file
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard, read_card
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.weights.vgg_file import open_weights
from tests.weights.reference import Reference, keras_model
from tests.weights.writers import (
    torchvision_state,
    write_checkpoint,
    write_legacy_hdf5,
    write_npz,
    write_onnx,
    write_pth,
)

TINY = VGGVariant(
    "VGG-16 tiny", "", VGGWidths(blocks=(2, 2, 2, 2, 2), fc=2, fc6_kernel=3, largefov_fc=2)
)
"""Widths with which a file's directories are most of it."""

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name : str
        Of the file; what follows its first dot is its ending.
    write : callable
        Writes a small one with the library that others write them with.
    read : callable
        Reads all of it as the plugin does.
    """

    name: str
    write: Callable[[Path], object]
    read: Read


def tiny_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the compact VGG-16 have two filters everywhere, so that its small files are read."""
    monkeypatch.setitem(BACKBONES, "vgg16-compact", TINY)


def tiny_reference() -> Reference:
    """Return a VGG-16 of two filters everywhere."""
    generator = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(CONVOLUTIONS, (3, 3, 2, 2))
    shapes |= {"block1_conv1": (3, 3, 3, 2), "fc1": (18, 2), "fc2": (2, 2), "predictions": (2, 2)}
    return Reference(
        "vgg16-compact",
        {
            name: (generator.random(shape, np.float32), generator.random(2, np.float32))
            for name, shape in shapes.items()
        },
    )


def kinds() -> list[Kind]:
    """Return every kind of file; `tiny_widths` must hold while they are written and read."""
    return [
        *(Kind(f"weights.{ending}", write, _read_weights) for ending, write in _WEIGHTS.items()),
        *(Kind(f"image.{ending}", write, _read_picture) for ending, write in _IMAGES.items()),
        Kind("labels.png", lambda path: _palette().save(path), image_files.read_labels),
        Kind("probabilities.tif", _write_probabilities, image_files.read_probabilities),
        Kind("card.json", lambda path: path.write_text(CARD.to_json()), _read_card_text),
        Kind("model.keras", _write_model, _check_model),
        Kind("optimizer.keras", _write_model, _read_optimizer),
        Kind("network.keras", _write_model, keras_file.load),
    ]


def _read_weights(path: Path) -> None:
    with open_weights(path) as file:
        file.describe()
        for name in file.names:
            file.read(name)


def _write_pth(path: Path, reference: Reference, context: Any, *, as_zip: bool) -> None:
    write_pth(path, torchvision_state(reference), context, as_zip=as_zip)


def _in_context(write: Callable[..., object], **named: Any) -> Callable[[Path], object]:
    def written(path: Path) -> None:
        with pytest.MonkeyPatch.context() as context:
            write(path, tiny_reference(), context, **named)

    return written


_WEIGHTS: dict[str, Callable[[Path], object]] = {
    "h5": lambda path: write_legacy_hdf5(path, tiny_reference(), "{0}_W_1:0 {0}_b_1:0"),
    "weights.h5": lambda path: keras_model(tiny_reference()).save_weights(path),
    "keras": lambda path: keras_model(tiny_reference()).save(path),
    "npz": lambda path: write_npz(path, tiny_reference()),
    "ckpt": lambda path: write_checkpoint(path, tiny_reference(), version=1),
    "index": lambda path: write_checkpoint(path.with_suffix(""), tiny_reference(), version=2),
    "pth": _in_context(_write_pth, as_zip=True),
    "old.pth": _in_context(_write_pth, as_zip=False),
    "safetensors": lambda path: safetensors.numpy.save_file(
        torchvision_state(tiny_reference()), path
    ),
    "onnx": lambda path: write_onnx(path, tiny_reference()),
}

PICTURE = np.random.default_rng(0).integers(0, 255, (12, 10, 3), np.uint8)


def _palette() -> Image.Image:
    return Image.fromarray(PICTURE).quantize(8)


def _tiff(**options: Any) -> Callable[[Path], object]:
    stack = np.repeat(PICTURE[np.newaxis, ..., 0], 3, axis=0)
    return lambda path: tifffile.imwrite(path, stack, photometric="minisblack", **options)


def _colour_tiff(**options: Any) -> Callable[[Path], object]:
    return lambda path: tifffile.imwrite(path, PICTURE, **options)


_IMAGES: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(
        ("png", "jpg", "bmp", "ppm", "webp", "jp2"),
        lambda path: Image.fromarray(PICTURE).save(path),
    ),
    "gif": lambda path: _palette().save(path),
    "tif": _tiff(),
    "tiled.tif": _tiff(compression="zlib", tile=(16, 16)),
    "big.tif": _tiff(bigtiff=True, compression="zlib"),
    "imagej.tif": _tiff(imagej=True),
    "ome.tif": _tiff(ome=True),
    "lzw.tif": _tiff(compression="lzw", predictor=True),
    "zstd.tif": _tiff(compression="zstd"),
    "jpeg.tif": _colour_tiff(compression="jpeg", photometric="ycbcr"),
    "jp2.tif": _colour_tiff(compression="jpeg2000", photometric="rgb"),
    "planar.tif": lambda path: tifffile.imwrite(
        path, PICTURE.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "lab.tif": _colour_tiff(photometric="cielab"),
    "palette.tif": lambda path: _palette().save(path),
    "fax.tif": lambda path: Image.fromarray(PICTURE[..., 0] > 99).save(path, compression="group4"),
    "cmyk.tif": lambda path: Image.fromarray(PICTURE).convert("CMYK").save(path),
    "cmyk.jpg": lambda path: Image.fromarray(PICTURE).convert("CMYK").save(path),
    "deep.png": lambda path: path.write_bytes(imagecodecs.png_encode(PICTURE.astype(np.uint16))),
    "film.png": lambda path: path.write_bytes(
        imagecodecs.apng_encode(np.stack([PICTURE.astype(np.uint16)] * 3))
    ),
    "deep.jp2": lambda path: path.write_bytes(
        imagecodecs.jpeg2k_encode(PICTURE.astype(np.uint16), level=0)
    ),
    "film.gif": lambda path: _palette().save(path, save_all=True, append_images=[_palette()] * 2),
    "deep.pgm": lambda path: path.write_bytes(
        b"P5 10 12 1023\n" + PICTURE[..., 0].astype(">u2").tobytes()
    ),
    "plain.ppm": lambda path: path.write_text(
        "P3 10 12 1023\n" + " ".join(map(str, PICTURE.ravel()))
    ),
}


def _read_picture(path: Path) -> None:
    image_files.read_picture(path)


def _write_probabilities(path: Path) -> None:
    image_files.write_probabilities(path, np.full((2, 6, 5), 0.5, np.float32), (3, 2**40))


CARD = ModelCard(
    class_values=(3, 7),
    class_names=("grass", "cat"),
    channels=3,
    intensity=IntensityMapping((0.0, 0.5, 1.0), (255.0, 1e-3, 65535.0)),
    training=TrainingSettings(iterations=7),
    losses=(1.5, 0.1),
    record={"seed": 0, "versions": {"keras": keras.__version__}},
    class_colours=((0.1, 0.2, 0.3, 1.0), (1.0, 0.0, 0.0, 1.0)),
)


def _read_card_text(path: Path) -> None:
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise InputError("This is no text.") from error
    ModelCard.from_json(text)


def _network() -> Any:
    x = image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1.0, offset=[-1.0, -2.0, -3.0], name="subtract_means")(x)
    x = keras.layers.Conv2D(2, 3, padding="same", kernel_initializer="zeros", name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2DTranspose(
        2, 4, strides=2, padding="same", kernel_initializer="zeros", use_bias=False
    )(x)
    return keras.Model(image, x)


def _write_model(path: Path) -> None:
    from napari_fcn_crf.fcn.optimizer.optimizer_state import OptimizerState

    state = {
        "losses": np.array(CARD.losses),
        "validation": np.zeros((0, 1)),
        "optimizer/momentum": np.ones((3, 3, 3, 2), np.float32),
        "optimizer/iteration": np.int64(2),
    }
    keras_file.save(_network(), CARD, path, OptimizerState(state))


def _check_model(path: Path) -> None:
    read_card(path)
    archive_check.check_archive(path)


def _read_optimizer(path: Path) -> None:
    archive_check.check_archive(path)
    keras_file.load_optimizer(path, read_card(path), _network())


_EXTREMES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        255,
        2**16,
        2**31 - 1,
        2**31,
        2**32,
        2**63,
        10**30,
        -(10**12),
    ),
    *(0.5, 1e308, -1e308, float("inf"), float("nan")),
    *("", "x", "\x1b[31m" * 200, "float64", "S2000000000", "/etc/passwd", "../x", "1"),
    *([], {}, [0], [[]], ["x"], {"x": 1}, [1] * 1000, {"class_name": "__numpy__", "config": {}}),
]


def mutate(content: bytes, generator: random.Random) -> bytes:
    """Return what a file may become by chance or by design.

    A zip file's members and a JSON text's values are changed, too, so that what is wrong is found
    behind checksums and parsers as well.
    """
    chance = generator.random()
    if content.startswith(b"PK\x03\x04") and chance < 0.7:
        return _mutate_member(content, generator)
    if content.startswith(b"{") and chance < 0.8:
        return _mutate_json(content, generator)
    length = int.from_bytes(content[:8], "little")
    if content[8:9] == b"{" and length < len(content) and chance < 0.6:
        header = _mutate_json(content[8 : 8 + length], generator)
        return len(header).to_bytes(8, "little") + header + content[8 + length :]
    return _mutate_bytes(content, generator)


def _mutate_bytes(content: bytes, generator: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 4, 8))):
        size = len(changed)
        if not size:
            break
        # Directories are at the start and at the end.
        near = generator.choice((size, size, 64, 512, 4096))
        start = generator.randrange(min(near, size))
        if generator.random() < 0.3:
            start = size - 1 - start
        how = generator.randrange(8)
        if how <= 2:
            changed[start] ^= 1 << generator.randrange(8)
        elif how == 3:
            changed[start] = generator.randrange(256)
        elif how == 4:
            number = generator.choice((0, 1, 2**8, 2**15, 2**16, 2**24, 2**31, 2**32 - 1, 2**62))
            width, order = generator.choice((2, 4, 8)), generator.choice(("little", "big"))
            changed[start : start + width] = (number % 256**width).to_bytes(width, order)
        elif how == 5:
            del changed[start : start + generator.choice((1, 2, 8, 64))]
        elif how == 6:
            end = start + generator.choice((1, 4, 16, 256))
            changed[start:start] = changed[start:end] * generator.choice((1, 2, 50))
        elif generator.random() < 0.3:
            del changed[start:]
    return bytes(changed)


def _mutate_member(content: bytes, generator: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = generator.choice(list(members))
    members[name] = mutate(members[name], generator)
    file = io.BytesIO()
    compression = zipfile.ZIP_DEFLATED if generator.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()


def _mutate_json(content: bytes, generator: random.Random) -> bytes:
    value = json.loads(content)
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            break
        parent, key = generator.choice(places)
        how = generator.randrange(6)
        if how == 0:
            del parent[key]
        elif how == 1 and isinstance(parent, list):
            parent.extend([parent[key]] * generator.choice((1, 10, 300)))
        elif how == 2:
            other, other_key = generator.choice(places)
            if other_key in other if isinstance(other, dict) else other_key < len(other):
                parent[key] = json.loads(json.dumps(other[other_key]))
        else:
            parent[key] = json.loads(json.dumps(generator.choice(_EXTREMES)))
    text = json.dumps(value)
    if generator.random() < 0.05:
        text = text.replace("[", "[" * 5000, 1)
    return text.encode()


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(items):
        yield value, key
        if isinstance(child, (dict, list)):
            yield from _places(child)
