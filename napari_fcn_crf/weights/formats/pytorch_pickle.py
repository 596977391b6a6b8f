"""Pickle inside a PyTorch file, of which only names and shapes of tensors are taken.

Python's own unpickler imports and calls whatever a file names. Here it may name nothing but
tensors, which become records of where their numbers are; it imports nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.weights.formats.tensors import LARGEST_SIZE, MOST_AXES

STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}

# PyTorch writes protocol 2; the others are those of the same things in protocol 4.
_OPCODES = (
    pickle.PROTO,
    pickle.FRAME,
    pickle.STOP,
    pickle.MARK,
    pickle.NONE,
    pickle.NEWTRUE,
    pickle.NEWFALSE,
    pickle.BININT,
    pickle.BININT1,
    pickle.BININT2,
    pickle.LONG1,
    pickle.BINFLOAT,
    pickle.BINUNICODE,
    pickle.SHORT_BINUNICODE,
    pickle.EMPTY_LIST,
    pickle.EMPTY_TUPLE,
    pickle.TUPLE,
    pickle.TUPLE1,
    pickle.TUPLE2,
    pickle.TUPLE3,
    pickle.BINPUT,
    pickle.LONG_BINPUT,
    pickle.MEMOIZE,
    pickle.BINGET,
    pickle.LONG_BINGET,
    pickle.SETITEM,
    pickle.SETITEMS,
    pickle.APPEND,
    pickle.APPENDS,
    pickle.GLOBAL,
    pickle.STACK_GLOBAL,
    pickle.REDUCE,
    pickle.BINPERSID,
)


class ForbiddenPickle(InputError):
    """The pickle asks for more than tensors."""


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor's numbers are.

    Parameters
    ----------
    dtype : str
        Of numpy.
    key : str
        Of the storage.
    offset : int
        Of the first number in the storage.
    shape, strides : tuple of int
    """

    dtype: str
    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def load_restricted(file: IO[bytes]) -> Any:
    """Read one pickle of dictionaries, lists, tuples, numbers, text and `StoredTensor`.

    Memory is a small multiple of the file's size.

    Raises
    ------
    ForbiddenPickle
        If it contains anything else.
    pickle.UnpicklingError, struct.error, LookupError, TypeError, ValueError, EOFError, \
    AttributeError, OverflowError
        If it is damaged.
    """
    return _Unpickler(file).load()


class _Dictionary(dict[Any, Any]):
    # What is nested deeply, or again and again, could not be hashed.
    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_expect(key, (str, int)), value)


@dataclass(frozen=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str


class _Opcodes(dict[int, Callable[..., Any]]):
    def __missing__(self, opcode: int) -> Callable[..., Any]:
        raise ForbiddenPickle(f"opcode {opcode}")


# The one in Python, whose memo is a dictionary: a few bytes make the one in C allocate gigabytes.
class _Unpickler(pickle._Unpickler):
    stack: list[Any]
    dispatch = _Opcodes((opcode[0], pickle._Unpickler.dispatch[opcode[0]]) for opcode in _OPCODES)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CLASSES:
            return _CLASSES[module, name]
        raise ForbiddenPickle(quoted(f"{module}.{name}", 20))

    def persistent_load(self, pid: Any) -> _Storage:
        # ("storage", type, key, device, count), and one more item in the older form.
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise ForbiddenPickle("a persistent id")
        key = str(_expect(pid[2], (str, int)))
        return _Storage(_expect(pid[1], _StorageType).dtype, key)

    def _load_dictionary(self) -> None:
        self.stack.append(_Dictionary())

    def _load_build(self) -> None:
        # State beside a dictionary's items: PyTorch keeps version numbers there.
        self.stack.pop()

    dispatch[pickle.EMPTY_DICT[0]] = _load_dictionary
    dispatch[pickle.BUILD[0]] = _load_build


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise ForbiddenPickle(f"a {type(value).__name__} out of place")
    return value


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    for sizes in (_expect(shape, tuple), _expect(strides, tuple)):
        if len(sizes) > MOST_AXES:
            raise ForbiddenPickle("too many axes")
    for number in (offset, *shape, *strides):
        if not 0 <= _expect(number, int) <= LARGEST_SIZE:
            raise ForbiddenPickle("a size that none has")
    _expect(storage, _Storage)
    return StoredTensor(storage.dtype, storage.key, offset, shape, strides)


def _parameter(tensor: Any, *_: Any) -> StoredTensor:
    found: StoredTensor = _expect(tensor, StoredTensor)
    return found


def _no_items() -> _Dictionary:
    return _Dictionary()


_CLASSES = {
    ("collections", "OrderedDict"): _no_items,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
} | {("torch", name): _StorageType(dtype) for name, dtype in STORAGE_DTYPES.items()}
