"""Messages of Kafka whose headers have names that are no UTF-8, which Kafka allows and aiokafka's reader does not.

It raises, and whoever asks for the next message is told the same again for ever. Here the rest of what was fetched is then read
anew, by aiokafka's own slower reader in Python, and such a name comes escaped. What is as it should be is read as ever.
"""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

_Memory: Any = fetcher.MemoryRecords
_Partition: Any = fetcher.PartitionRecords


def read_odd_headers() -> None:
    """Let every consumer of this process read such messages. Done twice, it is as once."""
    fetcher.MemoryRecords = _Fetched
    fetcher.PartitionRecords = _Records


class _Fetched(_Memory):  # type: ignore[misc]  # aiokafka has no types
    """What was fetched of a partition, with its bytes kept at hand."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.content = content


class _Records(_Partition):  # type: ignore[misc]  # aiokafka has no types
    """The records of a partition, one after the other."""

    _records: Any
    _records_iterator: Any

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None  # as it is done there
            raise
        except UnicodeDecodeError:
            if not isinstance(self._records, _Fetched):
                raise
            # From the start of what was fetched; it skips what it has handed out. The sums were checked the first time.
            self._records, self._check_crcs = _Leniently(self._records.content), False
            self._records_iterator = self._unpack_records()
            return next(self)


class _Leniently(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    def next_batch(self, *_: Any) -> Any:
        content = self._next_slice
        batch = super().next_batch()
        if batch is None or batch.magic < 2:  # older formats have no headers
            return batch
        read: Any = _DefaultRecordBatchPy(content)
        iter(read)  # unpacks it
        read._buffer = _Buffer(read._buffer)  # noqa: SLF001 - it decodes names out of here
        return read


class _Buffer(bytearray):
    """Bytes that decode to text whatever they are."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Buffer(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)
