"""Constants of what is known of files and file systems (sources: the man pages named, x86_64 values)."""

from syscalls.flags.base import EnumSet, FlagSet


class Rename(FlagSet):
    """renameat2(2)."""

    RENAME_NOREPLACE = 1
    RENAME_EXCHANGE = 2
    RENAME_WHITEOUT = 4


class StatxAt(FlagSet):
    """statx(2) `flags`."""

    _fields = (0x6000,)

    AT_STATX_SYNC_AS_STAT = 0x0
    AT_STATX_FORCE_SYNC = 0x2000
    AT_STATX_DONT_SYNC = 0x4000
    AT_SYMLINK_NOFOLLOW = 0x100
    AT_NO_AUTOMOUNT = 0x800
    AT_EMPTY_PATH = 0x1000


class Statx(FlagSet):
    """statx(2) `mask`."""

    STATX_ALL = 0xFFF
    STATX_BASIC_STATS = 0x7FF
    STATX_TYPE = 0x1
    STATX_MODE = 0x2
    STATX_NLINK = 0x4
    STATX_UID = 0x8
    STATX_GID = 0x10
    STATX_ATIME = 0x20
    STATX_MTIME = 0x40
    STATX_CTIME = 0x80
    STATX_INO = 0x100
    STATX_SIZE = 0x200
    STATX_BLOCKS = 0x400
    STATX_BTIME = 0x800
    STATX_MNT_ID = 0x1000
    STATX_DIOALIGN = 0x2000
    STATX_MNT_ID_UNIQUE = 0x4000
    STATX_SUBVOL = 0x8000
    STATX_WRITE_ATOMIC = 0x10000
    STATX_DIO_READ_ALIGN = 0x20000


class StatxAttribute(FlagSet):
    """statx(2) `stx_attributes`."""

    STATX_ATTR_COMPRESSED = 0x4
    STATX_ATTR_IMMUTABLE = 0x10
    STATX_ATTR_APPEND = 0x20
    STATX_ATTR_NODUMP = 0x40
    STATX_ATTR_ENCRYPTED = 0x800
    STATX_ATTR_AUTOMOUNT = 0x1000
    STATX_ATTR_MOUNT_ROOT = 0x2000
    STATX_ATTR_VERITY = 0x100000
    STATX_ATTR_DAX = 0x200000
    STATX_ATTR_WRITE_ATOMIC = 0x400000


class Xattr(FlagSet):
    """setxattr(2)."""

    XATTR_CREATE = 1
    XATTR_REPLACE = 2


class Fallocate(FlagSet):
    """fallocate(2) `mode`."""

    FALLOC_FL_KEEP_SIZE = 0x01
    FALLOC_FL_PUNCH_HOLE = 0x02
    FALLOC_FL_NO_HIDE_STALE = 0x04
    FALLOC_FL_COLLAPSE_RANGE = 0x08
    FALLOC_FL_ZERO_RANGE = 0x10
    FALLOC_FL_INSERT_RANGE = 0x20
    FALLOC_FL_UNSHARE_RANGE = 0x40
    FALLOC_FL_WRITE_ZEROES = 0x80


class Fadvise(EnumSet):
    """posix_fadvise(2) `advice`."""

    POSIX_FADV_NORMAL = 0
    POSIX_FADV_RANDOM = 1
    POSIX_FADV_SEQUENTIAL = 2
    POSIX_FADV_WILLNEED = 3
    POSIX_FADV_DONTNEED = 4
    POSIX_FADV_NOREUSE = 5


class SyncRange(FlagSet):
    """sync_file_range(2)."""

    SYNC_FILE_RANGE_WAIT_BEFORE = 1
    SYNC_FILE_RANGE_WRITE = 2
    SYNC_FILE_RANGE_WAIT_AFTER = 4


class CloseRange(FlagSet):
    """close_range(2)."""

    CLOSE_RANGE_UNSHARE = 2
    CLOSE_RANGE_CLOEXEC = 4


class StatfsType(EnumSet):
    """statfs(2) `f_type`."""

    EXT2_SUPER_MAGIC = 0xEF53
    TMPFS_MAGIC = 0x01021994
    PROC_SUPER_MAGIC = 0x9FA0
    SYSFS_MAGIC = 0x62656572
    DEVPTS_SUPER_MAGIC = 0x1CD1
    OVERLAYFS_SUPER_MAGIC = 0x794C7630
    XFS_SUPER_MAGIC = 0x58465342
    BTRFS_SUPER_MAGIC = 0x9123683E
    PIPEFS_MAGIC = 0x50495045
    SOCKFS_MAGIC = 0x534F434B
    ANON_INODE_FS_MAGIC = 0x09041934


class StatfsFlags(FlagSet):
    """statfs(2) `f_flags`."""

    ST_VALID = 0x20
    ST_RDONLY = 0x1
    ST_NOSUID = 0x2
    ST_NODEV = 0x4
    ST_NOEXEC = 0x8
    ST_SYNCHRONOUS = 0x10
    ST_MANDLOCK = 0x40
    ST_NOATIME = 0x400
    ST_NODIRATIME = 0x800
    ST_RELATIME = 0x1000
    ST_NOSYMFOLLOW = 0x2000
