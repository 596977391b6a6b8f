"""The command line: train, predict and refine on files and folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import napari_fcn_crf
from napari_fcn_crf.cli_interrupt import STOPPED, interruptible, say_stopped, stops_on_interrupt
from napari_fcn_crf.cli_options import OneLineParser, add_settings, read_settings
from napari_fcn_crf.compute import backend
from napari_fcn_crf.compute.allocation import keep_freed_memory
from napari_fcn_crf.compute.environment import BACKEND_TITLES
from napari_fcn_crf.compute.errors import ComputeError
from napari_fcn_crf.download import PUBLISHED, fetch, weights_folder
from napari_fcn_crf.files import expect_file
from napari_fcn_crf.label_values import as_label_values
from napari_fcn_crf.pair_files import PairFiles, find_pairs
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress
from napari_fcn_crf.quoting import printable, say
from napari_fcn_crf.settings import (
    ComputeSettings,
    CRFSettings,
    Precision,
    PredictionSettings,
    TrainingSettings,
)

if TYPE_CHECKING:
    from io import TextIOWrapper

_EXAMPLES = """
examples:
  napari-fcn-crf demo --view
  napari-fcn-crf demo --paper cat.jpg cat_mask.png --weights vgg_16.ckpt
  napari-fcn-crf train cell.tif cell_labels.tif -o cells.keras --iterations 200
  napari-fcn-crf predict cells.keras plate1/*.tif -o results
  napari-fcn-crf refine plate1/a1.tif results/a1_probabilities.tif -o results
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 for bad input, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not have the letters of a file's name or of the help.
        cast("TextIOWrapper", stream).reconfigure(errors="replace")
    try:
        with interruptible():
            _check_working_folder()
            arguments = _parser().parse_args(argv)
            arguments.run(arguments)
    except (ValueError, TypeError, OSError, ImportError, MemoryError, ComputeError) as error:
        # One line, whatever the message holds.
        say(f"napari-fcn-crf: {' '.join(_sentence(error).split())}", sys.stderr)
        return 2
    except (KeyboardInterrupt, Cancelled):
        say_stopped()
        return STOPPED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="napari-fcn-crf",
        description=(
            "Segment images with a fully convolutional network trained on your own\n"
            "annotation, and refine the result with a dense CRF."
        ),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=napari_fcn_crf.__version__)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command"
    )

    demo = _command(commands, "demo", _demo, "train, predict and refine on the sample cat")
    demo.add_argument(
        "--output",
        "-o",
        type=Path,
        default=Path("napari-fcn-crf-demo"),
        metavar="FOLDER",
        help="where the results go (default: %(default)s)",
    )
    demo.add_argument(
        "--paper",
        nargs=2,
        type=Path,
        metavar=("IMAGE", "LABELS"),
        help="make the tutorial's run of 2016 on this image and its mask instead: FCN-32s on the "
        "full VGG-16, ten steps",
    )
    demo.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="VGG-16's ImageNet weights, for --paper; random without",
    )
    _add_tensorboard(demo)
    demo.add_argument("--view", action="store_true", help="show the results in napari")
    _add_device(demo)

    train = _command(commands, "train", _train, "train a network on images and their labels")
    train.add_argument(
        "pairs",
        nargs="+",
        metavar="IMAGE LABELS",
        help="an image (TIFF, PNG, JPEG) and its label image (TIFF, PNG); more such pairs follow; "
        "or one folder of them: cell.tif and cell_labels.tif, or images/cell.tif and "
        "labels/cell.tif",
    )
    train.add_argument(
        "--output", "-o", type=Path, required=True, metavar="MODEL.keras", help="the model file"
    )
    train.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="single",
        help="of the weights in the file; half makes it half as large. Default: %(default)s.",
    )
    train.add_argument(
        "--paper",
        action="store_true",
        help="start from the settings of the tutorial's run: VGG-16, ten steps, summed loss",
    )
    train.add_argument(
        "--resume",
        type=Path,
        metavar="MODEL.keras",
        help="go on training this model, with its settings where no others are given",
    )
    _add_tensorboard(train)
    add_settings(train, "network and training", TrainingSettings)
    _add_device(train)

    predict = _command(commands, "predict", _predict, "predict images with a trained model")
    predict.add_argument("model", type=Path, metavar="MODEL", help="a .keras file from `train`")
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_output_folder(predict, "IMAGE_probabilities.tif and IMAGE_labels.tif")
    add_settings(predict, "prediction", PredictionSettings)
    _add_device(predict)

    refine = _command(commands, "refine", _refine, "refine probabilities with the dense CRF")
    refine.add_argument("image", type=Path, metavar="IMAGE")
    refine.add_argument(
        "probabilities",
        type=Path,
        metavar="PROBABILITIES",
        help="a TIFF stack of one plane a class, as `predict` writes it",
    )
    refine.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="start from the CRF settings kept with this model",
    )
    _add_output_folder(refine, "IMAGE_refined.tif and IMAGE_refined_probabilities.tif")
    add_settings(refine, "CRF", CRFSettings)
    add_settings(refine, "device", ComputeSettings, ("threads",))

    weights = _command(commands, "weights", _weights, "download the published VGG-16")
    weights.add_argument("action", choices=("fetch",))
    weights.add_argument(
        "name",
        choices=tuple(PUBLISHED),
        help="; ".join(
            f"{name}: {published.title}, {round(published.size_bytes / 1e6)} MB"
            for name, published in PUBLISHED.items()
        ),
    )
    weights.add_argument(
        "--folder",
        default="",
        metavar="FOLDER",
        help="where the file goes; in the user's cache if not given",
    )

    devices = _command(commands, "devices", _devices, "list what can compute")
    add_settings(devices, "backend", ComputeSettings, ("backend", "interpreter"))
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    description = f"{text[0].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=description)
    parser.set_defaults(run=run)
    return parser


def _add_device(parser: argparse.ArgumentParser) -> None:
    names = ("device", "backend", "memory_growth", "threads")
    add_settings(parser, "device", ComputeSettings, names)


def _add_tensorboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="FOLDER",
        help="write loss, gradients and predictions for `tensorboard --logdir FOLDER`",
    )


def _add_output_folder(parser: argparse.ArgumentParser, files: str) -> None:
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        required=True,
        metavar="FOLDER",
        help=f"where {files} go; made if there is none",
    )


def _demo(arguments: argparse.Namespace) -> None:
    from napari_fcn_crf import demo, paper

    if arguments.paper is None and arguments.weights is not None:
        raise ValueError(
            "--weights is for --paper IMAGE LABELS, but that was not given. Give both, or use "
            "`napari-fcn-crf train`."
        )
    output, tensorboard = _folder(arguments.output), arguments.tensorboard
    if arguments.paper is None:
        _load_backend(arguments)
        demo.report(demo.run(demo.sample_case(), output, tensorboard=tensorboard), output)
    else:
        settings = TrainingSettings.paper(arguments.weights)
        image, labels = arguments.paper
        case = paper.read_case(image, labels, settings)
        _load_backend(arguments)
        paper.run(case, output, tensorboard=tensorboard)
    if arguments.view:
        demo.view(output, *(arguments.paper or ()))


def _train(arguments: argparse.Namespace) -> None:
    from napari_fcn_crf import pipeline
    from napari_fcn_crf.model import optimizer_path, read_card

    pairs = _pairs(arguments.pairs)
    base = TrainingSettings.paper() if arguments.paper else TrainingSettings()
    if arguments.resume is not None:
        base = read_card(arguments.resume).training
    settings = read_settings(arguments, TrainingSettings, base)
    output = _model_file(arguments.output)
    read = [pair.read() for pair in pairs]
    images, labels = [image for image, _ in read], [found for _, found in read]
    # What is wrong with them shows before the backend loads, which takes seconds.
    pipeline.check_training_input(images, labels, settings)
    _load_backend(arguments)
    resume = None
    if arguments.resume is not None:
        resume = pipeline.load_model(arguments.resume, optimizer=True)
    with stops_on_interrupt() as should_stop, _bar() as on_progress:
        model = pipeline.train(
            images,
            labels,
            settings,
            on_progress=on_progress,
            should_stop=should_stop,
            checkpoint_path=output,
            resume=resume,
            tensorboard=arguments.tensorboard,
        )
    if arguments.precision != "single":
        pipeline.save_model(model, output, precision=arguments.precision)
        # It goes on from weights that are no longer there.
        optimizer_path(output).unlink(missing_ok=True)
    losses = model.card.losses
    classes = ", ".join(map(str, model.card.class_values))
    stopped = "Stopped after " if should_stop() else ""
    say(
        f"{stopped}{len(losses)} steps, loss {losses[0]:.4g} to {losses[-1]:.4g}, "
        f"labels {classes}. "
        f"Wrote {output}"
    )


def _predict(arguments: argparse.Namespace) -> None:
    from napari_fcn_crf import image_files, pipeline
    from napari_fcn_crf.model import read_card

    settings = read_settings(arguments, PredictionSettings)
    _check_distinct(arguments.images)
    # Mistakes in the first show before the backend loads, which takes seconds.
    card = read_card(arguments.model)
    first = image_files.read_image(arguments.images[0])
    pipeline.check_prediction_input(card, first)
    folder = _folder(arguments.output)
    _load_backend(arguments)
    model = pipeline.load_model(arguments.model)
    for number, path in enumerate(arguments.images):
        image = image_files.read_image(path) if number else first
        with _bar(path.name) as on_progress:
            probabilities = pipeline.predict(model, image, settings, on_progress=on_progress)
        image_files.write_probabilities(
            folder / f"{path.stem}_probabilities.tif", probabilities, card.class_values
        )
        image_files.write_labels(folder / f"{path.stem}_labels.tif", card.to_labels(probabilities))
    count = len(arguments.images)
    say(f"{count} image{'s' if count > 1 else ''} predicted. Wrote {folder}")


def _refine(arguments: argparse.Namespace) -> None:
    import numpy as np

    from napari_fcn_crf import image_files
    from napari_fcn_crf.model import read_card
    from napari_fcn_crf.refinement import limit_threads, refine

    limit_threads(read_settings(arguments, ComputeSettings).threads)
    base = None if arguments.model is None else read_card(arguments.model).crf
    settings = read_settings(arguments, CRFSettings, base)
    image = image_files.read_image(arguments.image)
    read = image_files.read_probabilities(arguments.probabilities)
    class_values = as_label_values(read.class_values)
    folder = _folder(arguments.output)
    with _bar(arguments.image.name) as on_progress:
        marginals = refine(image, read.values, settings, on_progress=on_progress)
    classes = marginals.argmax(axis=0)
    changed = np.mean(classes != read.values.argmax(axis=0))
    stem = arguments.image.stem
    image_files.write_labels(folder / f"{stem}_refined.tif", class_values[classes])
    image_files.write_probabilities(
        folder / f"{stem}_refined_probabilities.tif", marginals, read.class_values
    )
    say(f"{changed:.1%} of the pixels changed. Wrote {folder}")


def _weights(arguments: argparse.Namespace) -> None:
    published = PUBLISHED[arguments.name]
    with stops_on_interrupt() as should_stop, _bar() as on_progress:
        path = fetch(published, weights_folder(arguments.folder), on_progress, should_stop)
    say(f"{published.title} ({published.licence}). Wrote {path}")


def _devices(arguments: argparse.Namespace) -> None:
    from napari_fcn_crf.compute.devices import list_devices

    for device in list_devices(read_settings(arguments, ComputeSettings)):
        free = "" if device.free_bytes is None else f"{device.free_bytes / 2**30:.1f} GiB free"
        say(f"{device.name:8}{device.label:40}{free}".rstrip())


def _load_backend(arguments: argparse.Namespace) -> None:
    settings = read_settings(arguments, ComputeSettings)
    keep_freed_memory()
    with _bar() as on_progress:
        on_progress(Progress(f"Starting {BACKEND_TITLES[settings.backend]}"))
        backend.load_here(settings)


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise ValueError(
            "A command needs a folder to work in, but the folder it was started in is gone. "
            "Change to another one."
        ) from error


def _pairs(given: list[str]) -> list[PairFiles]:
    if len(given) == 1 and Path(given[0]).is_dir():
        return find_pairs(given[0])
    if len(given) % 2:
        raise ValueError(
            f"Each image needs its label image behind it, but {len(given)} files were given. Give "
            "them as IMAGE LABELS IMAGE LABELS ..., or give a folder of them."
        )
    paths = list(map(Path, given))
    return [PairFiles(*paths[first : first + 2]) for first in range(0, len(paths), 2)]


def _model_file(path: Path) -> Path:
    if path.suffix != ".keras":
        raise ValueError(
            f"A model is a file that ends in .keras, but the output is {path.name}. "
            f"Name it {path.with_suffix('.keras').name}."
        )
    _folder(path.parent)
    return path


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"Expected a folder for the results, but {path} is a file.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _check_distinct(images: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in images:
        if path.stem in seen:
            raise ValueError(
                f"The results are named after the images, but {seen[path.stem]} and {path} have "
                "the same name. Predict them into two folders."
            )
        expect_file(path, "an image")
        seen[path.stem] = path


@contextmanager
def _bar(description: str | None = None) -> Iterator[OnProgress]:
    """Give a callback that draws a progress bar on a terminal, and nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(desc=printable(description or ""), disable=None, leave=False, delay=0.01) as bar:
        shown = description

        def show(progress: Progress) -> None:
            nonlocal shown
            if description is None and shown != progress.phase:
                shown = progress.phase
                bar.set_description_str(shown)
            if progress.loss is not None:
                bar.set_postfix_str(f"loss {progress.loss:.4g}", refresh=False)
            bar.total = progress.total or None
            bar.update(progress.current - bar.n)

        yield show


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, MemoryError):
        return str(error) or "There is not enough memory. Use a smaller image."
    return str(error)
