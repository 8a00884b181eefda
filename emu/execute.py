"""How a program begins: found in the guest's roots, put into an empty address space, its code looked through.

What execve(2) finds by itself is in `syscalls.programs`; here is what the first program of a run and all later ones share.
"""

import errno
import fcntl
import os
from collections.abc import Sequence

from emu.binaries import Space, binary_of
from emu.elf import PAGE, ElfError, check, open_program, parse
from emu.loader import STACK_SIZE, Identity, Loaded, load
from emu.memory import AddressSpace
from emu.places import Places
from syscalls import credentials
from syscalls.elf import File, Image, read
from syscalls.files import FileSystem
from syscalls.flags import Seal
from syscalls.flags.threads import Rlimit
from syscalls.limits import limit
from syscalls.process import Process, Thread
from syscalls.programs import SCRIPT_HEAD, Executable, Program, find_interpreter, find_program, script_line
from syscalls.strings import Strings

_SMALLEST_STACK = 256 << 10
_LARGEST_STACK = 64 << 20  # of the 128 MiB that are kept free for it (MIN_GAP in arch/x86/mm/mmap.c)


def first_program(
    program: str | os.PathLike[str] | bytes, arguments: Sequence[bytes], files: FileSystem, process: Process
) -> Program:
    """The program that a run begins with: an ELF or a script by its host path, or an ELF in bytes; interpreters come from
    the guest's roots.

    To be closed. Raises ElfError, also when an interpreter is not there.
    """
    if not isinstance(program, bytes):
        script = _first_script(os.fspath(program), arguments, files, process)
        if script is not None:
            return script
    image = _first_image(program)
    try:
        interpreter = _first_interpreter(image, files, process)
    except BaseException:
        if image.descriptor >= 0:
            os.close(image.descriptor)
        raise
    name = (os.path.basename(arguments[0]) if arguments else os.fsencode(image.name))[:15]
    path = os.fsencode(image.path)
    return Program(image, interpreter, list(arguments), os.fsencode(image.name), path, path, name)


def _first_script(
    name: str, arguments: Sequence[bytes], files: FileSystem, process: Process
) -> Program | None:
    descriptor = open_program(name)
    line = script_line(os.pread(descriptor, SCRIPT_HEAD, 0))
    if line is None:
        os.close(descriptor)
        return None
    path = os.fsencode(os.path.realpath(name))
    argv = list(arguments) or [b""]
    room = Strings(STACK_SIZE, len(argv), 0)
    called = os.fsencode(os.path.abspath(name))  # the guest may be somewhere else
    try:
        return find_program(files, process, None, Executable(descriptor, path), called, argv, room)
    except OSError as error:
        wanted = os.fsdecode(line.interpreter)
        raise _unusable(name, wanted, error) from None


def _first_image(program: str | os.PathLike[str] | bytes) -> Image:
    if isinstance(program, bytes):
        return _in_file(parse(program), program)
    name = os.fspath(program)
    descriptor = open_program(name)
    try:
        image = read(File(descriptor), name, os.path.realpath(name))
        check(image, whole=True)
    except BaseException:
        os.close(descriptor)
        raise
    return image


def _in_file(image: Image, data: bytes) -> Image:
    """The image in a file that nobody can change: all its processes share its text then (emu.texts)."""
    descriptor = os.memfd_create(image.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, Seal.F_SEAL_WRITE | Seal.F_SEAL_SHRINK | Seal.F_SEAL_GROW)
    except BaseException:
        os.close(descriptor)
        raise
    return image._replace(content=File(descriptor))


def _first_interpreter(image: Image, files: FileSystem, process: Process) -> Image | None:
    try:
        return find_interpreter(files, process, None, image)
    except OSError as error:
        raise _unusable(image.name, os.fsdecode(image.interpreter or b""), error) from None


def _unusable(name: str, wanted: str, error: OSError) -> ElfError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ElfError(
            f"{name}: needs the interpreter {wanted}, which is not among the guest's files:"
            " --root shows it those of a directory (--root / this machine's)"
        )
    own_words = error.errno in (errno.ELIBBAD, errno.ENOEXEC)
    reason = error.strerror if own_words else os.strerror(error.errno or 0)
    return ElfError(f"{name}: its interpreter {wanted} cannot be used: {reason}")


def places_of(program: Program, base: int, memory: Space) -> Places:
    """Where a pc lies in a program that was loaded at `base`, or in a library of its."""
    image = program.image
    path = os.fsdecode(program.path)
    if image.descriptor >= 0:
        status = os.fstat(image.descriptor)
        binary = binary_of(program.host_path, (status.st_dev, status.st_ino))
        if binary is not None:
            return Places(binary, base, memory, path)
    return Places(image.content.read(0, image.content.size), base, memory, path)


def identity_of(thread: Thread) -> Identity:
    """What the auxiliary vector says of who a thread is; AT_SECURE as cap_bprm_creds_from_file() decides for plain files."""
    own = credentials.of(thread)
    secure = own.uid != own.euid or own.gid != own.egid
    return Identity(own.uid, own.euid, own.gid, own.egid, int(secure))


def stack_size_of(process: Process) -> int:
    """RLIMIT_STACK in whole pages, within what is left for a stack: bytes."""
    soft, _ = limit(process, Rlimit.RLIMIT_STACK)
    return max(_SMALLEST_STACK, min(soft, _LARGEST_STACK)) & -PAGE


def begin(
    space: AddressSpace,
    program: Program,
    environment: Sequence[bytes],
    *,
    random: bytes,
    identity: Identity,
    stack_size: int = STACK_SIZE,
) -> Loaded:
    """Puts a program into an empty address space; the registers of its first thread follow from the result.

    `random` are the 16 bytes behind AT_RANDOM. Raises ElfError; where its `code` is 0, Linux would end the process by
    SIGSEGV.
    """
    loaded = load(
        space,
        program.image,
        program.argv,
        environment,
        random=random,
        interpreter=program.interpreter,
        filename=program.execfn,
        identity=identity,
        stack_size=stack_size,
    )
    space.start_brk(loaded.brk)
    return loaded
