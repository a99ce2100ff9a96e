"""Measures the engine and its peers on the same work, in turns: `bash ops/bench --help`."""
