"""Constants of io_submit(2)."""

from syscalls.flags.base import EnumSet, FlagSet


class AioOperation(EnumSet):
    """`aio_lio_opcode` of struct iocb."""

    IOCB_CMD_PREAD = 0
    IOCB_CMD_PWRITE = 1
    IOCB_CMD_FSYNC = 2
    IOCB_CMD_FDSYNC = 3
    IOCB_CMD_POLL = 5
    IOCB_CMD_NOOP = 6
    IOCB_CMD_PREADV = 7
    IOCB_CMD_PWRITEV = 8


class AioFlags(FlagSet):
    """`aio_flags`."""

    IOCB_FLAG_RESFD = 1
    IOCB_FLAG_IOPRIO = 2
