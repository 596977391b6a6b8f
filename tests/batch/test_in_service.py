"""A batch in the compute process that napari keeps: the command's results, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import zarr

from napari_fcn_crf.batch.in_service import Ended, InService, UnderWay, segment_in_service
from napari_fcn_crf.batch.inputs import Item, images_of, items_of
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.batch.plan import Plan, make_plan
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.run import run_batch
from napari_fcn_crf.compute.parent.service import Call, ComputeService, Job
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import ComputeSettings, CRFSettings
from tests.batch.test_batch import batch, contents

RECIPE = Recipe(crf=CRFSettings(iterations=2))


@pytest.fixture(scope="module")
def service() -> Iterator[ComputeService]:
    service = ComputeService()
    service.configure(ComputeSettings(device="cpu"))
    yield service
    service.close()


def planned(model: Path, images: Path, out: Path) -> tuple[Plan, Ledger, str]:
    """Return what there is to do in a folder, as a window finds out."""
    out.mkdir(exist_ok=True)
    items, ledger = items_of(images_of(images), out, RECIPE), Ledger(out)
    job = RECIPE.digest(file_sha256(model))
    return make_plan(items, ledger.entries, job, retry_failed=True), ledger, job


def start(
    service: ComputeService, model: Path, images: Path, out: Path
) -> tuple[Job[dict[Item, str]], list[Item]]:
    """Start to segment a folder; return the job and what it is to do."""
    plan, ledger, job = planned(model, images, out)
    return segment_in_service(service, plan, ledger, job, model, RECIPE), list(plan.to_do)


def test_files_are_those_of_the_command_and_one_that_is_broken_stops_no_other(
    service: ComputeService, plate: Path, tmp_path: Path, model_path: Path
) -> None:
    (plate / "a2.tif").write_bytes(b"no picture at all")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    job, to_do = start(service, model_path, plate, ours)
    events = [event.partial for event in job.events() if event.partial is not None]
    failed = job.result()
    assert {item.name for item in failed} == {"a2"}
    assert "a2.tif" in next(iter(failed.values()))
    ended = [event for event in events if isinstance(event, Ended)]
    assert [event.item for event in ended] == to_do
    assert [bool(event.outcome.error) for event in ended] == [False, True, False, False]
    under_way = [event for event in events if isinstance(event, UnderWay)]
    assert {event.item.name for event in under_way} >= {"a1", "a3", "a4"}
    assert batch(model_path, plate, "-o", theirs, "--iterations", 2) == 3
    assert contents(ours) == contents(theirs)

    # What one of the two has done, the other leaves.
    (ours / "a3_refined.tif").unlink()
    assert batch(model_path, plate, "-o", ours, "--iterations", 2) == 3
    assert contents(ours) == contents(theirs)
    assert [item.name for item in planned(model_path, plate, ours)[0].to_do] == ["a2"]


def test_a_cancelled_run_keeps_what_is_done_and_is_gone_on_with(
    service: ComputeService, plate: Path, tmp_path: Path, model_path: Path
) -> None:
    out = tmp_path / "out"
    plan, ledger, key = planned(model_path, plate, out)

    def work(job: Job[None], call: Call) -> None:
        executor = InService(call, model_path, RECIPE, 0)
        run_batch(plan, ledger, key, executor, lambda *_: job.cancel(), lambda *_: None)

    with pytest.raises(Cancelled):
        service.start("segmenting", work).result()
    assert list(contents(out)) == ["a1_refined.tif"]
    job, to_do = start(service, model_path, plate, out)
    assert [item.name for item in to_do] == ["a2", "a3", "a4"]
    assert job.result() == {}
    assert set(contents(out)) == {f"a{number}_refined.tif" for number in range(1, 5)}


def test_an_image_whose_process_is_killed_is_done_by_the_next(
    service: ComputeService, plate: Path, tmp_path: Path, model_path: Path
) -> None:
    job, _ = start(service, model_path, plate, tmp_path / "out")
    killed = False
    for event in job.events():
        if isinstance(event.partial, UnderWay) and not killed:
            killed = True
            assert service.pid is not None
            psutil.Process(service.pid).kill()
    assert killed
    assert job.result() == {}
    assert len(contents(tmp_path / "out")) == 4


def test_a_zarr_folder_is_done_block_by_block(
    service: ComputeService, tmp_path: Path, model_path: Path, tiny_image: np.ndarray
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    store = zarr.create_array(
        str(images / "cat.zarr"), shape=tiny_image.shape, chunks=(32, 32, 3), dtype="uint8"
    )
    store[:] = tiny_image
    job, to_do = start(service, model_path, images, images)
    assert job.result() == {}
    assert (images / "cat_refined.zarr").is_dir()
    # Beside the image, where neither the result nor the ledger is taken for an image.
    assert not planned(model_path, images, images)[0].to_do
    assert [item.name for item in to_do] == ["cat"]
