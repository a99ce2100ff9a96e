"""Fit a head on a labelled history; needs the extra `fit`, which workers do without."""
