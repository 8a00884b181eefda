"""The requests of ioctl(2); values of asm-generic/ioctls.h and sockios.h."""

from syscalls.flags.base import EnumSet


class Ioctl(EnumSet):
    """ioctl(2) requests that are known by name (ioctl_tty(2), ioctl_fs(2) and others)."""

    TCGETS = 0x5401
    TCSETS = 0x5402
    TCSETSW = 0x5403
    TCSETSF = 0x5404
    TCGETA = 0x5405
    TCSETA = 0x5406
    TCSETAW = 0x5407
    TCSETAF = 0x5408
    TCSBRK = 0x5409
    TCXONC = 0x540A
    TCFLSH = 0x540B
    TIOCEXCL = 0x540C
    TIOCNXCL = 0x540D
    TIOCSCTTY = 0x540E
    TIOCGPGRP = 0x540F
    TIOCSPGRP = 0x5410
    TIOCOUTQ = 0x5411
    TIOCSTI = 0x5412
    TIOCGWINSZ = 0x5413
    TIOCSWINSZ = 0x5414
    TIOCMGET = 0x5415
    TIOCMBIS = 0x5416
    TIOCMBIC = 0x5417
    TIOCMSET = 0x5418
    TIOCGSOFTCAR = 0x5419
    TIOCSSOFTCAR = 0x541A
    FIONREAD = 0x541B
    TIOCLINUX = 0x541C
    TIOCCONS = 0x541D
    TIOCGSERIAL = 0x541E
    TIOCSSERIAL = 0x541F
    TIOCPKT = 0x5420
    FIONBIO = 0x5421
    TIOCNOTTY = 0x5422
    TIOCSETD = 0x5423
    TIOCGETD = 0x5424
    TCSBRKP = 0x5425
    TIOCSBRK = 0x5427
    TIOCCBRK = 0x5428
    TIOCGSID = 0x5429
    TCGETS2 = 0x802C542A
    TCSETS2 = 0x402C542B
    TCSETSW2 = 0x402C542C
    TCSETSF2 = 0x402C542D
    TIOCGPTN = 0x80045430
    TIOCSPTLCK = 0x40045431
    TIOCGDEV = 0x80045432
    TIOCSIG = 0x40045436
    TIOCVHANGUP = 0x5437
    TIOCGPKT = 0x80045438
    TIOCGPTLCK = 0x80045439
    TIOCGEXCL = 0x80045440
    TIOCGPTPEER = 0x5441
    FIONCLEX = 0x5450
    FIOCLEX = 0x5451
    FIOASYNC = 0x5452
    TIOCGLCKTRMIOS = 0x5456
    TIOCSLCKTRMIOS = 0x5457
    FIOQSIZE = 0x5460
    FIBMAP = 1
    FIGETBSZ = 2
    FS_IOC_GETFLAGS = 0x80086601
    FS_IOC_GETVERSION = 0x80087601
    FS_IOC_FIEMAP = 0xC020660B
    SIOCGSTAMP = 0x8906
    SIOCGSTAMPNS = 0x8907
    SIOCATMARK = 0x8905

    @classmethod
    def text(cls, value: int) -> str:
        """The name; of an unknown request what its number says (asm-generic/ioctl.h)."""
        name = super().text(value)
        if not name.startswith("0x"):
            return name
        direction = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")[value >> 30 & 3]
        size = value >> 16 & 0x3FFF
        return f"_IOC({direction}, {_hex(value >> 8 & 0xFF)}, {_hex(value & 0xFF)}, {_hex(size)})"


def _hex(value: int) -> str:
    return hex(value) if value else "0"
