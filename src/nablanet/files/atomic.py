"""Writing a file so that at any moment either the old or the new one is whole.

Content, fsync, rename, fsync of the folder: without one of these, or in another order, a crash of the
machine may leave an empty file on common file systems (Pillai et al., OSDI 2014).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# these say that folders cannot be flushed here, not that it failed
_NO_FLUSHING = (errno.EINVAL, errno.EBADF, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EISDIR)

_NEW = 60.0  # seconds, many times what a process needs from creating a file to locking it


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, flush it to the disk, and rename it into place.

    The new file has the old one's permissions. After a failure the old file is as it was and nothing is
    left beside it. A process that is killed may leave a file `.NAME.*.tmp`, which the next call for
    this path removes. Raises OSError, which names `path`; FileExistsError where that is a device, a
    pipe or a folder, which a rename would replace.
    """
    target = _regular(path)
    _remove_abandoned(target)
    with _named(path):
        with _temporary(target) as (temporary, descriptor):
            _write_all(descriptor, content)
            os.fsync(descriptor)
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        _flush_folder(target.parent)


def check_writable(path: Path) -> None:
    """Raise the OSError that `write_atomically` would raise now, as far as an empty file can tell."""
    target = _regular(path)
    with _named(path), _temporary(target) as (temporary, _):
        temporary.unlink()


def _regular(path: Path) -> Path:
    target = Path(os.path.realpath(path))  # a link stays a link to the new content
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "exists and is not a regular file", str(path))
    return target


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors name the caller's file: a temporary name would tell the reader nothing."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, int]]:
    """A new file beside `target`, open and locked; it is removed after a failure."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    descriptor = None
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with contextlib.suppress(OSError):  # not every network file system has locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # says that a living process writes it
        yield temporary, descriptor
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remove_abandoned(target: Path) -> None:
    """Remove what killed processes left of earlier calls: files whose lock has gone with its owner."""
    name = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{12}\.tmp")
    with contextlib.suppress(OSError):  # the folder may not be readable; a file may go meanwhile
        for found in filter(name.fullmatch, os.listdir(target.parent)):
            with contextlib.suppress(OSError):
                _remove_unlocked(target.with_name(found))


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        # an empty one may be so new that its owner has not locked it yet
        if found.st_size or found.st_mtime < time.time() - _NEW:
            path.unlink()
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can open and flush folders."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FLUSHING:
            raise
