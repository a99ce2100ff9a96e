"""Steps on an NVIDIA GPU, with kernels in Triton: attention over paged KV, and Llama's decoder.

`backend` puts it together and `runner` computes steps: `step_layout` says what lies where, `inputs` sends it,
`plan` attends, `decode_graphs` has CUDA launch decodes at once. `device` is the seam to CUDA. `paged_decode`,
`paged_prefill` and `kv_write` hold kernels and the functions that launch them, as do `rms_norm`, `rotary` and
`swiglu` for what lies between a decoder's matrix products. What is decided on the host (layouts, buckets,
tile sizes, splits, memory) imports neither triton nor torch. Only this package imports triton, and nothing
outside imports it before a GPU is used.
"""
