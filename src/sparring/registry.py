"""A table from name to class, imported when first used; an unknown name gets the same error everywhere."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from sparring.errors import UsageError, did_you_mean


class Registry(Mapping[str, Any]):
    """Names of one kind of part, each with the place where it is defined ("package.module:Class").

    The module of a part is imported when the part is first asked for, so a table costs nothing.
    """

    def __init__(self, kind: str, places: dict[str, str]) -> None:
        self.kind = kind
        self._places = dict(places)

    def __getitem__(self, name: str) -> Any:
        if name not in self._places:
            raise UsageError(f"There is no {self.kind} named {name!r}. {did_you_mean(name, self._places)}")
        module, _, attribute = self._places[name].partition(":")
        return getattr(import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
