"""JSON for applications of the library that gives back what it was given."""

from typing import Any

from eventsourcing.persistence import JSONTranscoder, Transcoding


class _TupleAsList(Transcoding):
    type = tuple
    name = "tuple_as_list"

    def encode(self, obj: tuple[Any, ...]) -> list[Any]:
        return list(obj)

    def decode(self, data: list[Any]) -> tuple[Any, ...]:
        return tuple(data)


class ExactTranscoder(JSONTranscoder):
    """The library's transcoder, where JSON's own types do not hide others.

    The stock one asks for a transcoding only where JSON knows no answer: a tuple comes back as a list, a `str` of somebody's
    own class as plain `str`, and an aggregate from a snapshot is another than the one from its events. What either wrote,
    both read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register(_TupleAsList())

    def encode(self, obj: Any) -> bytes:
        """The bytes of an object."""
        return super().encode(self._plain(obj))

    def _plain(self, obj: Any) -> Any:
        """The same with every registered type spelled out; the rest is left to JSON."""
        transcoding = self.types.get(type(obj))
        if transcoding is not None:
            return {"_type_": transcoding.name, "_data_": self._plain(transcoding.encode(obj))}
        if isinstance(obj, dict):
            return {key: self._plain(value) for key, value in obj.items()}
        if isinstance(obj, list | tuple):
            return [self._plain(value) for value in obj]
        return obj
