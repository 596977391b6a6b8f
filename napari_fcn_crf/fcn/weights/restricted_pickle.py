"""The pickle inside a PyTorch file, read by an interpreter that can only name tensors.

Python's own unpickler imports and calls whatever a file names. This one knows a few opcodes,
imports nothing, and calls nothing.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass
from typing import Any

SIZE_LIMIT_BYTES = 16 * 2**20
"""A state dict's pickle holds names and shapes; VGG-16's has 2 kB."""

STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}

_DICTIONARY = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_PARAMETER = "torch._utils _rebuild_parameter"
_STORAGES = {f"torch {name}" for name in STORAGE_DTYPES}

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class ForbiddenPickle(ValueError):
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


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str


class _Mark:
    pass


def load_restricted(data: bytes) -> tuple[Any, int]:
    """Read dictionaries, lists, tuples, numbers, text and `StoredTensor`, and nothing else.

    Returns
    -------
    value : object
    length : int
        Bytes of `data` that the pickle takes.

    Raises
    ------
    ForbiddenPickle
        If it contains anything else.
    ValueError, IndexError, TypeError
        If it is damaged.
    """
    stream = io.BytesIO(data[:SIZE_LIMIT_BYTES])
    interpreter = _Interpreter()
    for opcode, argument, _ in pickletools.genops(stream):
        interpreter.step(opcode.name, argument)
    return interpreter.stack[-1], stream.tell()


class _Interpreter:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in ("PROTO", "FRAME", "STOP"):
            return
        if opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _VALUES:
            stack.append(argument)
        elif opcode in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode]())
        elif opcode == "MARK":
            stack.append(_Mark())
        elif opcode == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif opcode in _TUPLES:
            stack.append(tuple([stack.pop() for _ in range(_TUPLES[opcode])][::-1]))
        elif opcode in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if opcode == "MEMOIZE" else argument] = stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        else:
            self._step_on_containers(opcode, argument)

    def _step_on_containers(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in ("SETITEM", "SETITEMS"):
            items = (
                self._pop_to_mark() if opcode == "SETITEMS" else [stack.pop(), stack.pop()][::-1]
            )
            for key, value in zip(items[::2], items[1::2], strict=True):
                _expect(stack[-1], dict)[_expect(key, (str, int))] = value
        elif opcode in ("APPEND", "APPENDS"):
            items = self._pop_to_mark() if opcode == "APPENDS" else [stack.pop()]
            _expect(stack[-1], list).extend(items)
        elif opcode == "GLOBAL":
            stack.append(_global(argument))
        elif opcode == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(_global(f"{module} {name}"))
        elif opcode == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_reduce(_expect(function, _Global).name, _expect(arguments, tuple)))
        elif opcode == "BUILD":
            # State beside a dictionary's items: PyTorch keeps version numbers there.
            stack.pop()
        elif opcode == "BINPERSID":
            stack.append(_storage(_expect(stack.pop(), tuple)))
        else:
            raise ForbiddenPickle(opcode)

    def _pop_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self.stack[-1], _Mark):
            items.append(self.stack.pop())
        self.stack.pop()
        return items[::-1]


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise ForbiddenPickle(f"a {type(value).__name__} out of place")
    return value


def _global(name: str) -> _Global:
    if name not in (_DICTIONARY, _TENSOR, _PARAMETER) and name not in _STORAGES:
        raise ForbiddenPickle(name.replace(" ", "."))
    return _Global(name)


def _reduce(function: str, arguments: tuple[Any, ...]) -> Any:
    if function == _DICTIONARY and not arguments:
        return {}
    if function == _PARAMETER:
        return _expect(arguments[0], StoredTensor)
    if function == _TENSOR:
        storage, offset, shape, strides = arguments[:4]
        _expect(storage, _Storage)
        for number in (offset, *_expect(shape, tuple), *_expect(strides, tuple)):
            if _expect(number, int) < 0:
                raise ForbiddenPickle("a negative size")
        return StoredTensor(storage.dtype, storage.key, offset, shape, strides)
    raise ForbiddenPickle(function)


def _storage(identity: tuple[Any, ...]) -> _Storage:
    # ("storage", type, key, device, count), and one more item in the older form.
    if len(identity) not in (5, 6) or identity[0] != "storage":
        raise ForbiddenPickle("a persistent id")
    name = _expect(identity[1], _Global).name
    if name not in _STORAGES:
        raise ForbiddenPickle(name.replace(" ", "."))
    return _Storage(STORAGE_DTYPES[name.split()[1]], str(_expect(identity[2], (str, int))))
