"""Raw host calls: the kernel's own results, arguments modulo 2^64, and nothing but integers."""

import ctypes
import errno
import os

import pytest

from syscalls import kernel, numbers


def test_a_value_is_the_kernels() -> None:
    assert kernel.call0(numbers.getpid) == os.getpid()


def test_an_error_is_minus_errno() -> None:
    assert kernel.call1(numbers.close, -1) == -errno.EBADF
    assert kernel.call1(numbers.close, (1 << 64) - 1) == -errno.EBADF


def test_all_six_arguments_arrive() -> None:
    """pwrite and pread have four, mmap has six; the last is the offset."""
    fd = os.memfd_create("kernel")
    try:
        text = ctypes.create_string_buffer(b"words" * 1000)
        assert kernel.call4(numbers.pwrite64, fd, ctypes.addressof(text), 5000, 0) == 5000
        address = kernel.call6(numbers.mmap, 0, 904, 1, 2, fd, 4096)
        assert ctypes.string_at(address, 4) == (b"words" * 1000)[4096:4100]
        assert kernel.call2(numbers.munmap, address, 904) == 0
    finally:
        os.close(fd)


def test_what_is_no_integer_never_reaches_the_kernel() -> None:
    with pytest.raises(TypeError):
        kernel.call1(numbers.close, "0")  # type: ignore[arg-type]
    with pytest.raises(SystemError):
        kernel.call6(numbers.getpid, 1, 2, 3, 4, 5, 6, 7)


def test_results_can_be_64_bits_wide() -> None:
    address = kernel.call6(numbers.mmap, 0, 4096, 0, 0x22, (1 << 64) - 1, 0)
    assert address > 1 << 32
    assert kernel.call2(numbers.munmap, address, 4096) == 0
