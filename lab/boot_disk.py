"""A disk that starts by itself on any usual machine: a root file system with Debian's generic kernel and boot loaders.

Start of a partition -> what is in it:
1 MiB    GRUB for BIOS, which the code in the first sector loads
2 MiB    EFI system partition: shim and GRUB as Debian signed them for Secure Boot, and the one grub.cfg for both GRUBs
66 MiB   the root file system

mmdebstrap installs kernel and boot loaders into a tree of their own, once for all disks; that needs neither root nor
packages of this machine.
"""

import os
import shlex
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab import box, box_builder, machine, tools

MIB = 1 << 20
BIOS_AT, EFI_AT, ROOT_AT = 1 * MIB, 2 * MIB, 66 * MIB
SECTOR = 512
# Root is the file system with a kernel, whatever the firmware calls its disk; Linux finds it by its label.
GRUB = f"""\
search --no-floppy --set=root --file /vmlinuz
probe --set=label --label $root
linux /vmlinuz root=LABEL=$label console=tty0 {machine.KERNEL.partition(" ")[2]}
initrd /initrd.img
boot
"""
FSTAB = "LABEL={label} / ext4 errors=remount-ro 0 1\n"
PACKAGES = ("grub-efi-amd64-signed", "grub-pc-bin", "linux-image-amd64", "mtools", "shim-signed", "zstd")
# Runs in the tree; GRUB is the text of grub.cfg. All that a disk needs is in /parts afterwards. files.tar has what the
# kernel's packages own (not every path, as documentation is left out), what their scripts made, and dpkg's notes.
COLLECT = """\
set -eu
mkdir /parts
cd /parts
packages="linux-image-amd64 linux-image-$(basename /usr/lib/modules/*)"
dpkg-query --status $packages >status
cp /usr/lib/grub/i386-pc/boot.img .
grub-mkimage --format=i386-pc --output=core.img --prefix='(,gpt2)/EFI/debian' \\
    biosdisk part_gpt fat ext2 normal search probe linux
printf '%s' "$GRUB" >grub.cfg
truncate --size=64M esp.img
mformat -i esp.img -F ::
mmd -i esp.img ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i esp.img /usr/lib/shim/shimx64.efi.signed ::/EFI/BOOT/BOOTX64.EFI
mcopy -i esp.img /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ::/EFI/BOOT/grubx64.efi
mcopy -i esp.img grub.cfg ::/EFI/debian/grub.cfg
cd /
{ dpkg-query --listfiles $packages; find vmlinuz initrd.img boot usr/lib/modules var/lib/dpkg/info/linux-image-*; } |
    sed 's,^/,,' | sort --unique |
    tar --create --file=/parts/files.tar --no-recursion --ignore-failed-read --files-from=-
"""
# $1 disk. Linux's name for the type of the first is "BIOS boot".
PARTITION = f"""\
sfdisk --quiet "$1" <<TABLE
label: gpt
start={BIOS_AT // SECTOR}, size={(EFI_AT - BIOS_AT) // SECTOR}, type=21686148-6449-6E6F-744E-656564454649
start={EFI_AT // SECTOR}, size={(ROOT_AT - EFI_AT) // SECTOR}, type=U
start={ROOT_AT // SECTOR}, type=L
TABLE
"""
# Where GRUB's code finds its next part, as the number of a sector in 8 bytes (GRUB: include/grub/i386/pc/boot.h,
# KERNEL_SECTOR; the start in the last entry of the block list, which ends with the sector).
NEXT_IN_BOOT, NEXT_IN_CORE = 0x5C, SECTOR - 12
BOOT_CODE = 440  # bytes of the first sector, before what is the partition table's


@dataclass(frozen=True)
class Parts:
    """What makes a disk start, in a folder: boot.img, core.img, esp.img, files.tar, status."""

    folder: Path

    def files(self) -> tuple[dict[PurePosixPath, tuple[bytes, int]], dict[PurePosixPath, str]]:
        """Kernel, initrd and modules: path in the guest -> content and mode, and path -> where the link leads."""
        files, links = {}, {}
        with tarfile.open(self.folder / "files.tar") as archive:
            for member in archive:
                path = PurePosixPath("/", member.name)
                if member.issym():
                    links[path] = member.linkname
                elif content := archive.extractfile(member):
                    files[path] = (content.read(), member.mode)
        return files, links

    def known(self, status: bytes) -> bytes:
        """Add the kernel's packages to dpkg's list of installed ones."""
        return status.rstrip(b"\n") + b"\n\n" + (self.folder / "status").read_bytes().rstrip(b"\n") + b"\n\n"


def parts(work: Path) -> Parts:
    """Install the newest generic kernel and boot loaders into a tree, and take what a disk needs into a folder.

    Raises:
        LabError: a tool is missing, or the packages cannot be downloaded.
    """
    tools.run(
        [
            *("sh", "-c", box_builder.WITH_CHILDREN, "sh", tools.find("mmdebstrap"), *box.OPTIONS, "--format=null"),
            f"--include={','.join(PACKAGES)}",
            f'--customize-hook=chroot "$1" sh -c {shlex.quote(COLLECT)}',
            f"--customize-hook=copy-out /parts {shlex.quote(str(work))}",
            box.SUITE,
        ],
        "Fetching the generic kernel and boot loaders",
        env={"TMPDIR": "/var/tmp", **os.environ, "GRUB": GRUB},  # noqa: S108
        hint="Is the package mirror reachable?",
    )
    return Parts(work / "parts")


def root(disk: Path) -> str:
    """The root file system of a disk, as e2fsprogs name it."""
    return f"{disk}?offset={ROOT_AT}"


def make(image: Path, gib: int, having: Parts, disk: Path) -> None:
    """Make a sparse disk that can start what is in an image.

    Args:
        image: ext4; its label must differ from those of other disks in the machine.
        gib: size of the disk; it must hold the image and `ROOT_AT` before it.
        having: boot loaders; the kernel's own files are not written here.
        disk: the raw disk, which must not exist.

    Raises:
        LabError: a tool is missing, or the disk is full.
    """
    with disk.open("xb") as new:
        new.truncate(gib << 30)
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{tools.SBIN}"}
    tools.find("sfdisk")
    tools.run(["sh", "-euc", PARTITION, "sh", disk], "Partitioning a disk", env=environment)
    boot = bytearray((having.folder / "boot.img").read_bytes()[:BOOT_CODE])
    core = bytearray((having.folder / "core.img").read_bytes())
    struct.pack_into("<Q", boot, NEXT_IN_BOOT, BIOS_AT // SECTOR)
    struct.pack_into("<Q", core, NEXT_IN_CORE, BIOS_AT // SECTOR + 1)
    with disk.open("r+b") as made:
        made.write(boot)
        made.seek(BIOS_AT)
        made.write(core)
    _place(having.folder / "esp.img", EFI_AT, disk)
    _place(image, ROOT_AT, disk)


def _place(part: Path, at: int, disk: Path) -> None:
    """Copy an image into an empty part of a disk, holes as holes."""
    size = part.stat().st_size
    into = f"driver=raw,offset={at},size={size},file.driver=file,file.filename={machine.value(disk)}"
    copy = ("qemu-img", "convert", "-n", "--target-is-zero", "-f", "raw", "--target-image-opts")
    tools.run([*copy, part, into], f"Copying {part.name} into a disk")
