"""What a crash must not take back."""

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """A file made, renamed or removed in a directory is so for certain when the directory is on disk."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
