"""Constants of terminals (termios(3), ioctl_tty(2)); values of asm-generic/termbits.h, termios.h and ioctls.h."""

from syscalls.flags.base import EnumSet, FlagSet


class InputMode(FlagSet):
    """`c_iflag`."""

    IGNBRK = 0o1
    BRKINT = 0o2
    IGNPAR = 0o4
    PARMRK = 0o10
    INPCK = 0o20
    ISTRIP = 0o40
    INLCR = 0o100
    IGNCR = 0o200
    ICRNL = 0o400
    IUCLC = 0o1000
    IXON = 0o2000
    IXANY = 0o4000
    IXOFF = 0o10000
    IMAXBEL = 0o20000
    IUTF8 = 0o40000


class OutputMode(FlagSet):
    """`c_oflag`."""

    _fields = (0o400, 0o3000, 0o14000, 0o20000, 0o40000, 0o100000)

    NL1 = 0o400
    CR1 = 0o1000
    CR2 = 0o2000
    CR3 = 0o3000
    TAB1 = 0o4000
    TAB2 = 0o10000
    TAB3 = 0o14000
    BS1 = 0o20000
    VT1 = 0o40000
    FF1 = 0o100000
    OPOST = 0o1
    OLCUC = 0o2
    ONLCR = 0o4
    OCRNL = 0o10
    ONOCR = 0o20
    ONLRET = 0o40
    OFILL = 0o100
    OFDEL = 0o200


class ControlMode(FlagSet):
    """`c_cflag`."""

    _fields = (0o10017, 0o60)

    B0 = 0o0
    B50 = 0o1
    B75 = 0o2
    B110 = 0o3
    B134 = 0o4
    B150 = 0o5
    B200 = 0o6
    B300 = 0o7
    B600 = 0o10
    B1200 = 0o11
    B1800 = 0o12
    B2400 = 0o13
    B4800 = 0o14
    B9600 = 0o15
    B19200 = 0o16
    B38400 = 0o17
    B57600 = 0o10001
    B115200 = 0o10002
    B230400 = 0o10003
    CS6 = 0o20
    CS7 = 0o40
    CS8 = 0o60
    CSTOPB = 0o100
    CREAD = 0o200
    PARENB = 0o400
    PARODD = 0o1000
    HUPCL = 0o2000
    CLOCAL = 0o4000
    CRTSCTS = 0o20000000000


class LocalMode(FlagSet):
    """`c_lflag`."""

    ISIG = 0o1
    ICANON = 0o2
    XCASE = 0o4
    ECHO = 0o10
    ECHOE = 0o20
    ECHOK = 0o40
    ECHONL = 0o100
    NOFLSH = 0o200
    IEXTEN = 0o100000
    ECHOCTL = 0o1000
    ECHOPRT = 0o2000
    ECHOKE = 0o4000
    FLUSHO = 0o10000
    PENDIN = 0o40000
    TOSTOP = 0o400
    EXTPROC = 0o200000


class LineDiscipline(EnumSet):
    """`c_line`."""

    N_TTY = 0


class ControlCharacter(EnumSet):
    """Index into `c_cc`."""

    VINTR = 0
    VQUIT = 1
    VERASE = 2
    VKILL = 3
    VEOF = 4
    VTIME = 5
    VMIN = 6
    VSWTC = 7
    VSTART = 8
    VSTOP = 9
    VSUSP = 10
    VEOL = 11
    VREPRINT = 12
    VDISCARD = 13
    VWERASE = 14
    VLNEXT = 15
    VEOL2 = 16


class FlowAction(EnumSet):
    """The argument of TCXONC (tcflow(3))."""

    TCOOFF = 0
    TCOON = 1
    TCIOFF = 2
    TCION = 3


class QueueSelector(EnumSet):
    """The argument of TCFLSH (tcflush(3))."""

    TCIFLUSH = 0
    TCOFLUSH = 1
    TCIOFLUSH = 2


class PacketStatus(FlagSet):
    """The first byte of what the master of a pseudo-terminal reads in packet mode (TIOCPKT)."""

    TIOCPKT_DATA = 0
    TIOCPKT_FLUSHREAD = 1
    TIOCPKT_FLUSHWRITE = 2
    TIOCPKT_STOP = 4
    TIOCPKT_START = 8
    TIOCPKT_NOSTOP = 16
    TIOCPKT_DOSTOP = 32
    TIOCPKT_IOCTL = 64
