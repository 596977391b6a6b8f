"""Memory: which errors say that there is too little; without any backend."""

from __future__ import annotations

_TYPES = ("OutOfMemoryError", "ResourceExhaustedError")

_SAID = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "RESOURCE_EXHAUSTED",
    # TensorFlow's, of a constant that it finds no room for.
    "Cannot parse tensor from proto",
    # oneDNN's, by which TensorFlow computes on processors. Where it gets no memory for the code
    # that it makes, its status is another one than that of want of memory.
    "Operation received an exception:Status: ",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory is short."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in _TYPES
        or any(text in str(error) for text in _SAID)
    )
