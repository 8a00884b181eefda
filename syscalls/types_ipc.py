"""Argument types of System V and POSIX interprocess communication."""

from typing import Annotated

from syscalls.args import Flags, Signed32
from syscalls.data import Data
from syscalls.flags.ipc import Ipc as IpcNames
from syscalls.flags.ipc import MsgCtl, MsgFlag, SemCtl, ShmAt, ShmCtl, ShmGet


class Key(Signed32):
    """key_t."""

    def data(self, value: int) -> Data:
        return hex(value & 0xFFFFFFFF) if value else "IPC_PRIVATE"

    def text(self, data: Data) -> str:
        return str(data)


class GetFlags(Flags):
    """Flags of a get call, with a mode: `IPC_CREAT|0600`."""

    def data(self, value: int) -> Data:
        flags, mode = value & ~0o777, value & 0o777
        shown = f"0{mode:o}" if mode else "000"
        return f"{self.names.text(flags & 0xFFFFFFFF)}|{shown}" if flags else shown


IpcKey = Annotated[int, Key()]
SegmentFlags = Annotated[int, GetFlags(ShmGet)]
IpcFlags = Annotated[int, GetFlags(IpcNames)]
AttachFlags = Annotated[int, Flags(ShmAt)]
SegmentCommand = Annotated[int, Flags(ShmCtl)]
SemaphoreCommand = Annotated[int, Flags(SemCtl)]
MessageFlags = Annotated[int, Flags(MsgFlag)]
MessageCommand = Annotated[int, Flags(MsgCtl)]
