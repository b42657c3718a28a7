"""The cookie of a session: out of reach of scripts, never sent along from elsewhere, and over TLS alone where there is TLS."""

from typing import Literal
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response


class Cookies:
    """How cookies are set at an address. Behind TLS the name begins with `__Host-`: no other host of the domain can set it."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        self._host = urlsplit(public_url).netloc
        self.session = self._named("changqing")

    def set(
        self,
        response: Response,
        name: str,
        value: str,
        same_site: Literal["lax", "strict"] = "lax",
        seconds: int | None = None,
    ) -> None:
        """Set one; without `seconds` the browser forgets it when it is closed."""
        response.set_cookie(
            self._named(name), value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite=same_site
        )

    def get(self, request: Request, name: str) -> str:
        """What one holds; empty when there is none."""
        return request.cookies.get(self._named(name), "")

    def drop(self, response: Response, name: str) -> None:
        """Take one away."""
        response.delete_cookie(self._named(name), path="/", secure=self._secure, httponly=True, samesite="lax")

    def from_here(self, request: Request) -> bool:
        """Whether a page of ours made the browser send this. Browsers say where a request comes from; scripts cannot change it."""
        if site := request.headers.get("sec-fetch-site"):
            return site in {"same-origin", "none"}
        if (
            origin := request.headers.get("origin", "null")
        ) != "null":  # as our Referrer-Policy makes it on old browsers
            return urlsplit(origin).netloc in {self._host, request.headers.get("host", "")}
        return request.url.path.startswith(("/pages/", "/login"))  # forms there hold a token of their own

    def of_another_site(self, request: Request) -> bool:
        """Whether the browser says that another site made it ask."""
        return request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else name


SESSION = "changqing"
