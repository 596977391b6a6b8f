"""The ledger: what was noted is there, whatever happened while it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_fcn_crf.batch.ledger import Entry, Ledger

ENTRY = Entry("a1", "/plate/a1.tif", 10, 20, "hash", "begun", {"a1_refined.tif": -1})


def test_the_last_entry_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    done = replace(ENTRY, state="done", outputs={"a1_refined.tif": 5}, seconds=1.5)
    ledger.add(ENTRY)
    ledger.add(done)
    assert ledger.entries == {"a1": done}
    again = Ledger(tmp_path).entries["a1"]
    assert replace(again, at=0.0) == done
    assert again.at > 0
    assert len((tmp_path / "ledger.jsonl").read_text().splitlines()) == 2


def test_half_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(ENTRY)
    with ledger.path.open("ab") as file:
        file.write(b'{"name": "a2", "inp')
    again = Ledger(tmp_path)
    assert set(again.entries) == {"a1"}
    again.add(replace(ENTRY, name="a3"))
    assert set(Ledger(tmp_path).entries) == {"a1", "a3"}


def test_what_is_no_entry_is_left_alone(tmp_path: Path) -> None:
    lines = ["[]", "1", '{"name": 1}', '{"name": "b", "size": "x"}', "\x00", '{"state": "done"}']
    (tmp_path / "ledger.jsonl").write_text("\n".join(lines))
    assert Ledger(tmp_path).entries == {}


def test_parts_read_each_others(tmp_path: Path) -> None:
    Ledger(tmp_path, "1-of-2").add(ENTRY)
    other = Ledger(tmp_path, "2-of-2")
    assert set(other.entries) == {"a1"}
    other.add(replace(ENTRY, state="failed", error="why"))
    assert Ledger(tmp_path).entries["a1"].state == "failed"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    Ledger(tmp_path).add(replace(ENTRY, name=name))
    assert set(Ledger(tmp_path).entries) == {name}
