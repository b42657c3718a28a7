"""Why an import ends before the end of its file."""


class ImportingError(Exception):
    """A sentence for the operator. `code`: the exit code; 1 a failure, 2 something to be put right in the command."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code
