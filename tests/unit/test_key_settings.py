"""Where the key comes from: a file, a variable, or a function of the operator's own; one of them, and never repeated."""

import traceback
from pathlib import Path

import pytest

from infra.keys import KeyRing, WrongKeyError
from infra.master_key import KeyEncryptionKey, LocalKey
from services.opening import key_ring
from services.settings import Settings, SettingsError

MASTER = bytes(range(32))
HEX = MASTER.hex()
ENOUGH = {"DATABASE_URL": "postgresql:///x"}


def an_operators_own() -> KeyEncryptionKey:
    """What an operator would write in a package of theirs."""
    return LocalKey(MASTER)


def one_that_is_out_of_reach() -> KeyEncryptionKey:
    raise WrongKeyError("the KMS does not answer")


def no_key() -> str:
    return "no key"


def test_file_variable_and_provider_lead_to_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(HEX + "\n")
    (tmp_path / "their_kms.py").write_text(
        "from infra.master_key import LocalKey\ndef key():\n    return LocalKey(bytes(range(32)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ways = {
        "CHANGQING_KEY_FILE": str(tmp_path / "key"),
        "CHANGQING_KEY": HEX.upper(),
        "CHANGQING_KEY_PROVIDER": "their_kms:key",
    }
    rings = [key_ring(Settings.of(ENOUGH | {variable: value})) for variable, value in ways.items()]
    assert {ring.fingerprint for ring in rings} == {KeyRing(MASTER).fingerprint}
    assert {ring.tag("name", "王小明") for ring in rings} == {KeyRing(MASTER).tag("name", "王小明")}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"CHANGQING_KEY": ""},
        {"CHANGQING_KEY": HEX, "CHANGQING_KEY_FILE": "key"},
        {"CHANGQING_KEY": HEX, "CHANGQING_KEY_PROVIDER": "a:b"},
        {"CHANGQING_KEY_FILE": "key", "CHANGQING_KEY_PROVIDER": "a:b"},
    ],
    ids=["none", "an empty one", "key and file", "key and provider", "file and provider"],
)
def test_exactly_one_variable_names_the_key(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(ENOUGH | given)
    said = "one of CHANGQING_KEY_FILE, CHANGQING_KEY, CHANGQING_KEY_PROVIDER must be set, and one only"
    assert str(caught.value) == said


def test_an_empty_variable_is_as_good_as_a_missing_one() -> None:
    settings = Settings.of(ENOUGH | {"CHANGQING_KEY": HEX, "CHANGQING_KEY_FILE": "", "CHANGQING_KEY_PROVIDER": ""})
    assert key_ring(settings).fingerprint == KeyRing(MASTER).fingerprint


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of({})
    assert all(name in str(caught.value) for name in ("DATABASE_URL", "CHANGQING_KEY_FILE", *list(ENOUGH)))


def test_settings_are_what_is_given_and_nothing_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGQING_KEY", HEX)
    with pytest.raises(SettingsError, match="one of CHANGQING_KEY_FILE"):
        Settings.of(ENOUGH)


@pytest.mark.parametrize("value", [HEX[:-1], HEX + "00", "z" * 64, HEX + "\n", f" {HEX}"])
def test_a_wrong_key_is_never_repeated(value: str) -> None:
    with pytest.raises(SettingsError, match="CHANGQING_KEY must hold 64 hex digits") as caught:
        Settings.of(ENOUGH | {"CHANGQING_KEY": value})
    assert value.strip()[:8] not in "".join(traceback.format_exception(caught.value))


def test_the_settings_do_not_show_the_key() -> None:
    assert HEX not in repr(Settings.of(ENOUGH | {"CHANGQING_KEY": HEX}))


@pytest.mark.parametrize("content", [HEX[:-2], "geheim", "", "\x00\xff" * 16], ids=["short", "no hex", "empty", "raw"])
def test_a_wrong_key_file_is_named_and_its_content_never_repeated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content, "latin-1")
    with pytest.raises(WrongKeyError, match="64 hex digits") as caught:
        LocalKey.from_file(path)
    said = "".join(traceback.format_exception(caught.value))
    assert str(path) in said
    assert not content or (content not in said and repr(content) not in said)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("nowhere_to_be_found:key", "No module named 'nowhere_to_be_found'"),
        (f"{__name__}:missing", "no attribute 'missing'"),
        (f"{__name__}:no_key", "gives no KeyEncryptionKey"),
        (f"{__name__}:one_that_is_out_of_reach", "the KMS does not answer"),
        ("..:key", "a function that gives the key, as package.module:function"),
        ("no colon", "a function that gives the key, as package.module:function"),
    ],
)
def test_a_provider_that_does_not_do_is_said_in_one_sentence(provider: str, said: str) -> None:
    with pytest.raises(SettingsError, match="CHANGQING_KEY_PROVIDER") as caught:
        key_ring(Settings.of(ENOUGH | {"CHANGQING_KEY_PROVIDER": provider}))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_provider_of_the_operators_own_is_taken() -> None:
    ring = key_ring(Settings.of(ENOUGH | {"CHANGQING_KEY_PROVIDER": f"{__name__}:an_operators_own"}))
    assert ring.fingerprint == KeyRing(MASTER).fingerprint
