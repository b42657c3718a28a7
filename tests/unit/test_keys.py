"""Keys: what they seal and tag, under a key-encryption key of any origin, and what their errors keep to themselves."""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import keys as keys_module
from infra.keys import KeyRing, WrongKeyError
from infra.master_key import LocalKey

MASTER = bytes(range(32))
STORED = msgspec.json.decode((Path(__file__).parents[1] / "stored" / "keys.json").read_bytes())
"""Written by the first version of the code, under `MASTER`: ledgers hold such bytes."""

ONE, OTHER = UUID(int=1), UUID(int=2)
SECRET = "王小明 440304195001010019".encode()

people = st.lists(st.tuples(st.uuids(), st.binary(max_size=200)), max_size=8)


class Counted(LocalKey):
    """A key-encryption key that counts what it is asked."""

    def __init__(self, master: bytes = MASTER) -> None:
        super().__init__(master)
        self.wraps: list[int] = []
        self.unwraps: list[int] = []

    def wrap(self, retirees: Sequence[UUID], keys: Sequence[bytes]) -> list[bytes]:
        self.wraps.append(len(retirees))
        return super().wrap(retirees, keys)

    def unwrap(self, retirees: Sequence[UUID], wrapped: Sequence[bytes]) -> list[bytes]:
        self.unwraps.append(len(retirees))
        return super().unwrap(retirees, wrapped)


# Sealing and tagging


@given(people)
def test_what_was_sealed_opens_in_this_process_and_in_another(told: list[tuple[UUID, bytes]]) -> None:
    ours, another = KeyRing(MASTER), KeyRing(MASTER)
    retirees = [retiree for retiree, _ in told]
    wrapped = ours.new_keys(retirees)
    plain = [text for _, text in told]
    sealed = ours.seal_all(list(zip(retirees, wrapped, plain, strict=True)))
    for ring in (ours, another):
        assert ring.open_all(list(zip(retirees, wrapped, sealed, strict=True))) == plain
        assert [ring.open(*item) for item in zip(retirees, wrapped, sealed, strict=True)] == plain


@given(st.text(), st.lists(st.text()))
def test_a_batch_tags_as_one_by_one(kind: str, texts: list[str]) -> None:
    ring = KeyRing(MASTER)
    assert ring.tags(kind, texts) == [ring.tag(kind, text) for text in texts]


@given(st.binary())
def test_a_batch_of_one_and_a_single_understand_each_other(plain: bytes) -> None:
    ring = KeyRing(MASTER)
    wrapped = ring.new_key(ONE)
    assert ring.open_all([(ONE, wrapped, ring.seal(ONE, wrapped, plain))]) == [plain]
    assert ring.open(ONE, wrapped, *ring.seal_all([(ONE, wrapped, plain)])) == plain
    assert ring.open_letter(ring.seal_letter(plain)) == plain


def test_every_nonce_and_every_key_is_another() -> None:
    ring = KeyRing(MASTER)
    wrapped = ring.new_keys([ONE] * 100)
    sealed = ring.seal_all([(ONE, wrapped[0], SECRET)] * 100)
    assert len({one[:12] for one in (*wrapped, *sealed)}) == 200
    assert len({ring._recent.find(ONE.bytes + one) for one in wrapped}) == 100


def test_what_the_first_version_wrote_is_read_and_tagged_the_same() -> None:
    ring = KeyRing(bytes.fromhex(STORED["master"]))
    assert ring.fingerprint.hex() == STORED["fingerprint"]
    for one in STORED["retirees"]:
        given = UUID(one["retiree"]), bytes.fromhex(one["wrapped"])
        assert ring.open(*given, bytes.fromhex(one["sealed"])).decode() == one["plain"]
        assert ring.open(*given, ring.seal(*given, SECRET)) == SECRET
    for one in STORED["tags"]:
        assert ring.tag(one["kind"], one["text"]).hex() == one["tag"]
    assert ring.open_letter(bytes.fromhex(STORED["letter"]["sealed"])).decode() == STORED["letter"]["plain"]


# What does not fit


def altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("fresh", [True, False], ids=["key unknown", "key at hand"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda retiree, wrapped, sealed: (OTHER, wrapped, sealed),
        lambda retiree, wrapped, sealed: (retiree, altered(wrapped), sealed),
        lambda retiree, wrapped, sealed: (retiree, wrapped, altered(sealed)),
        lambda retiree, wrapped, sealed: (retiree, wrapped, sealed[:20]),
        lambda retiree, wrapped, sealed: (retiree, b"", sealed),
        lambda retiree, wrapped, sealed: (retiree, wrapped, b""),
    ],
    ids=["another retiree", "wrapped altered", "sealed altered", "sealed cut", "nothing wrapped", "nothing sealed"],
)
def test_what_does_not_fit_is_an_error_that_names_nobody(
    spoil: Callable[[UUID, bytes, bytes], tuple[UUID, bytes, bytes]], fresh: bool
) -> None:
    ring = KeyRing(MASTER)
    wrapped = ring.new_key(ONE)
    item = spoil(ONE, wrapped, ring.seal(ONE, wrapped, SECRET))
    with pytest.raises(WrongKeyError) as caught:
        (KeyRing(MASTER) if fresh else ring).open_all([item])
    said = "".join(traceback.format_exception(caught.value))
    for telling in (str(ONE), ONE.hex, str(OTHER), "王小明", repr(wrapped), MASTER.hex()):
        assert telling not in said


def test_a_key_for_one_retiree_seals_nothing_for_another() -> None:
    ring = KeyRing(MASTER)
    with pytest.raises(WrongKeyError):
        ring.seal(OTHER, ring.new_key(ONE), SECRET)


def test_under_another_key_nothing_opens() -> None:
    ring, another = KeyRing(MASTER), KeyRing(b"\1" * 32)
    wrapped = ring.new_key(ONE)
    assert another.fingerprint != ring.fingerprint
    assert another.tag("name", "王小明") != ring.tag("name", "王小明")
    with pytest.raises(WrongKeyError, match="not the one this ledger was written under"):
        another.open(ONE, wrapped, ring.seal(ONE, wrapped, SECRET))
    with pytest.raises(WrongKeyError):
        another.open_letter(ring.seal_letter(SECRET))
    with pytest.raises(WrongKeyError):
        ring.open_letter(b"")


# What a key-encryption key is asked


def test_a_batch_asks_the_key_encryption_key_once_and_for_fresh_keys_never() -> None:
    kek = Counted()
    ring = KeyRing(kek)
    retirees = [uuid4() for _ in range(5)]
    wrapped = ring.new_keys(retirees)
    items = [(retiree, one, SECRET) for retiree, one in zip(retirees, wrapped, strict=True)]
    ring.seal_all(items * 2)
    assert (kek.wraps, kek.unwraps) == ([5], [])

    later = Counted()
    ring = KeyRing(later)
    ring.seal_all([items[0]])
    sealed = ring.seal_all(items * 2)
    ring.open_all([(retiree, one, text) for (retiree, one, _), text in zip(items * 2, sealed, strict=True)])
    assert (later.wraps, later.unwraps) == ([], [1, 4])


def test_nothing_asks_for_nothing() -> None:
    kek = Counted()
    ring = KeyRing(kek)
    assert ring.new_keys([]) == ring.seal_all([]) == ring.open_all([]) == ring.tags("name", []) == []
    assert (kek.wraps, kek.unwraps) == ([], [])


def test_no_more_keys_are_kept_than_the_limit_and_the_latest_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_KEPT", 8)
    kek = Counted()
    ring = KeyRing(kek)
    retirees = [uuid4() for _ in range(50)]
    items = [(retiree, one, SECRET) for retiree, one in zip(retirees, ring.new_keys(retirees), strict=True)]
    assert len(ring._recent._young) + len(ring._recent._old) <= 8
    ring.seal_all(items[-4:])
    assert kek.unwraps == []
    for item in items:  # however often one is used, others make room for it
        ring.seal_all([item, items[0]])
        assert len(ring._recent._young) + len(ring._recent._old) <= 8
    assert sum(kek.unwraps) == 50, "the one in constant use was unwrapped once"


def test_many_threads_share_a_ring_however_little_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_KEPT", 4)
    ring = KeyRing(MASTER)
    retirees = [uuid4() for _ in range(16)]
    items = [(retiree, one, retiree.bytes) for retiree, one in zip(retirees, ring.new_keys(retirees), strict=True)]

    def work(n: int) -> bool:
        mine = items[n % 7 :] + items[: n % 7]
        sealed = ring.seal_all(mine)
        back = ring.open_all([(retiree, one, text) for (retiree, one, _), text in zip(mine, sealed, strict=True)])
        return back == [plain for _, _, plain in mine]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(200)))
