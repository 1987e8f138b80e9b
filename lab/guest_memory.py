"""Makes a guest give memory back in which it only keeps files, so that its stored state is small.

The guest reports free memory to QEMU some two seconds after it became free, in pieces of a size that is lowered for
the time; QEMU makes holes of them in the file of the memory.
"""

import time
from pathlib import Path

from lab.bare import Run, expect

# A guest that keeps less than this of files is left alone: then storing all of it is quicker.
WORTH_MIB = 128
RELEASE = """
sum='/^(Cached|Buffers):/ { sum += $2 } /^Shmem:/ { sum -= $2 } END { print int(sum / 1024) }'
[ "$(awk "$sum" /proc/meminfo)" -ge "$1" ] || exit 0
order=/sys/module/page_reporting/parameters/page_reporting_order
[ -w "$order" ] && cat "$order" && echo 4 > "$order"
sync
echo 3 > /proc/sys/vm/drop_caches
echo 1 > /proc/sys/vm/compact_memory
"""
RESTORE = 'echo "$1" > /sys/module/page_reporting/parameters/page_reporting_order'
DEADLINE = 5.0
QUIET = 0.5  # seconds without another hole: the guest has reported what it had
PAUSE = 0.1


def release(run: Run, node: str, memory: Path) -> None:
    """Let a guest drop what it keeps of files, and wait until QEMU has that memory back; for a few seconds at most.

    Args:
        run: out-of-band command.
        node: the guest.
        memory: the file that is its memory.
    """
    usual = expect(run, node, "sh", "-eu", "-c", RELEASE, "sh", str(WORTH_MIB)).strip()
    if usual:
        _await_holes(memory)
        expect(run, node, "sh", "-eu", "-c", RESTORE, "sh", usual)


def _await_holes(memory: Path) -> None:
    """Wait until the file has become smaller, and then stays so. A state that is stored too early is only larger."""
    ends = time.monotonic() + DEADLINE
    first = smallest = memory.stat().st_blocks
    since = time.monotonic()
    while time.monotonic() < ends and (smallest == first or time.monotonic() - since < QUIET):
        time.sleep(PAUSE)
        if (now := memory.stat().st_blocks) < smallest:
            smallest, since = now, time.monotonic()
