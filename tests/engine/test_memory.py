"""The KV cache takes its share of what is really free."""

from pathlib import Path

import pytest

from engine.memory import CPU_MAX_BYTES, default_kv_cache_bytes, free_cpu_bytes

GIB = 1 << 30


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n")
    return path


def test_without_a_limit_it_is_what_the_machine_has_available(proc: Path, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    assert free_cpu_bytes(proc, tmp_path) == 8 * GIB


def test_in_a_container_it_is_what_the_limit_leaves(proc: Path, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{3 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    assert free_cpu_bytes(proc, tmp_path) == 2 * GIB


def test_the_default_is_never_more_than_its_cap() -> None:
    assert 0 < default_kv_cache_bytes() <= CPU_MAX_BYTES
