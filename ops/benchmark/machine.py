"""What a report says of the machine that it comes from."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """The cores, the processor's name, the memory."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    return f"Machine: {len(names) or '?'} cores, {name}, {_memory_bytes() / (1 << 30):.0f} GiB"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
