"""Constants of System V and POSIX interprocess communication: shmget(2), semop(2), msgsnd(2), mq_open(3)."""

from syscalls.flags.base import EnumSet, FlagSet


class Ipc(FlagSet):
    """Flags that the get calls share."""

    IPC_CREAT = 0o1000
    IPC_EXCL = 0o2000
    IPC_NOWAIT = 0o4000


class ShmGet(FlagSet):
    """shmget(2) `shmflg`, without its mode."""

    _fields = (0x3F << 26,)

    IPC_CREAT = 0o1000
    IPC_EXCL = 0o2000
    SHM_HUGETLB = 0o4000
    SHM_NORESERVE = 0o10000
    SHM_HUGE_2MB = 21 << 26
    SHM_HUGE_1GB = 30 << 26


class ShmAt(FlagSet):
    """shmat(2) `shmflg`."""

    SHM_RDONLY = 0o10000
    SHM_RND = 0o20000
    SHM_REMAP = 0o40000
    SHM_EXEC = 0o100000


class ShmCtl(EnumSet):
    """shmctl(2) `cmd`."""

    IPC_RMID = 0
    IPC_SET = 1
    IPC_STAT = 2
    IPC_INFO = 3
    SHM_LOCK = 11
    SHM_UNLOCK = 12
    SHM_STAT = 13
    SHM_INFO = 14
    SHM_STAT_ANY = 15


class ShmMode(FlagSet):
    """What `shm_perm.mode` holds beside rights."""

    SHM_DEST = 0o1000
    SHM_LOCKED = 0o2000


class SemCtl(EnumSet):
    """semctl(2) `cmd`."""

    IPC_RMID = 0
    IPC_SET = 1
    IPC_STAT = 2
    IPC_INFO = 3
    GETPID = 11
    GETVAL = 12
    GETALL = 13
    GETNCNT = 14
    GETZCNT = 15
    SETVAL = 16
    SETALL = 17
    SEM_STAT = 18
    SEM_INFO = 19
    SEM_STAT_ANY = 20


class SemOp(FlagSet):
    """`sem_flg` of struct sembuf."""

    IPC_NOWAIT = 0o4000
    SEM_UNDO = 0x1000


class MsgFlag(FlagSet):
    """msgsnd(2) and msgrcv(2) `msgflg`."""

    IPC_NOWAIT = 0o4000
    MSG_NOERROR = 0o10000
    MSG_EXCEPT = 0o20000
    MSG_COPY = 0o40000


class MsgCtl(EnumSet):
    """msgctl(2) `cmd`."""

    IPC_RMID = 0
    IPC_SET = 1
    IPC_STAT = 2
    IPC_INFO = 3
    MSG_STAT = 11
    MSG_INFO = 12
    MSG_STAT_ANY = 13
