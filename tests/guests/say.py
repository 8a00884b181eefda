"""What test guests print their transcripts with: labels, numbers, results with errno names. Unbuffered, on stdout."""

from guest.lang import addr, array, i64, syscall, u8, u64
from syscalls import numbers

ERRORS = (
    b";1:EPERM;2:ENOENT;3:ESRCH;4:EINTR;5:EIO;6:ENXIO;7:E2BIG;8:ENOEXEC;9:EBADF;10:ECHILD;11:EAGAIN;"
    b"12:ENOMEM;13:EACCES;14:EFAULT;15:ENOTBLK;16:EBUSY;17:EEXIST;18:EXDEV;19:ENODEV;20:ENOTDIR;"
    b"21:EISDIR;22:EINVAL;23:ENFILE;24:EMFILE;25:ENOTTY;26:ETXTBSY;27:EFBIG;28:ENOSPC;29:ESPIPE;"
    b"30:EROFS;31:EMLINK;32:EPIPE;33:EDOM;34:ERANGE;35:EDEADLK;36:ENAMETOOLONG;37:ENOLCK;38:ENOSYS;"
    b"39:ENOTEMPTY;40:ELOOP;42:ENOMSG;43:EIDRM;44:ECHRNG;45:EL2NSYNC;46:EL3HLT;47:EL3RST;48:ELNRNG;"
    b"49:EUNATCH;50:ENOCSI;51:EL2HLT;52:EBADE;53:EBADR;54:EXFULL;55:ENOANO;56:EBADRQC;57:EBADSLT;"
    b"59:EBFONT;60:ENOSTR;61:ENODATA;62:ETIME;63:ENOSR;64:ENONET;65:ENOPKG;66:EREMOTE;67:ENOLINK;"
    b"68:EADV;69:ESRMNT;70:ECOMM;71:EPROTO;72:EMULTIHOP;73:EDOTDOT;74:EBADMSG;75:EOVERFLOW;"
    b"76:ENOTUNIQ;77:EBADFD;78:EREMCHG;79:ELIBACC;80:ELIBBAD;81:ELIBSCN;82:ELIBMAX;83:ELIBEXEC;"
    b"84:EILSEQ;85:ERESTART;86:ESTRPIPE;87:EUSERS;88:ENOTSOCK;89:EDESTADDRREQ;90:EMSGSIZE;"
    b"91:EPROTOTYPE;92:ENOPROTOOPT;93:EPROTONOSUPPORT;94:ESOCKTNOSUPPORT;95:EOPNOTSUPP;"
    b"96:EPFNOSUPPORT;97:EAFNOSUPPORT;98:EADDRINUSE;99:EADDRNOTAVAIL;100:ENETDOWN;101:ENETUNREACH;"
    b"102:ENETRESET;103:ECONNABORTED;104:ECONNRESET;105:ENOBUFS;106:EISCONN;107:ENOTCONN;"
    b"108:ESHUTDOWN;109:ETOOMANYREFS;110:ETIMEDOUT;111:ECONNREFUSED;112:EHOSTDOWN;113:EHOSTUNREACH;"
    b"114:EALREADY;115:EINPROGRESS;116:ESTALE;117:EUCLEAN;118:ENOTNAM;119:ENAVAIL;120:EISNAM;"
    b"121:EREMOTEIO;122:EDQUOT;123:ENOMEDIUM;124:EMEDIUMTYPE;125:ECANCELED;126:ENOKEY;127:EKEYEXPIRED;"
    b"128:EKEYREVOKED;129:EKEYREJECTED;130:EOWNERDEAD;131:ENOTRECOVERABLE;132:ERFKILL;"
)


def say(text: bytes) -> None:
    """Print `text` as it is."""
    syscall(numbers.write, 1, text.ptr, len(text))


def say_number(value: i64) -> None:
    """Print a number in decimal."""
    digits = array[u8, 24]()
    at = i64(24)
    rest = u64(value)
    if value < 0:
        rest = 0 - rest
    while True:
        at -= 1
        digits[at] = u8(0x30 + rest % 10)
        rest = rest // 10
        if rest == 0:
            break
    if value < 0:
        at -= 1
        digits[at] = 0x2D
    syscall(numbers.write, 1, addr(digits[at]), 24 - at)


def say_hex(value: u64) -> None:
    """Print a number in hexadecimal with 0x before it."""
    digits = array[u8, 20]()
    at = i64(20)
    rest = value
    while True:
        at -= 1
        digit = u8(rest & 15)
        if digit < 10:
            digits[at] = digit + 0x30
        else:
            digits[at] = digit + 0x57
        rest = rest >> 4
        if rest == 0:
            break
    digits[at - 1] = 0x78
    digits[at - 2] = 0x30
    syscall(numbers.write, 1, addr(digits[at - 2]), 22 - at)


def say_error(code: i64) -> None:
    """Print the name of an errno value; its number when there is none."""
    i = i64(0)
    while i < len(ERRORS):
        value = i64(0)
        i += 1
        while i < len(ERRORS) and ERRORS[i] != 0x3A:
            value = value * 10 + i64(ERRORS[i]) - 0x30
            i += 1
        i += 1
        start = i
        while i < len(ERRORS) and ERRORS[i] != 0x3B:
            i += 1
        if value == code:
            say(ERRORS[start:i])
            return
        if i + 1 >= len(ERRORS):
            break
    say_number(code)


def result(label: bytes, value: i64) -> i64:
    """Print `label: value`, or `label: -ENAME` for an error; returns the value."""
    say(label)
    say(b": ")
    if value < 0 and value > -4096:
        say(b"-")
        say_error(-value)
    else:
        say_number(value)
    say(b"\n")
    return value


def check(label: bytes, truth: bool) -> None:
    """Print `label: yes` or `label: no`."""
    say(label)
    if truth:
        say(b": yes\n")
    else:
        say(b": no\n")
