"""How long the API is tried, and with what."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=int, default=120, help="for each account")
    parser.addoption("--seed", type=int, default=1, help="the same cases again")
    parser.addoption("--examples", type=int, default=100, help="of each operation")
