"""Constants of files, descriptors and memory mappings (sources: the man pages named, x86_64 values)."""

from syscalls.flags.base import EnumSet, FlagSet


class Open(FlagSet):
    """open(2), and the status flags of fcntl(2) F_SETFL."""

    _fields = (0o3,)

    O_RDONLY = 0o0
    O_WRONLY = 0o1
    O_RDWR = 0o2
    O_ACCMODE = 0o3
    O_CREAT = 0o100
    O_EXCL = 0o200
    O_NOCTTY = 0o400
    O_TRUNC = 0o1000
    O_APPEND = 0o2000
    O_NONBLOCK = 0o4000
    O_SYNC = 0o4010000
    O_DSYNC = 0o10000
    O_ASYNC = 0o20000
    O_DIRECT = 0o40000
    O_LARGEFILE = 0o100000
    O_NOFOLLOW = 0o400000
    O_NOATIME = 0o1000000
    O_CLOEXEC = 0o2000000
    O_PATH = 0o10000000
    O_TMPFILE = 0o20200000
    O_DIRECTORY = 0o200000


class Resolve(FlagSet):
    """openat2(2) `resolve`."""

    RESOLVE_NO_XDEV = 0x01
    RESOLVE_NO_MAGICLINKS = 0x02
    RESOLVE_NO_SYMLINKS = 0x04
    RESOLVE_BENEATH = 0x08
    RESOLVE_IN_ROOT = 0x10
    RESOLVE_CACHED = 0x20


class At(FlagSet):
    """The `*at` calls' flags; AT_FDCWD is their directory descriptor."""

    AT_SYMLINK_NOFOLLOW = 0x100
    AT_REMOVEDIR = 0x200
    AT_SYMLINK_FOLLOW = 0x400
    AT_NO_AUTOMOUNT = 0x800
    AT_EMPTY_PATH = 0x1000
    AT_STATX_FORCE_SYNC = 0x2000
    AT_STATX_DONT_SYNC = 0x4000
    AT_FDCWD = -100


class AccessAt(FlagSet):
    """faccessat2(2)."""

    AT_SYMLINK_NOFOLLOW = 0x100
    AT_EACCESS = 0x200
    AT_EMPTY_PATH = 0x1000


class Access(FlagSet):
    """access(2) `mode`."""

    F_OK = 0
    R_OK = 4
    W_OK = 2
    X_OK = 1


class Seek(EnumSet):
    """lseek(2) `whence`."""

    SEEK_SET = 0
    SEEK_CUR = 1
    SEEK_END = 2
    SEEK_DATA = 3
    SEEK_HOLE = 4


class Fcntl(EnumSet):
    """fcntl(2) `cmd`."""

    F_DUPFD = 0
    F_GETFD = 1
    F_SETFD = 2
    F_GETFL = 3
    F_SETFL = 4
    F_GETLK = 5
    F_SETLK = 6
    F_SETLKW = 7
    F_SETOWN = 8
    F_GETOWN = 9
    F_SETSIG = 10
    F_GETSIG = 11
    F_SETOWN_EX = 15
    F_GETOWN_EX = 16
    F_GETOWNER_UIDS = 17
    F_OFD_GETLK = 36
    F_OFD_SETLK = 37
    F_OFD_SETLKW = 38
    F_SETLEASE = 1024
    F_GETLEASE = 1025
    F_NOTIFY = 1026
    F_DUPFD_QUERY = 1027
    F_CREATED_QUERY = 1028
    F_CANCELLK = 1029
    F_DUPFD_CLOEXEC = 1030
    F_SETPIPE_SZ = 1031
    F_GETPIPE_SZ = 1032
    F_ADD_SEALS = 1033
    F_GET_SEALS = 1034
    F_GET_RW_HINT = 1035
    F_SET_RW_HINT = 1036
    F_GET_FILE_RW_HINT = 1037
    F_SET_FILE_RW_HINT = 1038


class FdFlags(FlagSet):
    """fcntl(2) F_SETFD."""

    FD_CLOEXEC = 1


class FdOwner(EnumSet):
    """`type` of fcntl(2) F_SETOWN_EX."""

    F_OWNER_TID = 0
    F_OWNER_PID = 1
    F_OWNER_PGRP = 2


class LockType(EnumSet):
    """fcntl(2) `struct flock.l_type`."""

    F_RDLCK = 0
    F_WRLCK = 1
    F_UNLCK = 2


class LockOperation(FlagSet):
    """flock(2)."""

    LOCK_SH = 1
    LOCK_EX = 2
    LOCK_NB = 4
    LOCK_UN = 8


class Seal(FlagSet):
    """fcntl(2) F_ADD_SEALS."""

    F_SEAL_SEAL = 0x01
    F_SEAL_SHRINK = 0x02
    F_SEAL_GROW = 0x04
    F_SEAL_WRITE = 0x08
    F_SEAL_FUTURE_WRITE = 0x10
    F_SEAL_EXEC = 0x20


class FileType(FlagSet):
    """inode(7) `st_mode`: type and permissions."""

    _fields = (0o170000,)

    S_IFSOCK = 0o140000
    S_IFLNK = 0o120000
    S_IFREG = 0o100000
    S_IFBLK = 0o060000
    S_IFDIR = 0o040000
    S_IFCHR = 0o020000
    S_IFIFO = 0o010000
    S_ISUID = 0o4000
    S_ISGID = 0o2000
    S_ISVTX = 0o1000

    @classmethod
    def text(cls, value: int) -> str:
        """As strace: the type, the three special bits, the permissions in octal."""
        permissions = f"0{value & 0o777:o}".rjust(3, "0")
        return f"{super().text(value & ~0o777)}|{permissions}"


