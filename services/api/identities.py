"""The wiring of who asks: accounts, tokens, sessions, and the issuers and proxies that the settings name."""

from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import FastAPI

from infra.attempts import Attempts
from infra.keys import KeyRing
from infra.sessions import Sessions
from infra.token_keys import TokenKeys
from services.api.cookies import Cookies
from services.api.peers import Peers
from services.bootstrap import Parts
from services.identities.granting import Grants
from services.identities.issuers import Elsewhere, Issuers
from services.identities.keeping import Keeping
from services.identities.key_sets import RemoteKeys
from services.identities.oidc import Provider
from services.identities.people import People
from services.identities.tokens import Tokens
from services.settings import Settings, SettingsError


def install(app: FastAPI, made: Parts, settings: Settings) -> None:
    """Give the application what it knows people and programs by. Nothing connects. Raises `SettingsError`."""
    app.state.accounts = made.accounts
    app.state.tokens = Tokens(TokenKeys(made.application.database, made.keys), settings.public_url)
    attempts = Attempts(made.application.database, made.keys)
    app.state.people = People(made.accounts, attempts)
    app.state.keeping = Keeping(made.accounts, attempts)
    idle, longest = settings.changqing_session_idle_minutes, settings.changqing_session_hours
    app.state.sessions = Sessions(made.application.database, timedelta(minutes=idle), timedelta(hours=longest))
    app.state.cookies = Cookies(settings.public_url)
    app.state.keys = made.keys
    app.state.oidc = provider(settings, made.keys)
    app.state.issuers = issuers(settings, app.state.tokens)
    app.state.grants = Grants(made.accounts, app.state.tokens, attempts)
    app.state.peers = peers(settings)


def _private(url: str, variable: str) -> str:
    """An address over which secrets and keys may come: TLS, or this very machine. Raises `SettingsError`."""
    address = urlsplit(url)
    local = address.hostname in {"localhost", "127.0.0.1", "::1"}
    if address.hostname and (address.scheme == "https" or (address.scheme == "http" and local)):
        return url
    raise SettingsError(f"{variable} must be https://...")


def issuers(settings: Settings, ours: Tokens) -> Issuers:
    """Whose tokens are taken. Raises `SettingsError`."""
    if not settings.changqing_token_issuer:
        return Issuers(ours)
    if not settings.changqing_token_keys or not settings.changqing_token_audience:
        raise SettingsError("CHANGQING_TOKEN_ISSUER wants CHANGQING_TOKEN_KEYS and CHANGQING_TOKEN_AUDIENCE beside it")
    algorithms = [one.strip() for one in settings.changqing_token_algorithms.split(",")]
    source = settings.changqing_token_keys
    keys = RemoteKeys(_private(source, "CHANGQING_TOKEN_KEYS") if "://" in source else source)
    issuer, audience = settings.changqing_token_issuer, settings.changqing_token_audience
    try:
        return Issuers(ours, Elsewhere(issuer, audience, keys, algorithms, settings.changqing_token_claim))
    except ValueError as error:
        raise SettingsError(f"CHANGQING_TOKEN_ALGORITHMS: {error}") from error


def provider(settings: Settings, keys: KeyRing) -> Provider | None:
    """Where people may sign in, if anywhere. Raises `SettingsError`."""
    if not settings.changqing_oidc_issuer:
        return None
    client, secret = settings.changqing_oidc_client_id, settings.changqing_oidc_client_secret
    if not client or not secret:
        raise SettingsError(
            "CHANGQING_OIDC_ISSUER wants CHANGQING_OIDC_CLIENT_ID and CHANGQING_OIDC_CLIENT_SECRET beside it"
        )
    issuer = _private(settings.changqing_oidc_issuer, "CHANGQING_OIDC_ISSUER")
    back = f"{settings.public_url}/login/oidc/callback"
    return Provider(keys, issuer, client, secret, back, settings.changqing_oidc_claim)


def peers(settings: Settings) -> Peers:
    """The proxies that are believed. Raises `SettingsError`."""
    try:
        return Peers(settings.changqing_trusted_proxies, settings.changqing_certificate_header)
    except ValueError as error:
        raise SettingsError(f"CHANGQING_TRUSTED_PROXIES must hold networks such as 10.0.0.0/28: {error}") from error
