"""How good summaries are: ours, and those of the same model through transformers with its texts cut off."""
