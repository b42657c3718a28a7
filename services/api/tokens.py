"""Tokens for programs: the endpoint of RFC 6749, its description (RFC 8414), and the keys that tokens are signed with."""

import base64
import binascii
import math
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from msgspec import UNSET, Struct, UnsetType

from domain.refusals import Refused
from services.api.answering import Also, answers
from services.api.denials import denied
from services.api.gate.bodies import body_of
from services.api.peers import peers_of
from services.identities.granting import GrantError, Grants
from services.identities.tokens import ALGORITHM, Tokens

router = APIRouter(tags=["accounts"])

LIMIT = 8 * 1024
"""Bytes of a request for a token."""

_KIND = "application/x-www-form-urlencoded"
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


_TEXT = {"type": "string"}
_FORM = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": _TEXT,
        "client_secret": _TEXT,
        "scope": {
            "type": "string",
            "pattern": "^([a-z0-9][a-z0-9-]{0,63}( [a-z0-9][a-z0-9-]{0,63}){0,19})?$",
            "description": "keys of purposes, with spaces between",
        },
    },
}


class Granted(Struct, frozen=True, kw_only=True):
    """A token. `expires_in`: seconds; `scope`: the purposes it is for, where some were asked for."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str | UnsetType = UNSET


class NotGranted(Struct, frozen=True, kw_only=True):
    """Why there is no token (RFC 6749, 5.2)."""

    error: str
    error_description: str


class TokenKey(Struct, frozen=True, kw_only=True):
    """An Ed25519 key (RFC 8037) by which tokens are checked."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: str
    use: Literal["sig"]
    kid: str
    x: str


class TokenKeySet(Struct, frozen=True):
    """A JWK set (RFC 7517)."""

    keys: list[TokenKey]


class Issuer(Struct, frozen=True, kw_only=True):
    """How tokens are got (RFC 8414, RFC 8705)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    tls_client_certificate_bound_access_tokens: bool
    access_token_signing_alg_values_supported: list[str]


@router.post(
    "/oauth/token",
    summary="A token for a program, by client credentials (RFC 6749, 4.4)",
    openapi_extra={"requestBody": {"required": True, "content": {_KIND: {"schema": _FORM}}}},
)
@answers(
    Granted,
    also={
        400: Also("The request is wrong", NotGranted),
        401: Also("The account or its secret is wrong, or it may not be used", NotGranted),
        429: Also("Too many failed attempts; Retry-After says how long to wait", NotGranted),
    },
)
async def token(request: Request) -> JSONResponse:
    """An access token (JWT, RFC 9068), good for ten minutes, for the account that says who it is.

    A form: `grant_type=client_credentials`, with the account and its secret by HTTP Basic or as `client_id` and `client_secret`, and
    a `scope` of purposes if there is one. Errors are those of RFC 6749, 5.2.
    """
    try:
        fields = await _fields(request)
        name, secret = _client(request, fields)
        peers, grants = peers_of(request), request.app.state.grants
        answer = await run_in_threadpool(_granted, grants, request, name, secret, fields, peers)
    except GrantError as error:
        if error.why:
            await run_in_threadpool(denied, request, error.claimed, error.why)
        return _error(error)
    return JSONResponse(answer, headers=_NOT_STORED)


@router.get("/.well-known/oauth-authorization-server", summary="How tokens are got here (RFC 8414)")
@answers(Issuer)
async def metadata(request: Request) -> dict[str, Any]:
    """The issuer, its endpoints, and what it knows."""
    issuer = _tokens(request).issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "tls_client_certificate_bound_access_tokens": True,
        "access_token_signing_alg_values_supported": [ALGORITHM],
    }


@router.get("/.well-known/jwks.json", summary="The public keys of tokens, as a JWK set")
@answers(TokenKeySet)
def keys(request: Request) -> dict[str, Any]:
    """The keys that sign now, or signed a token that is still good."""
    return _tokens(request).public()


def _granted(
    grants: Grants, request: Request, name: str, secret: str, fields: dict[str, str], peers: Any
) -> dict[str, str | int]:
    try:
        certificate = peers.certificate(request)
    except Refused:
        raise GrantError("invalid_request", "what the proxy hands on is no certificate") from None
    return grants.token(name, secret, fields.get("scope", ""), peers.address(request), certificate)


async def _fields(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _KIND:
        raise GrantError("invalid_request", f"the body must be {_KIND}")
    body = await body_of(request, LIMIT, cut=True)
    if len(body) > LIMIT:
        raise GrantError("invalid_request", f"the limit of a request is {LIMIT} bytes")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise GrantError("invalid_request", "the body is no form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise GrantError("invalid_request", "a parameter is given twice")
    if fields.get("grant_type") != "client_credentials":
        wrong = "unsupported_grant_type" if fields.get("grant_type") else "invalid_request"
        raise GrantError(wrong, "grant_type must be client_credentials")
    return fields


def _client(request: Request, fields: dict[str, str]) -> tuple[str, str]:
    """Who asks, by one way only."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        if not fields.get("client_id") or not fields.get("client_secret"):
            raise GrantError("invalid_client", "say who you are by HTTP Basic, or by client_id and client_secret")
        return fields["client_id"], fields["client_secret"]
    try:
        name, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        name, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise GrantError("invalid_client", "the header Authorization is not HTTP Basic")
    if "client_secret" in fields:
        raise GrantError("invalid_request", "say who you are by one way only")
    name = unquote_plus(name)
    if fields.get("client_id", name) != name:
        raise GrantError("invalid_request", "client_id is not who the header says")
    return name, unquote_plus(secret)


def _error(error: GrantError) -> JSONResponse:
    status, headers = 400, dict(_NOT_STORED)
    if error.error == "invalid_client":
        status = 401
        headers["WWW-Authenticate"] = 'Basic realm="Changqing", charset="UTF-8"'
    if error.after:
        status = 429
        headers["Retry-After"] = str(math.ceil(error.after))
    return JSONResponse({"error": error.error, "error_description": str(error)}, status, headers)


def _tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens
