"""How many labels are right, by every way of asking: `bash ops/bench labels`."""
