"""Constants of membarrier(2), pkey_alloc(2) and get_mempolicy(2)."""

from syscalls.flags.base import EnumSet, FlagSet


class Membarrier(EnumSet):
    """membarrier(2) `cmd`."""

    MEMBARRIER_CMD_QUERY = 0
    MEMBARRIER_CMD_GLOBAL = 1
    MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4
    MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 0x10
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 0x20
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 0x40
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 0x80
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 0x100
    MEMBARRIER_CMD_GET_REGISTRATIONS = 0x200


class MembarrierFlags(FlagSet):
    """membarrier(2) `flags`."""

    MEMBARRIER_CMD_FLAG_CPU = 1


class KeyRights(FlagSet):
    """pkey_alloc(2) `access_rights`."""

    PKEY_DISABLE_ACCESS = 1
    PKEY_DISABLE_WRITE = 2


class PolicyFlags(FlagSet):
    """get_mempolicy(2) `flags`."""

    MPOL_F_NODE = 1
    MPOL_F_ADDR = 2
    MPOL_F_MEMS_ALLOWED = 4
