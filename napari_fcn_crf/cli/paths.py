"""Where results go."""

from __future__ import annotations

from pathlib import Path


def model_file(path: Path) -> Path:
    """Return the path of a model to write, whose folder is made."""
    if path.suffix != ".keras":
        raise ValueError(
            f"A model is a file that ends in .keras, but the output is {path.name}. "
            f"Name it {path.with_suffix('.keras').name}."
        )
    folder_for_results(path.parent)
    return path


def folder_for_results(path: Path) -> Path:
    """Return the path of a folder to write into, which is made."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"Expected a folder for the results, but {path} is a file.")
    path.mkdir(parents=True, exist_ok=True)
    return path
