"""What a pickle says, read without doing it: no class is looked up, nothing is called, no state is set.

Python's own reader can be kept to a few classes, but it still hands them the state that the file holds, and numpy's
believe it: a dtype with a forged state has numpy follow an address out of the file. Here a call is kept as the words
that it consists of, and :func:`array` makes an array of the bytes among them if they are what an array of bytes would
be saved as.
"""

import math
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

OPCODES = 200_000  # that are read: a batch of CIFAR-10 takes some 40,000


@dataclass(slots=True)
class Global:
    """A function or class by its name, as module.name. It is not looked up."""

    name: str


@dataclass(slots=True)
class Call:
    """A call that is not made, and the state that its result is not given."""

    function: str
    arguments: tuple[Any, ...]
    state: Any = None


# numpy.core is called numpy._core since NumPy 2.
RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")  # since protocol 5
KNOWN = {*RECONSTRUCT, *FROM_BUFFER, "_codecs.encode", "numpy.ndarray", "numpy.dtype"}


def read(body: bytes) -> Any:
    """The value of a pickle, built of None, numbers, bytes, text, tuples, lists and dictionaries by bytes or text.

    Text of Python 2 is read as bytes. In the place of anything else stand :class:`Global` and :class:`Call`.

    Raises:
        Exception: it is damaged, uses what no batch of images does, or names anything but what makes arrays. Of
            whatever kind it fails with: a damaged pickle fails in any way.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def from_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    def last(count: int) -> list[Any]:
        if len(stack) < count:
            raise ValueError("it takes more than it gave")
        items = stack[-count:]
        del stack[-count:]
        return items

    def put(items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, bytes | str):
                raise ValueError("a dictionary has a key that is no text")
            stack[-1][key] = value

    value: Any
    for count, (code, value, _) in enumerate(pickletools.genops(body)):
        if count == OPCODES:
            raise ValueError(f"it has more than {OPCODES:,} instructions")
        match code.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                marks.append(len(stack))
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(code.name == "NEWTRUE")
            case "INT" | "BININT" | "BININT1" | "BININT2" | "LONG" | "LONG1" | "LONG4":
                stack.append(value)
            case "BINSTRING" | "SHORT_BINSTRING":
                stack.append(value.encode("latin-1"))
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8" | "BYTEARRAY8":
                stack.append(bytes(value))
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8" | "UNICODE":
                stack.append(value)
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_TUPLE":
                stack.append(())
            case "LIST":
                stack.append(from_mark())
            case "TUPLE":
                stack.append(tuple(from_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(last(int(code.name[-1]))))
            case "DICT":
                items = from_mark()
                stack.append({})
                put(items)
            case "APPEND":
                [item] = last(1)
                stack[-1].append(item)
            case "APPENDS":
                items = from_mark()
                stack[-1].extend(items)
            case "SETITEM":
                put(last(2))
            case "SETITEMS":
                put(from_mark())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[value] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[value])
            case "GLOBAL" | "STACK_GLOBAL":
                name = ".".join(value.split(" ", 1) if code.name == "GLOBAL" else last(2))
                if name not in KNOWN:
                    raise ValueError(f"it asks for {name}, which is not run")
                stack.append(Global(name))
            case "REDUCE":
                function, arguments = last(2)
                match function, arguments:
                    case Global(name="_codecs.encode"), (str(text), "latin1"):  # protocol 2's way to write bytes
                        stack.append(text.encode("latin-1"))
                    case Global(name=name), (*_,):
                        stack.append(Call(name, arguments))
                    case _:
                        raise ValueError("it calls what is no function")
            case "BUILD":
                [state] = last(1)
                stack[-1].state = state
            case _:
                raise ValueError(f"it uses {code.name}, which no batch of images does")
    raise ValueError("it does not end")


def array(held: Any) -> np.ndarray:
    """The array that a call of :func:`read` speaks of, if it is one of bytes.

    Returns:
        of type uint8 and any shape; it shares the memory of the bytes and cannot be written.

    Raises:
        ValueError: it is not, or the bytes do not fill its shape.
    """
    match held:
        case Call(function=name, arguments=(*_,), state=(_, shape, kind, bool(by_columns), raw)) if name in RECONSTRUCT:
            pass
        case Call(function=name, arguments=(raw, kind, shape, "C" | "F" as order)) if name in FROM_BUFFER:
            by_columns = order == "F"
        case _:
            raise ValueError("it holds no array")
    match kind:
        # The state says in which order bytes lie, and the like; of single bytes there is only one.
        case Call(
            function="numpy.dtype", arguments=("u1" | b"u1", *_), state=(3, "|" | b"|", None, None, None, -1, -1, 0)
        ):
            pass
        case _:
            raise ValueError("it holds an array of another type than uint8")
    if not isinstance(raw, bytes):
        raise ValueError("it holds an array without its bytes")
    # A length above that of the bytes is looked at first: the product of two that fill a file would take hours.
    if not isinstance(shape, tuple) or not all(type(k) is int and 0 <= k <= len(raw) for k in shape):
        raise ValueError("it holds an array whose shape does not fit its bytes")
    if len(shape) > 8 or math.prod(shape) != len(raw):
        raise ValueError(f"it holds an array of shape {shape[:8]} and {len(raw)} bytes")
    return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if by_columns else "C")
