"""A call of each kind that succeeds, or nearly: what part `errnos` spoils, one argument at a time. Data only.

A line is a name and arguments that make sense. Words are descriptors (`file`, `dir`: `SLOTS` of errno_values.py), objects in memory (`FILE`, `BUF`: its
`OBJECTS`), ids (`self`, `tid`), or numbers; a number that ends in `F` is a set of flags, in `P` an id of a process. A name may stand in several lines: its forms.
"""

LINES = """
read file BUF 16
read evfd BUF 8
read tfd BUF 8
write wfile BUF 16
write evfd ONE8 8
open FILE 2F 0o600F
open NEW 0o102F 0o600F
open DIR 0o200000F 0
close file
stat FILE BUF
fstat file BUF
lstat LINK BUF
poll POLLFD 1 0
lseek file 0 0
mmap 0 4096 3F 0x22F -1 0
mmap 0 4096 1F 1F file 0
mmap AREA 4096 3F 0x32F -1 0
mprotect AREA 4096 1F
munmap AREA 4096
brk 0
rt_sigaction 10 ZERO BUF 8
rt_sigprocmask 0 SIGSET BUF 8
rt_sigreturn
ioctl file 0x541b BUF
ioctl sock 0x5421 ONE8
ioctl tty 0x5401 BUF
ioctl tty 0x5413 BUF
ioctl tty 0x540f BUF
ioctl ptm 0x80045430 BUF
ioctl dir 0x5450 0
ioctl sock 0x8912 ZERO
ioctl sock 0x8906 BUF
ioctl rpipe 0x541b BUF
ioctl file 0x80086601 BUF
ioctl memfd 0xc020660b ZERO
pread64 file BUF 16 0
pwrite64 wfile BUF 16 0
readv file IOV 1
writev wfile IOV 1
access FILE 4F
pipe BUF
select 64 ZERO ZERO ZERO TS0
sched_yield
mremap AREA 4096 8192 1F 0
mremap AREA 4096 4096 3F AREA2
msync AREA 4096 4F
mincore AREA 4096 BUF
madvise AREA 4096 4
shmget 0 4096 0o1600F
shmat 0 0 0F
shmctl 0 2 BUF
dup file
dup2 file 50
nanosleep TS0 BUF
getitimer 0 BUF
alarm 0
setitimer 0 ZERO BUF
getpid
sendfile wfile file ZERO 4
sendfile wfile file 0 4
socket 2 1F 0
socket 1 2F 0
connect sock SIN 16
connect ustream SUN 110
connect udp SIN 16
accept lsock BUF LEN16
sendto udp BUF 4 0F SIN 16
sendto ustream BUF 4 0x40F 0 0
recvfrom ustream BUF 4 0x40F BUF2 LEN16
sendmsg ustream MSG 0x40F
recvmsg ustream MSG 0x40F
shutdown ustream 0
shutdown sock 2
bind sock SIN0 16
bind udgram SUN 110
listen sock 1
getsockname sock BUF LEN16
getpeername ustream BUF LEN16
socketpair 1 1F 0 BUF
setsockopt sock 1 2 ONE8 4
setsockopt sock 1 20 TS0 16
setsockopt sock 6 1 ONE8 4
setsockopt udp 0 1 ONE8 4
getsockopt sock 1 4 BUF LEN16
getsockopt sock 6 1 BUF LEN16
getsockopt ustream 1 17 BUF LEN16
getsockopt udp 0 1 BUF LEN16
clone 17F 0 BUF BUF 0
fork
vfork
execve FILE ARGV ARGV
execve DIR ARGV ARGV
exit 0
wait4 -1P BUF 1F BUF2
kill self 0
kill self 18
uname BUF
semget 0 1 0o1600F
semop 0 ZERO 1
semctl 0 0 2 BUF
shmdt AREA
msgget 0 0o1600F
msgsnd 0 ONE8 8 0o4000F
msgrcv 0 BUF 8 0 0o4000F
msgctl 0 2 BUF
fcntl file 1 0
fcntl file 0 50
fcntl file 3 0
fcntl file 4 0F
fcntl file 5 LOCK
fcntl wfile 6 LOCK
fcntl file 36 LOCK
fcntl sock 8 self
fcntl rpipe 1031 4096
fcntl memfd 1033 0F
fcntl dir 1026 1F
fcntl file 1024 0
fcntl file 10 10
fcntl file 15 OWNER
flock file 5F
fsync file
fdatasync file
truncate FILE 4
ftruncate wfile 4
getdents dir BUF 1024
getcwd BUF 4096
chdir DIR
fchdir dir
rename FILE NEW
mkdir NEW 0o700F
rmdir EMPTYDIR
creat NEW 0o600F
link FILE NEW
unlink FILE
symlink FILE NEW
readlink LINK BUF 64
chmod FILE 0o600F
fchmod file 0o600F
chown FILE -1 -1
chown FILE self -1
fchown file -1 -1
lchown LINK -1 -1
umask 0o22F
gettimeofday BUF BUF2
getrlimit 7 BUF
getrusage 0 BUF
sysinfo BUF
times BUF
ptrace 16 0P 0 0
getuid
syslog 3 BUF 16
syslog 10 0 0
getgid
setuid 65534
setgid 65534
geteuid
getegid
setpgid 0P 0P
getppid
getpgrp
setsid
setreuid -1 -1
setregid -1 -1
getgroups 16 BUF
setgroups 0 ZERO
setresuid -1 -1 -1
getresuid BUF BUF2 BUF3
setresgid -1 -1 -1
getresgid BUF BUF2 BUF3
getpgid 0P
setfsuid 65534
setfsgid 65534
getsid 0P
capget CAPS BUF
capset CAPS ZERO
rt_sigpending BUF 8
rt_sigtimedwait SIGSET BUF TS0 8
rt_sigqueueinfo self 0 SIGINFO
rt_sigqueueinfo self 18 SIGINFO
rt_sigsuspend SIGSET 9
sigaltstack STACK BUF
utime FILE ZERO
mknod NEW 0o10600F 0
mknod NEW 0o100600F 0
uselib FILE
personality 0xffffffff
ustat 0 BUF
statfs FILE BUF
fstatfs file BUF
sysfs 3 0 0
getpriority 0 0P
setpriority 0 0P 5
sched_setparam 0P ZERO
sched_getparam 0P BUF
sched_setscheduler 0P 0 ZERO
sched_getscheduler 0P
sched_get_priority_max 1
sched_get_priority_min 1
sched_rr_get_interval 0P BUF
mlock AREA 4096
munlock AREA 4096
mlockall 1F
munlockall
vhangup
modify_ldt 0 BUF 64
pivot_root DIR DIR
_sysctl ZERO
prctl 15 NAME 0 0 0
prctl 16 BUF 0 0 0
prctl 1 0 0 0 0
prctl 3 0 0 0 0
prctl 4 1 0 0 0
prctl 38 1 0 0 0
prctl 39 0 0 0 0
prctl 36 1 0 0 0
prctl 37 BUF 0 0 0
prctl 23 0 0 0 0
prctl 24 0 0 0 0
prctl 28 0F 0 0 0
prctl 22 1 0 0 0
prctl 35 1 AREA 0 0
prctl 47 2 0 0 0
prctl 41 0 0 0 0
prctl 52 0 0 0 0
prctl 0x53564d41 0 AREA 4096 NAME
arch_prctl 0x1003 BUF
arch_prctl 0x1002 BUF
arch_prctl 0x1012 1
arch_prctl 0x1021 BUF
adjtimex ZERO
setrlimit 7 RLIM
chroot DIR
acct 0
settimeofday 0 0
mount DIR DIR NAME 0F 0
umount2 DIR 0F
swapon FILE 0F
swapoff FILE
sethostname NAME 4
setdomainname NAME 4
iopl 3
ioperm 0 1 1
create_module NAME 4096
init_module BUF 16 NAME
delete_module NAME 0F
get_kernel_syms 0
query_module 0 0 0 0 0
quotactl 0 0 0 0
nfsservctl 0 0 0
getpmsg 0 0 0 0 0
putpmsg 0 0 0 0 0
afs_syscall 0 0 0 0 0
tuxcall 0 0 0
security 0 0 0
gettid
readahead file 0 4096
setxattr FILE XATTR BUF 4 0F
lsetxattr FILE XATTR BUF 4 0F
fsetxattr wfile XATTR BUF 4 0F
getxattr FILE XATTR BUF 64
lgetxattr LINK XATTR BUF 64
fgetxattr file XATTR BUF 64
listxattr FILE BUF 64
llistxattr LINK BUF 64
flistxattr file BUF 64
removexattr FILE XATTR
lremovexattr FILE XATTR
fremovexattr file XATTR
tkill tid 0
tkill tid 18
time BUF
futex WORD 1 1 0 0 0
futex WORD 0 1 TS0 0 0
futex WORD 4 1 1 WORD2 0
futex WORD 5 1 1 WORD2 0
futex WORD 7 0 0 0 0
futex WORD 9 1 TS0 0 1
futex WORD 10 1 0 0 1
futex WORD 6 0 0 0 0
sched_setaffinity 0P 8 ONE8
sched_getaffinity 0P 128 BUF
set_thread_area ZERO
io_setup 1 ZERO
io_destroy 0
io_getevents 0 0 1 BUF TS0
io_submit 0 0 0
io_cancel 0 ZERO BUF
get_thread_area ZERO
lookup_dcookie 0 BUF 64
epoll_create 1
epoll_ctl_old 0 0 0 0
epoll_wait_old 0 0 0 0
remap_file_pages AREA 4096 0 0 0F
getdents64 dir BUF 1024
"""

NOT_RUN = {
    "reboot": "what it does to the machine, if anything is wrong with the privileges",
    "sync": "it would write out all files of the machine, again and again",
    "syncfs": "the same for one file system",
    "request_key": "the kernel starts a program of the machine, as root, to ask for the key",
    "add_key": "keys stay in the kernel when the program has ended",
    "keyctl": "it could revoke keys that others of the same session use",
    "pause": "it never returns; the guests of signals cover it",
}
"""Calls that are not made, each with the reason."""

LASTING = ("shmget", "semget", "msgget", "mq_open")
"""Calls that leave objects behind: made only where the run has a namespace of its own for them."""
