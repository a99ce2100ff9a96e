"""What runs on an NVIDIA GPU, with kernels in Triton: attention over paged KV, and Llama's decoder.

Only this package imports triton, and nothing outside imports it before a GPU is used. `paged_decode`,
`paged_prefill` and `kv_write` hold kernels and the functions that launch them, as do `rms_norm`, `rotary` and
`swiglu` for what lies between a decoder's matrix products; what is decided on the host (tile sizes, splits,
tables of tiles, factors) imports neither triton nor torch.
"""
