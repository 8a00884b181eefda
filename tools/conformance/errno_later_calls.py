"""The lines of errno_calls.py, continued: the calls from number 218 on. Data only."""

LINES = """
set_tid_address BUF
restart_syscall
semtimedop 0 ZERO 1 TS0
fadvise64 file 0 4096 0
timer_create 0 0 BUF
timer_create 1 SIGEV BUF
timer_settime 0 0F ITS BUF
timer_gettime 0 BUF
timer_getoverrun 0
timer_delete 0
clock_settime 0 ZERO
clock_gettime 0 BUF
clock_getres 0 BUF
clock_nanosleep 0 0F TS0 BUF
exit_group 0
epoll_wait epfd BUF 1 0
epoll_ctl epfd 1 sock EPEV
epoll_ctl epfd 2 evfd 0
epoll_ctl epfd 3 evfd EPEV
tgkill self tid 0
tgkill self tid 18
utimes FILE ZERO
vserver 0 0 0 0 0
mbind AREA 4096 0 0 0 0F
set_mempolicy 0 0 0
get_mempolicy BUF BUF2 64 0 0F
mq_open NAME 0o102F 0o600F 0
mq_unlink NAME
mq_timedsend file BUF 4 0 TS0
mq_timedreceive file BUF 4 0 TS0
mq_notify file 0
mq_getsetattr file 0 BUF
kexec_load 0 0 0 0F
waitid 0 0P BUF 5F 0
ioprio_set 1 0P 0x4004
ioprio_get 1 0P
inotify_init
inotify_add_watch inot FILE 2F
inotify_rm_watch inot 1
migrate_pages 0P 64 ONE8 ONE8
openat -100 FILE 2F 0o600F
openat dir INNER 0F 0
openat -100 NEW 0o20200002F 0o600F
mkdirat -100 NEW 0o700F
mknodat -100 NEW 0o10600F 0
fchownat -100 FILE -1 -1 0F
futimesat -100 FILE ZERO
newfstatat -100 FILE BUF 0F
newfstatat file EMPTY BUF 0x1000F
unlinkat -100 FILE 0F
unlinkat -100 EMPTYDIR 0x200F
renameat -100 FILE -100 NEW
linkat -100 FILE -100 NEW 0F
symlinkat FILE -100 NEW
readlinkat -100 LINK BUF 64
fchmodat -100 FILE 0o600F
faccessat -100 FILE 4F
pselect6 64 ZERO ZERO ZERO TS0 0
ppoll POLLFD 1 TS0 SIGSET 8
unshare 0F
unshare 0x600F
set_robust_list ROBUST 24
get_robust_list 0P BUF BUF2
splice rpipe 0 wfile 0 4 2F
splice file ZERO wpipe 0 4 2F
tee rpipe wpipe2 4 2F
sync_file_range file 0 4096 2F
vmsplice wpipe IOV 1 2F
move_pages 0P 1 PAGES 0 BUF 2F
utimensat -100 FILE ZERO 0F
utimensat -100 FILE 0 0x100F
epoll_pwait epfd BUF 1 0 SIGSET 8
signalfd -1 SIGSET 8
timerfd_create 1 0F
eventfd 0
fallocate wfile 0F 0 4096
timerfd_settime tfd 0F ITS BUF
timerfd_gettime tfd BUF
accept4 lsock BUF LEN16 0F
signalfd4 -1 SIGSET 8 0F
signalfd4 sigfd SIGSET 8 0F
eventfd2 0 0F
epoll_create1 0F
dup3 file 50 0F
pipe2 BUF 0F
inotify_init1 0F
preadv file IOV 1 0 0
pwritev wfile IOV 1 0 0
rt_tgsigqueueinfo self tid 0 SIGINFO
rt_tgsigqueueinfo self tid 18 SIGINFO
perf_event_open ZERO 0P -1 -1 0F
recvmmsg ustream MSG 1 0x40F TS0
fanotify_init 0F 0F
fanotify_mark file 1F 1F -100 FILE
prlimit64 0P 7 0 BUF
prlimit64 0P 7 RLIM BUF
name_to_handle_at -100 FILE HANDLE BUF 0F
open_by_handle_at -100 HANDLE 0F
clock_adjtime 0 ZERO
sendmmsg ustream MSG 1 0x40F
setns pidfd 0F
getcpu BUF BUF2 0
process_vm_readv self IOV 1 IOV 1 0F
process_vm_writev self IOV 1 IOV 1 0F
kcmp self self 0 3 4
finit_module file NAME 0F
sched_setattr 0P SCHED 0F
sched_getattr 0P BUF 48 0F
renameat2 -100 FILE -100 NEW 0F
renameat2 -100 FILE -100 DIR 2F
seccomp 2 0F ACTION
seccomp 3 0F BUF
seccomp 1 0F FILTER
getrandom BUF 16 0F
memfd_create NAME 0F
kexec_file_load -1 -1 0 0 0F
bpf 0 ZERO 72
execveat -100 FILE ARGV ARGV 0F
execveat file EMPTY ARGV ARGV 0x1000F
userfaultfd 0F
membarrier 0 0F 0
mlock2 AREA 4096 0F
copy_file_range file 0 wfile 0 4 0F
preadv2 file IOV 1 0 0 0F
pwritev2 wfile IOV 1 0 0 0F
pkey_mprotect AREA 4096 1F -1
pkey_alloc 0F 0F
pkey_free 1
statx -100 FILE 0F 0x7fff BUF
statx file EMPTY 0x1000F 0x7fff BUF
io_pgetevents 0 0 1 BUF TS0 0
rseq RSEQ 32 0F 0x1234
pidfd_send_signal pidfd 0 0 0F
pidfd_send_signal pidfd 18 0 0F
io_uring_setup 1 ZERO
io_uring_enter file 0 0 0F 0 0
io_uring_register file 0 0 0
open_tree -100 DIR 0F
move_mount -100 DIR -100 DIR 0F
fsopen NAME 0F
fsconfig file 0 NAME NAME 0
fsmount file 0F 0F
fspick -100 DIR 0F
pidfd_open self 0F
clone3 CLONE 64
close_range 60 70 0F
openat2 -100 FILE HOW 24
openat2 dir INNER HOW 24
pidfd_getfd pidfd file 0F
faccessat2 -100 FILE 4F 0F
process_madvise pidfd IOV 1 20 0F
epoll_pwait2 epfd BUF 1 TS0 SIGSET 8
mount_setattr -100 DIR 0F ZERO 32
quotactl_fd file 0 0 0
landlock_create_ruleset 0 0 1F
landlock_create_ruleset ONE8 8 0F
landlock_add_rule file 1 ZERO 0F
landlock_restrict_self file 0F
memfd_secret 0F
process_mrelease pidfd 0F
futex_waitv WAITV 1 0F TS0 1
set_mempolicy_home_node AREA 4096 0 0F
cachestat file ZERO BUF 0F
fchmodat2 -100 FILE 0o600F 0F
map_shadow_stack 0 4096 0F
futex_wake WORD 1 1 2F
futex_wait WORD 1 1 2F TS0 1
futex_requeue WAITV 0F 1 1
statmount ZERO BUF 64 0F
listmount ZERO BUF 8 0F
lsm_get_self_attr 100 BUF LEN16 0F
lsm_set_self_attr 100 BUF 16 0F
lsm_list_modules BUF LEN16 0F
mseal AREA 4096 0F
setxattrat -100 FILE 0F XATTR ZERO 16
getxattrat -100 FILE 0F XATTR ZERO 16
listxattrat -100 FILE 0F BUF 64
removexattrat -100 FILE 0F XATTR
open_tree_attr -100 DIR 0F ZERO 32
"""
