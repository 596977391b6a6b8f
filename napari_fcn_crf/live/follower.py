"""Follower of strokes: from what is annotated now to the labels of what is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.live.region import Region
from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.plane_pixels import PlanePixels
from napari_fcn_crf.fcn.linear.columns import Columns
from napari_fcn_crf.fcn.linear.moments import Kept, Moments
from napari_fcn_crf.fcn.linear.pixels import MOST_PIXELS
from napari_fcn_crf.live.annotated import Annotated, Index, annotated_pixels, class_values
from napari_fcn_crf.live.live_plane import Found, LivePlane
from napari_fcn_crf.live.memory import StrokeMemory
from napari_fcn_crf.live.patch import Patch, Place
from napari_fcn_crf.live.stroke_classifier import Solution, StrokeClassifier, Strokes
from napari_fcn_crf.progress import ShouldStop
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import ClassWeights, CRFSettings, TrainingSettings

BUDGET_BYTES = 2**30
"""Features of planes beyond this are computed again when they are looked at."""

BYTES_OF_PIXEL = 192
"""What the features of one take: 96 of 16 bits."""

LARGEST_WINDOW_PX = 2**21
"""Of what is looked at of a plane whose features are more than the budget."""

STROKE_CELL_PX = 256
"""Around strokes of which nothing is known, windows of such a grid are computed."""


@dataclass(frozen=True, eq=False)
class Painted:
    """A picture and what is painted on it.

    Parameters
    ----------
    key : hashable
        By which it is known again; another one when its pixels are others.
    picture : Picture
    labels : array of int, optional
        In the picture's shape, but for planes of one in front.
    """

    key: Hashable
    picture: Picture
    labels: Any = None


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be segmented, and by what.

    Parameters
    ----------
    painted : tuple of Painted
        The first is looked at; the strokes of all count.
    index : tuple of int
        Of the plane that is looked at.
    corners : tuple of tuple of float
        First and last row and column that are seen.
    settings : TrainingSettings
        Architecture, backbone, weights, seed, class weights and what labels mean are used.
    crf : CRFSettings
    keeps_strokes : bool
        Whether annotated pixels stay as they are.
    at_rest : bool
        Whether the whole plane is to be segmented, not only what is seen.
    """

    painted: tuple[Painted, ...]
    index: Index
    corners: tuple[tuple[float, float], tuple[float, float]]
    settings: TrainingSettings
    crf: CRFSettings
    keeps_strokes: bool = True
    at_rest: bool = False

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns of the plane that is looked at."""
        rows, columns = self.painted[0].picture.spatial_shape[-2:]
        return rows, columns

    @property
    def is_large(self) -> bool:
        """Whether the features of the plane that is looked at are more than is kept."""
        return _is_large(self.plane_shape)

    @property
    def seen(self) -> Region:
        """The region that is seen."""
        return Region.visible(*self.corners, self.plane_shape)

    @property
    def sees_all(self) -> bool:
        """Whether all pixels of the plane are seen."""
        rows, columns = self.plane_shape
        return self.seen == Region((0, rows), (0, columns), 1)


@dataclass(frozen=True, eq=False)
class Followed:
    """Labels that follow the strokes.

    Parameters
    ----------
    asked : Asked
    region : Region
        Of the plane, at whose pixels the labels are.
    labels : array of int, shape `(rows, columns)`
    before : array of int, shape `(rows, columns)`
        The labels before the CRF.
    probabilities, marginals : array of float32, shape `(n_classes, rows, columns)`
        Before and after the CRF.
    class_values : tuple of int
    is_whole : bool
        Whether they are of the whole plane, at each pixel, and of all strokes there are.
    """

    asked: Asked
    region: Region
    labels: npt.NDArray[np.integer]
    before: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.float32]
    marginals: npt.NDArray[np.float32]
    class_values: tuple[int, ...]
    is_whole: bool


@dataclass(eq=False)
class _Strokes:
    """What is annotated now, with the features that are known."""

    values: tuple[int, ...] = ()
    of_pictures: list[list[Annotated]] = field(default_factory=list)
    solution: Solution | None = None
    missing: list[Place] = field(default_factory=list)
    checksum: tuple[Hashable, ...] = ()


class Follower:
    """Keeps features, and segments with them after each stroke.

    Not for two threads at a time.

    Parameters
    ----------
    intensities : callable
        Returns how each of some pictures is brought to the 0-255 scale, as for a training on them.
    """

    def __init__(self, intensities: Callable[[list[Picture]], list[IntensityMapping]]) -> None:
        self._intensities = intensities
        self._forget()

    def _forget(self) -> None:
        self._patches: OrderedDict[Place, Patch] = OrderedDict()
        self._memory = StrokeMemory()
        self._numbers: dict[Hashable, int] = {}
        self._pixels: dict[int, Picture] = {}
        self._mappings: dict[int, IntensityMapping] = {}
        self._mapped_for: tuple[int, ...] = ()
        self._network: tuple[object, ...] = ()
        self._kept: Kept | None = None
        self._classifier: StrokeClassifier | None = None
        self._weighted: ClassWeights = "balanced"
        self._strokes = _Strokes()

    def turn_to(self, asked: Asked) -> None:
        """Take in what is annotated now, and solve for it if that is something else than before.

        What was kept of pictures that are gone, or for another network, is forgotten.
        """
        settings = asked.settings
        network = (
            settings.architecture,
            settings.backbone,
            str(settings.starting_weights),
            settings.seed,
        )
        if network != self._network:
            self._forget()
            self._network = network
        numbers = [self._number_of(one) for one in asked.painted]
        for key, number in list(self._numbers.items()):
            if number not in numbers:
                del self._numbers[key]
                self._drop(number)
        if tuple(numbers) != self._mapped_for:
            mappings = self._intensities([self._pixels[number] for number in numbers])
            for number, mapping in zip(numbers, mappings, strict=True):
                if self._mappings.get(number, mapping) != mapping:
                    self._drop(number)
                self._mappings[number] = mapping
            self._mapped_for = tuple(numbers)
        self._solve(asked, numbers)

    @property
    def class_values(self) -> tuple[int, ...]:
        """Of what is annotated."""
        return self._strokes.values

    def wanted(self, asked: Asked) -> list[Place]:
        """Return the places whose features are needed and not there, the most urgent first."""
        exact, wanted = self._exact(asked), []
        if exact is not None and exact not in self._patches:
            draft = exact.drafted()
            if draft is not None and draft not in self._patches:
                wanted.append(draft)
            wanted.append(exact)
        others = [place for place in self._strokes.missing if place not in wanted]
        if self._strokes.solution is None and wanted[:1] not in ([], [exact]):
            # Where what is seen tells of one class only, the others are elsewhere.
            return [wanted[0], *others, *wanted[1:]]
        return [*wanted, *others]

    def pixels(self, place: Place) -> npt.NDArray[np.float32]:
        """Return the pixels `(rows, columns, channels)` whose features `keep` is to be given."""
        around, _ = place.around(self._shape(place))
        return self._image(place, around)

    def keep(self, place: Place, features: Any) -> None:
        """Keep the features of a place.

        Parameters
        ----------
        place : Place
        features : PlaneFeatures
            Of its `pixels`.
        """
        if place.picture not in self._numbers.values():
            return
        _, inside = place.around(self._shape(place))
        values = features.values[inside]
        if values.shape != features.values.shape:
            values = values.copy()
        moments = Moments.of_sums(features.sums, features.squares, features.count)
        plane = LivePlane(self._image(place, place.region), Columns(values, features.unit), moments)
        self._kept = Kept(features.gain, features.epsilon, features.sharpness)
        patch = Patch(place, plane)
        self._patches[place] = patch
        if not place.is_draft:
            self._memory.keep_moments(place, moments)
            for draft in [one for one in self._patches if _is_draft_of(one, place)]:
                del self._patches[draft]
        total = sum(one.plane.nbytes for one in self._patches.values())
        for old in list(self._patches):
            if total <= BUDGET_BYTES or old == place:
                break
            total -= self._patches.pop(old).plane.nbytes
        self._strokes.checksum = ()

    def follow(self, asked: Asked, should_stop: ShouldStop | None = None) -> Followed | None:
        """Return labels of what is seen, or at rest of the whole plane; None if it cannot be yet.

        Parameters
        ----------
        asked : Asked
            As `turn_to` was given before.
        should_stop : callable, optional
            Asked between iterations of the CRF; true returns what there is.
        """
        solution, patch = self._strokes.solution, self._best(asked)
        if solution is None or patch is None:
            return None
        values = self._strokes.values
        mine = [one for one in self._strokes.of_pictures[0] if one.index == asked.index]
        annotated = None
        if mine and asked.keeps_strokes and asked.settings.labels == "scribbles":
            classes = np.searchsorted(values, mine[0].values)
            annotated = patch.clamps(mine[0], classes)
        found: Found = patch.segment(
            solution, asked.crf, None if asked.at_rest else asked.seen, annotated, should_stop
        )
        rows, columns = asked.plane_shape
        is_all = found.region == Region((0, rows), (0, columns), 1)
        is_whole = is_all and not patch.place.is_draft and not self._strokes.missing
        numbers = as_label_values(values)
        return Followed(
            asked,
            found.region,
            most_probable(found.marginals, numbers),
            most_probable(found.probabilities, numbers),
            found.probabilities,
            found.marginals,
            values,
            is_whole,
        )

    def key(self, asked: Asked) -> tuple[Hashable, ...]:
        """Return what `follow` depends on, the region last: the same need not be computed again."""
        patch = self._best(asked)
        return (
            self._strokes.checksum,
            bool(self._strokes.missing),
            None if patch is None else patch.place,
            asked.crf,
            asked.keeps_strokes,
            None if asked.at_rest or asked.sees_all else asked.seen,
        )

    def is_other(self, asked: Asked, before: Asked) -> bool:
        """Return whether there is more to it than what `turn_to` was given before.

        Another stroke, plane, region or setting: what is being computed is then of no use.
        """
        seen = None if asked.at_rest else asked.seen
        return (
            [one.key for one in asked.painted] != [one.key for one in before.painted]
            or (asked.index, asked.settings, asked.crf, asked.keeps_strokes)
            != (before.index, before.settings, before.crf, before.keeps_strokes)
            or (seen is not None and seen != before.seen)
            or self._annotated(asked)[1] != self._strokes.checksum
        )

    @property
    def strokes(self) -> Hashable:
        """Which are annotated now: something else after each of them."""
        return self._strokes.checksum

    def is_too_large(self, asked: Asked) -> bool:
        """Return whether more is seen than features are computed of at a time."""
        return self._exact(asked) is None

    def _annotated(self, asked: Asked) -> tuple[list[list[Annotated]], tuple[Hashable, ...]]:
        """Return what is annotated now on each picture, and by what that is known again."""
        mode, ignored = asked.settings.labels, asked.settings.ignore_label
        numbers = [self._numbers[one.key] for one in asked.painted]
        each: list[list[Annotated]] = []
        for number, one in zip(numbers, asked.painted, strict=True):
            shape = self._pixels[number].spatial_shape
            labels = None if one.labels is None else as_label_array(one.labels).reshape(shape)
            each.append([] if labels is None else annotated_pixels(labels, mode, ignored))
        return each, (
            mode,
            asked.settings.class_weights,
            *((one.index, one.checksum) for of_picture in each for one in of_picture),
            *((number, len(of_picture)) for number, of_picture in zip(numbers, each, strict=True)),
        )

    def _solve(self, asked: Asked, numbers: list[int]) -> None:
        settings = asked.settings
        each, checksum = self._annotated(asked)
        if checksum == self._strokes.checksum:
            return
        values = class_values([one for of_picture in each for one in of_picture])
        rng = np.random.default_rng(settings.seed)
        most = MOST_PIXELS // max(1, sum(map(len, each)))
        strokes: list[Strokes] = []
        missing: list[Place] = []
        for number, of_picture in zip(numbers, each, strict=True):
            for of_plane in of_picture:
                found = self._known(number, of_plane.some(most, rng), values)
                strokes += found.strokes
                missing += found.missing
        solution = None
        present = {int(index) for one in strokes for index in np.unique(one.classes)}
        if self._kept is not None and len(values) > 1 and len(present) == len(values):
            if self._classifier is None or self._weighted != settings.class_weights:
                self._classifier = StrokeClassifier(self._kept, settings.class_weights)
                self._weighted = settings.class_weights
            solution = self._classifier.solve(strokes, values)
        self._strokes = _Strokes(values, each, solution, missing, checksum)

    def _known(self, number: int, annotated: Annotated, values: tuple[int, ...]) -> _Known:
        """Return the strokes of one plane whose features are known, and where they are not."""
        classes = np.searchsorted(values, annotated.values)
        patches = [
            patch
            for place, patch in self._patches.items()
            if (place.picture, place.index) == (number, annotated.index)
        ]
        known = np.zeros(len(classes), bool)
        parts: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]] = []
        for patch in [one for one in patches if not one.place.is_draft]:
            which = patch.holds(annotated) & ~known
            if which.any():
                parts.append((np.flatnonzero(which), patch.features(annotated, which)))
                known |= which
        plane = (number, annotated.index)
        rest = np.flatnonzero(~known)
        if len(rest):
            at, features = self._memory.recall(plane, annotated.positions[rest])
            if len(at):
                parts.append((rest[at], features))
                known[rest[at]] = True
        if parts:
            self._memory.remember(plane, annotated.positions, parts)
        missing = []
        if not known.all():
            rows, columns = annotated.rows_and_columns
            missing = self._places_of(number, annotated.index, rows[~known], columns[~known])
        if not parts:
            for patch in patches:
                which = patch.holds(annotated)
                if which.any():
                    chosen = classes[which]
                    features = patch.features(annotated, which)
                    return _Known([Strokes(features, chosen, patch.plane.moments)], missing)
            return _Known([], missing)
        order = np.concatenate([at for at, _ in parts])
        sorting = np.argsort(order)
        features = np.concatenate([found for _, found in parts])[sorting]
        moments = self._memory.moments(plane)
        return _Known([Strokes(features, classes[order[sorting]], moments)], missing)

    def _places_of(
        self, number: int, index: Index, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
    ) -> list[Place]:
        height, width = self._pixels[number].spatial_shape[-2:]
        if not _is_large((height, width)):
            return [Place(number, index, Region((0, height), (0, width), 1))]
        cells = np.unique(np.stack([rows, columns], 1) // STROKE_CELL_PX, axis=0).tolist()
        return [
            Place(number, index, Region(_span(row, height), _span(column, width), 1))
            for row, column in cells
        ]

    def _exact(self, asked: Asked) -> Place | None:
        """Return the place whose features tell of what is seen; None if that is too much."""
        number = self._numbers[asked.painted[0].key]
        rows, columns = asked.plane_shape
        if not asked.is_large:
            return Place(number, asked.index, Region((0, rows), (0, columns), 1))
        seen = replace(asked.seen, step=1)
        return Place(number, asked.index, seen) if seen.pixels <= LARGEST_WINDOW_PX else None

    def _best(self, asked: Asked) -> Patch | None:
        exact = self._exact(asked)
        draft = None if exact is None else exact.drafted()
        for place in (exact, draft):
            if place is not None and place in self._patches:
                self._patches.move_to_end(place)
                return self._patches[place]
        return None

    def _number_of(self, painted: Painted) -> int:
        if painted.key not in self._numbers:
            number = self._numbers[painted.key] = max(self._numbers.values(), default=-1) + 1
            picture = painted.picture
            if not hasattr(picture.array, "__getitem__"):
                picture = replace(picture, array=np.asarray(picture.array))
            self._pixels[number] = picture
        return self._numbers[painted.key]

    def _drop(self, number: int) -> None:
        for place in [one for one in self._patches if one.picture == number]:
            del self._patches[place]
        self._memory.forget(number)
        self._mappings.pop(number, None)
        if number not in self._numbers.values():
            self._pixels.pop(number, None)
        self._strokes.checksum = ()

    def _shape(self, place: Place) -> tuple[int, int]:
        rows, columns = self._pixels[place.picture].spatial_shape[-2:]
        return rows, columns

    def _image(self, place: Place, region: Region) -> npt.NDArray[np.float32]:
        plane = PlanePixels(self._pixels[place.picture], place.index)
        return self._mappings[place.picture].apply(plane[region.slices])


@dataclass(frozen=True)
class _Known:
    strokes: list[Strokes]
    missing: list[Place]


def _is_large(shape: tuple[int, int]) -> bool:
    return shape[0] * shape[1] * BYTES_OF_PIXEL > BUDGET_BYTES


def _is_draft_of(draft: Place, exact: Place) -> bool:
    region = replace(draft.region, step=1)
    return draft.is_draft and replace(draft, region=region) == exact


def _span(cell: int, side: int) -> tuple[int, int]:
    return cell * STROKE_CELL_PX, min(side, (cell + 1) * STROKE_CELL_PX)
