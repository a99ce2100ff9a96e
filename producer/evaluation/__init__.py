"""How good results are, by rows whose right answer is known; needs the extra `evaluate`."""
