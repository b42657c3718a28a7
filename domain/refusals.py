"""The one error of the domain: a coded refusal. Sentences and status codes belong to whoever shows it."""


class Refused(Exception):  # noqa: N818 - it is an answer to a publisher, not a fault of ours
    """A submission that cannot be accepted.

    `code` is stable and documented; `path` names the member at fault (`data.person.identity_number`) or is empty;
    `detail` explains in English without repeating any personal data.
    """

    def __init__(self, code: str, path: str = "", detail: str = "") -> None:
        super().__init__(f"{code} at {path}" if path else code)
        self.code = code
        self.path = path
        self.detail = detail
