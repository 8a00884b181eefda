"""Constants of membarrier(2), pkey_alloc(2), get_mempolicy(2) and their kin."""

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


class Policy(FlagSet):
    """set_mempolicy(2) `mode`."""

    _fields = (0xFF,)

    MPOL_DEFAULT = 0
    MPOL_PREFERRED = 1
    MPOL_BIND = 2
    MPOL_INTERLEAVE = 3
    MPOL_LOCAL = 4
    MPOL_PREFERRED_MANY = 5
    MPOL_WEIGHTED_INTERLEAVE = 6
    MPOL_F_NUMA_BALANCING = 0x2000
    MPOL_F_RELATIVE_NODES = 0x4000
    MPOL_F_STATIC_NODES = 0x8000


class PolicyMove(FlagSet):
    """mbind(2) and move_pages(2) `flags`."""

    MPOL_MF_STRICT = 1
    MPOL_MF_MOVE = 2
    MPOL_MF_MOVE_ALL = 4
