"""A token for the account of CHANGQING_ACCOUNT=name:secret (OAuth 2.0 client credentials). It is good for ten minutes."""

import os

import httpx


def header() -> dict[str, str]:
    """The header of a request. A program that runs for long asks again before `expires_in` seconds are over."""
    name, _, secret = os.environ["CHANGQING_ACCOUNT"].partition(":")
    url = os.environ["CHANGQING_URL"] + "/oauth/token"
    answer = httpx.post(url, data={"grant_type": "client_credentials"}, auth=(name, secret), timeout=30)
    answer.raise_for_status()
    return {"Authorization": "Bearer " + answer.json()["access_token"]}
