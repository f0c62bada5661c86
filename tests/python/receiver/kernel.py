"""Makes the kernel refuse a system call to a process, as a failing disk does. Linux."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

#: Numbers of the system calls, by machine.
NUMBERS = {
    "x86_64": {"fsync": 74, "fdatasync": 75},
    "aarch64": {"fsync": 82, "fdatasync": 83},
}
# linux/prctl.h, linux/seccomp.h, linux/filter.h
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ANSWER_WITH_ERROR, _ALLOW = 0x00050000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def fail(name: str) -> None:
    """From now on the call ends with EIO in this thread, and in all that it starts."""
    steps = (
        # The number of the call is the first word of what the filter sees.
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 1, NUMBERS[platform.machine()][name]),
        (_RETURN, 0, 0, _ANSWER_WITH_ERROR | errno.EIO),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if library.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
