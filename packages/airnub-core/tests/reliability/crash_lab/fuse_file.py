"""One file served through FUSE, whose every write and flush is appended to a log: the medium of a `disk.Disk`.

A process of its own, in the standard library alone: `python fuse_file.py IMAGE LOG PLACE`. PLACE is an empty file;
while this runs, it shows IMAGE. Says `mounted` on stdout. It ends when PLACE is unmounted.

The log holds records of 24 bytes, `<4s4xQQ`: `WRIT`, offset, length, followed by the bytes, or `FLSH`, 0, 0, when all
that was written before is on the medium. The protocol is that of the kernel's include/uapi/linux/fuse.h, 7.31.
"""

import ctypes
import errno
import os
import stat
import struct
import sys

RECORD = struct.Struct("<4s4xQQ")
_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_IO = struct.Struct("<QQIIQII")
_ATTRIBUTES = struct.Struct("<6Q10I")
_MAX_WRITE = 1024 * 1024
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE, _FSYNC = 3, 4, 14, 15, 16, 17, 18, 20
_FORGET, _FLUSH, _INIT, _INTERRUPT, _BATCH_FORGET = 2, 25, 26, 36, 42
_FOREVER = 1 << 31


def serve(image, log, place):
    """Answer the kernel until the file is unmounted."""
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode={stat.S_IFREG | 0o600:o},user_id={os.geteuid()},group_id={os.getegid()},allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"airnub-disk", os.fsencode(place), b"fuse", 0, options.encode()) != 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    print("mounted", flush=True)  # noqa: T201  # this is what the other side waits for
    with open(image, "r+b", buffering=0) as medium, open(log, "ab", buffering=0) as journal:  # noqa: PTH123
        while True:
            try:
                request = os.read(fuse, _MAX_WRITE + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in {errno.EINTR, errno.ENOENT}:
                    continue
                raise
            _length, code, unique, *_ = _IN.unpack_from(request)
            if code in {_FORGET, _INTERRUPT, _BATCH_FORGET}:
                continue
            answer = _answer(code, memoryview(request)[_IN.size :], medium, journal)
            if isinstance(answer, int):
                os.write(fuse, _OUT.pack(_OUT.size, -answer, unique))
            else:
                os.write(fuse, _OUT.pack(_OUT.size + len(answer), 0, unique) + answer)


def _answer(code, request, medium, journal):
    """What the kernel is told: bytes, or the number of an error."""
    if code == _INIT:
        flags = _BIG_WRITES | _MAX_PAGES
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 128 * 1024, flags, 16, 12, _MAX_WRITE, 1, _MAX_WRITE // 4096, 0, 0)
    if code in {_GETATTR, _SETATTR}:
        size = os.fstat(medium.fileno()).st_size
        numbers = (
            1,
            size,
            size // 512,
            0,
            0,
            0,
            0,
            0,
            0,
            stat.S_IFREG | 0o600,
            1,
            os.geteuid(),
            os.getegid(),
            0,
            4096,
            0,
        )
        return struct.pack("<QII", _FOREVER, 0, 0) + _ATTRIBUTES.pack(*numbers)
    if code == _OPEN:
        return struct.pack("<QII", 0, 0, 0)
    if code == _READ:
        _handle, offset, size, *_ = _IO.unpack_from(request)
        return os.pread(medium.fileno(), size, offset)
    if code == _WRITE:
        _handle, offset, size, *_ = _IO.unpack_from(request)
        content = request[_IO.size : _IO.size + size]
        os.pwrite(medium.fileno(), content, offset)
        journal.write(RECORD.pack(b"WRIT", offset, size) + content)
        return struct.pack("<II", size, 0)
    if code == _FSYNC:
        journal.write(RECORD.pack(b"FLSH", 0, 0))
        return b""
    if code in {_RELEASE, _FLUSH}:
        return b""
    if code == _STATFS:
        return struct.pack("<5Q4I24x", 1 << 20, 1 << 20, 1 << 20, 1, 0, 4096, 255, 4096, 0)
    return errno.ENOSYS


if __name__ == "__main__":
    serve(*sys.argv[1:])
