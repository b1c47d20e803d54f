"""Shapes in the annotations of numerics, checked on every call of a function that has some (``conftest.py``)."""

import importlib.machinery
import inspect
import sys
import typing
from collections.abc import Callable
from typing import Any

import beartype
from jaxtyping import AbstractArray, jaxtyped

CHECKER = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # an int passes for a float


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] != "numerics":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        for holder in (module, *(x for x in vars(module).values() if inspect.isclass(x))):
            if getattr(holder, "__module__", module.__name__) == module.__name__:
                for name, held in list(vars(holder).items()):
                    if inspect.isfunction(held) and held.__module__ == module.__name__ and has_shapes(held):
                        setattr(holder, name, checked(held))
                    elif isinstance(held, property) and has_shapes(held.fget):
                        setattr(holder, name, property(checked(held.fget)))


def has_shapes(function: Any) -> bool:
    return any(_is_array(hint) for hint in function.__annotations__.values())


def _is_array(hint: Any) -> bool:
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(_is_array(part) for part in typing.get_args(hint))


def checked(function: Callable) -> Callable:
    return jaxtyped(function, typechecker=CHECKER)


def install() -> None:
    sys.meta_path.insert(0, _Finder)
