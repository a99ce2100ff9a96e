"""Attention over paged KV on a GPU, in Triton.

Only this package imports triton, and nothing outside imports it before a GPU is used. `paged_decode`,
`paged_prefill` and `kv_write` hold kernels and the functions that launch them; what is decided on the host
(tile sizes, splits, tables of tiles, factors) imports neither triton nor torch.
"""