class ReadWrite(FlagSet):
    """preadv2(2) and pwritev2(2)."""

    RWF_HIPRI = 0x01
    RWF_DSYNC = 0x02
    RWF_SYNC = 0x04
    RWF_NOWAIT = 0x08
    RWF_APPEND = 0x10
    RWF_NOAPPEND = 0x20
    RWF_ATOMIC = 0x40
    RWF_DONTCACHE = 0x80


class Pipe(FlagSet):
    """pipe2(2)."""

    O_NONBLOCK = 0o4000
    O_DIRECT = 0o40000
    O_CLOEXEC = 0o2000000
    O_NOTIFICATION_PIPE = 0o200


class Dup(FlagSet):
    """dup3(2)."""

    O_CLOEXEC = 0o2000000


class Eventfd(FlagSet):
    """eventfd2(2)."""

    EFD_SEMAPHORE = 0o1
    EFD_CLOEXEC = 0o2000000
    EFD_NONBLOCK = 0o4000


class Prot(FlagSet):
    """mmap(2) and mprotect(2) `prot`."""

    PROT_NONE = 0x0
    PROT_READ = 0x1
    PROT_WRITE = 0x2
    PROT_EXEC = 0x4
    PROT_SEM = 0x8
    PROT_GROWSDOWN = 0x01000000
    PROT_GROWSUP = 0x02000000


class Map(FlagSet):
    """mmap(2) `flags`."""

    _fields = (0xF, 0x3F << 26)

    MAP_FILE = 0x00
    MAP_SHARED = 0x01
    MAP_PRIVATE = 0x02
    MAP_SHARED_VALIDATE = 0x03
    MAP_DROPPABLE = 0x08
    MAP_FIXED = 0x10
    MAP_ANONYMOUS = 0x20
    MAP_32BIT = 0x40
    MAP_ABOVE4G = 0x80
    MAP_GROWSDOWN = 0x0100
    MAP_DENYWRITE = 0x0800
    MAP_EXECUTABLE = 0x1000
    MAP_LOCKED = 0x2000
    MAP_NORESERVE = 0x4000
    MAP_POPULATE = 0x8000
    MAP_NONBLOCK = 0x10000
    MAP_STACK = 0x20000
    MAP_HUGETLB = 0x40000
    MAP_SYNC = 0x80000
    MAP_FIXED_NOREPLACE = 0x100000
    MAP_HUGE_2MB = 21 << 26
    MAP_HUGE_1GB = 30 << 26


class Madvise(EnumSet):
    """madvise(2) `advice`."""

    MADV_NORMAL = 0
    MADV_RANDOM = 1
    MADV_SEQUENTIAL = 2
    MADV_WILLNEED = 3
    MADV_DONTNEED = 4
    MADV_FREE = 8
    MADV_REMOVE = 9
    MADV_DONTFORK = 10
    MADV_DOFORK = 11
    MADV_MERGEABLE = 12
    MADV_UNMERGEABLE = 13
    MADV_HUGEPAGE = 14
    MADV_NOHUGEPAGE = 15
    MADV_DONTDUMP = 16
    MADV_DODUMP = 17
    MADV_WIPEONFORK = 18
    MADV_KEEPONFORK = 19
    MADV_COLD = 20
    MADV_PAGEOUT = 21
    MADV_POPULATE_READ = 22
    MADV_POPULATE_WRITE = 23
    MADV_DONTNEED_LOCKED = 24
    MADV_COLLAPSE = 25
    MADV_HWPOISON = 100
    MADV_SOFT_OFFLINE = 101
    MADV_GUARD_INSTALL = 102
    MADV_GUARD_REMOVE = 103


class Mremap(FlagSet):
    """mremap(2) `flags`."""

    MREMAP_MAYMOVE = 1
    MREMAP_FIXED = 2
    MREMAP_DONTUNMAP = 4


class Msync(FlagSet):
    """msync(2) `flags`."""

    MS_SYNC = 4
    MS_ASYNC = 1
    MS_INVALIDATE = 2


class Mlock(FlagSet):
    """mlock2(2) `flags`."""

    MLOCK_ONFAULT = 1


class Mlockall(FlagSet):
    """mlockall(2) `flags`."""

    MCL_CURRENT = 1
    MCL_FUTURE = 2
    MCL_ONFAULT = 4


class Memfd(FlagSet):
    """memfd_create(2) `flags`."""

    _fields = (0x3F << 26,)

    MFD_CLOEXEC = 0x0001
    MFD_ALLOW_SEALING = 0x0002
    MFD_HUGETLB = 0x0004
    MFD_NOEXEC_SEAL = 0x0008
    MFD_EXEC = 0x0010
    MFD_HUGE_2MB = 21 << 26
    MFD_HUGE_1GB = 30 << 26


class EntryType(EnumSet):
    """`d_type` of an entry of a directory (readdir(3))."""

    DT_UNKNOWN = 0
    DT_FIFO = 1
    DT_CHR = 2
    DT_DIR = 4
    DT_BLK = 6
    DT_REG = 8
    DT_LNK = 10
    DT_SOCK = 12
    DT_WHT = 14
