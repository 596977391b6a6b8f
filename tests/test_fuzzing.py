"""Whatever becomes of a file, it is read or refused in a sentence, at once and in little memory."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from napari_fcn_crf.input_error import InputError
from tests.fuzzing import Kind, kinds, mutate, tiny_widths

ATTEMPTS = {"network.keras": 5, "optimizer.keras": 20}
KINDS = kinds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_damage_is_told_in_a_sentence(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_widths(monkeypatch)
    path = tmp_path / kind.name
    kind.write(path)
    kind.read(path)
    content = path.read_bytes()
    generator = random.Random(kind.name)
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(ATTEMPTS.get(kind.name, 60)):
            path.write_bytes(mutate(content, generator))
            try:
                kind.read(path)
            except InputError as error:
                refused += 1
                sentence = str(error)
                assert sentence.isprintable()
                assert len(sentence) <= 300
                assert sentence[0].isupper() or sentence.startswith(path.name)
                assert sentence.endswith(".")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused
    assert peak < 500 * 2**20
